"""Whether the scores of entities mean what they say: of those with 0.8, are 80 % right?

Guo et al. (2017), On Calibration of Modern Neural Networks: reliability diagram and expected
calibration error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language

from spacy_cmner.analysis.gold import GoldText, read
from spacy_cmner.analysis.plots import create_figure, save_figure
from spacy_cmner.analysis.tables import Table
from spacy_cmner.data.records import Entity
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.confidence import NAME
from spacy_cmner.pipeline.recognisers import find_recognisers, settings

N_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Entities with scores in (``above``, ``up_to``].

    count (int): how many; the means are None where there is none.
    confidence (Optional[float]): mean score.
    precision (Optional[float]): share that is right.
    """

    above: float
    up_to: float
    count: int
    confidence: float | None
    precision: float | None

    @property
    def gap(self) -> float:
        """How far scores are from the truth, positive where they promise too much."""
        if self.confidence is None or self.precision is None:
            return 0.0
        return self.confidence - self.precision


@dataclass(frozen=True)
class Calibration:
    """How scores compare with the truth.

    bins (List[Bin]): of equal width, from 0 to 1.
    error (float): expected calibration error, the mean of the bins' absolute gaps by count.
    brier (float): Brier score, the mean squared difference of score and truth.
    """

    bins: list[Bin]
    error: float
    brier: float

    @property
    def count(self) -> int:
        return sum(each.count for each in self.bins)

    def to_dict(self) -> dict[str, Any]:
        return {"entities": self.count, **asdict(self)}

    def to_table(self) -> Table:
        """The reliability diagram in figures."""
        filled = [each for each in self.bins if each.count]
        rows = [
            (
                f"{each.above:.1f}–{each.up_to:.1f}",
                str(each.count),
                f"{each.confidence:.3f}",
                f"{each.precision:.3f}",
                f"{each.gap:+.3f}",
            )
            for each in filled
        ]
        title = f"Calibration: ECE {self.error:.4f}, Brier {self.brier:.4f}, n = {self.count}"
        return Table(title, ("score", "entities", "mean score", "precision", "gap"), rows)


def calibration(
    scores: Sequence[float], correct: Sequence[bool], n_bins: int = N_BINS
) -> Calibration:
    """Compare the scores of entities with whether they are right.

    scores (Sequence[float]): from 0 to 1.
    correct (Sequence[bool]): one a score.
    RAISES: CM515 if there is no score.
    """
    if not len(scores):
        raise Messages.CM515.error()
    values, truth = np.asarray(scores, dtype=float), np.asarray(correct, dtype=float)
    owners = np.clip(np.ceil(values * n_bins).astype(int) - 1, 0, n_bins - 1)
    bins = []
    for i in range(n_bins):
        inside = owners == i
        known = inside.any()
        bins.append(
            Bin(
                above=i / n_bins,
                up_to=(i + 1) / n_bins,
                count=int(inside.sum()),
                confidence=float(values[inside].mean()) if known else None,
                precision=float(truth[inside].mean()) if known else None,
            )
        )
    error = sum(each.count * abs(each.gap) for each in bins) / len(values)
    return Calibration(bins, error, float(((values - truth) ** 2).mean()))


def calibrate(nlp: Language, texts: Iterable[GoldText]) -> Calibration:
    """Run a pipeline over gold data and compare the scores of its entities with the truth.

    Arguments and errors as ``judge_scores``.
    """
    return calibration(*judge_scores(nlp, texts))


def judge_scores(nlp: Language, texts: Iterable[GoldText]) -> tuple[list[float], list[bool]]:
    """The scores of the entities that a pipeline finds in gold texts, and whether each is right.

    Counted are the entities of ``doc.ents`` that have a score, against all gold entities.

    nlp (Language): a pipeline with a ``cmner``; its scores are switched on for the time.
    RAISES: CM431 if no component is a recogniser; CM515 if no entity has a score.
    """
    scores: list[float] = []
    correct: list[bool] = []
    texts = list(texts)
    with settings(find_recognisers(nlp), scores=True):
        for doc, text in zip(read(nlp, (text.text for text in texts)), texts, strict=True):
            found = {
                Entity(ent.start_char, ent.end_char, ent.label_): ent._.get(NAME)
                for ent in doc.ents
            }
            judged = text.gold.judged(
                entity for entity, score in found.items() if score is not None
            )
            scores += [found[entity] for entity in judged]
            correct += [entity in text.gold.entities for entity in judged]
    if not scores:
        raise Messages.CM515.error()
    return scores, correct


def plot_reliability(result: Calibration, path: Path) -> None:
    """Draw the reliability diagram, over a histogram of the scores.

    path (Path): its ending is the format, such as .png or .svg.
    RAISES: CM516 if matplotlib is not installed.
    """
    figure = create_figure(4.5, 5.5)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    filled = [each for each in result.bins if each.count]
    middles = [(each.above + each.up_to) / 2 for each in filled]
    width = 0.95 / len(result.bins)
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="calibrated")
    upper.bar(middles, [each.precision for each in filled], width, color="#4878a8", alpha=0.6)
    upper.plot(
        [each.confidence for each in filled],
        [each.precision for each in filled],
        color="#a83232",
        marker="o",
        label=f"ECE {result.error:.3f}",
    )
    upper.set(ylabel="precision", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left", frameon=False)
    lower.bar(middles, [each.count for each in filled], width, color="#4878a8")
    lower.set(xlabel="score", ylabel="entities")
    save_figure(figure, path)
