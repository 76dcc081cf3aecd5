"""The figures of an experiment: over seeds, and tested against a baseline."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spacy_cmner.analysis.comparison import judged_predictions
from spacy_cmner.analysis.errors import ERRORS
from spacy_cmner.analysis.gold import GoldText, load_predictions
from spacy_cmner.analysis.significance import Ints, Significance, compare_f1, count_documents
from spacy_cmner.errors import Messages
from spacy_cmner.experiments.design import Experiment, Row
from spacy_cmner.experiments.runs import Run, Runs


@dataclass(frozen=True)
class Measure:
    """A figure of `metrics.json`.

    name (str): its column.
    path (Tuple[str, ...]): where it stands in the file.
    scale (float): to multiply it by.
    digits (int): to show behind the point.
    """

    name: str
    path: tuple[str, ...]
    scale: float = 1.0
    digits: int = 1

    def read(self, metrics: Mapping[str, Any]) -> float:
        """RAISES: KeyError if the run has not measured it."""
        value: Any = metrics
        for key in self.path:
            value = value[key]
        return self.scale * float(value)

    def is_in(self, metrics: Mapping[str, Any]) -> bool:
        """Whether the run has measured it."""
        return self.path[0] in metrics


F1 = Measure("F1 all", ("all", "f"), 100, 2)
F1_FLAT = Measure("F1 flat", ("flat", "f"), 100, 2)
F1_SEEN = Measure("F1 seen", ("seen", "f"), 100, 2)
F1_UNSEEN = Measure("F1 unseen", ("unseen", "f"), 100, 2)
SCORES = (
    Measure("P", ("all", "p"), 100, 2),
    Measure("R", ("all", "r"), 100, 2),
    F1,
    F1_FLAT,
    Measure("F1 new texts", ("deduplicated", "all", "f"), 100, 2),
    F1_SEEN,
    F1_UNSEEN,
)
ERROR_CLASSES = tuple(Measure(error.value, ("errors", error.value)) for error in ERRORS)
COSTS = (
    Measure("best epoch", ("training", "best_epoch")),
    Measure("epochs", ("training", "epochs")),
    Measure("seconds/epoch", ("training", "seconds_per_epoch")),
    Measure("decoding characters/s", ("speed", "characters_per_second"), 1, 0),
)
MEASURES = (*SCORES, *ERROR_CLASSES, *COSTS)

# The reports that test rows against a reference.
TESTED = ("scores", "curve")


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    deviation (Optional[float]): the sample's standard deviation; None of a single seed.
    """

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """RAISES: statistics.StatisticsError without values."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation)

    def show(self, digits: int) -> str:
        deviation = "" if self.deviation is None else f" ± {self.deviation:.{digits}f}"
        return f"{self.mean:.{digits}f}{deviation}"


@dataclass(frozen=True)
class RowSummary:
    """A row over its finished runs.

    runs (List[Run]): by seed.
    metrics (List[Dict]): what each has written.
    test (Optional[Significance]): its F1 on all gold less that of the reference; None of the
        reference itself and where no seed is common to both.
    """

    row: Row
    runs: Sequence[Run]
    metrics: Sequence[Mapping[str, Any]]
    test: Significance | None = None

    def spread(self, measure: Measure) -> Spread:
        return Spread.of([measure.read(metrics) for metrics in self.metrics])

    def type_f1(self, label: str) -> Spread:
        """F1 of a type, on all gold."""
        per_type = [metrics["all"]["per_type"] for metrics in self.metrics]
        return Spread.of([100 * each[label]["f"] if label in each else 0.0 for each in per_type])

    @property
    def types(self) -> set[str]:
        return {label for metrics in self.metrics for label in metrics["all"]["per_type"]}


@dataclass(frozen=True)
class Summary:
    """All rows of an experiment that have a finished run.

    missing (List[Row]): those that have none.
    reference (Optional[RowSummary]): the row that the others are tested against.
    """

    experiment: Experiment
    rows: Sequence[RowSummary]
    missing: Sequence[Row]
    reference: RowSummary | None

    @property
    def untested(self) -> list[RowSummary]:
        """The rows that could not be tested, where others are: no seed is one of the reference."""
        if self.reference is None or self.experiment.report not in TESTED:
            return []
        seeds = {run.seed for run in self.reference.runs}
        return [each for each in self.rows if seeds.isdisjoint(run.seed for run in each.runs)]

    def measured(self, measures: Sequence[Measure]) -> list[Measure]:
        """Those that every run has measured: one of an earlier release may lack some."""
        metrics = [metrics for each in self.rows for metrics in each.metrics]
        return [measure for measure in measures if all(map(measure.is_in, metrics))]


def summarise(
    experiment: Experiment,
    rows: Sequence[Row],
    runs: Runs,
    texts: Sequence[GoldText],
    *,
    samples: int = 10_000,
) -> Summary:
    """Collect what the runs have written, and test each row against the reference.

    The unit of the tests is the document: its counts are summed over the seeds that both rows
    have, so that seeds are not taken for more data.

    texts (Sequence[GoldText]): the development set.
    samples (int): how many the tests draw.
    RAISES: CM526 if no run is finished, CM502 and CM503 if one was scored on other texts.
    """
    found = {row.name: [*runs.finished(row)] for row in rows}
    done = [
        RowSummary(row, found[row.name], [run.read_metrics() for run in found[row.name]])
        for row in rows
        if found[row.name]
    ]
    if not done:
        raise Messages.CM526.error(
            experiment=experiment.name,
            data=runs.data,
            fraction=f"{runs.fraction:g}",
            folder=runs.out,
        )
    reference = choose_reference(experiment, done)
    if reference is not None and experiment.report in TESTED:
        against = count_runs(reference, texts)
        done = [
            each
            if each is reference
            else replace(each, test=compare_rows(count_runs(each, texts), against, samples))
            for each in done
        ]
    return Summary(experiment, done, [row for row in rows if not found[row.name]], reference)


def choose_reference(experiment: Experiment, rows: Sequence[RowSummary]) -> RowSummary | None:
    """The reference of the experiment, or the baseline with the best mean F1 on all gold."""
    if experiment.reference is not None:
        named = [each for each in rows if each.row.name == experiment.reference]
    else:
        named = [each for each in rows if each.row.baseline]
    return max(named, key=lambda each: each.spread(F1).mean, default=None)


def count_runs(summary: RowSummary, texts: Sequence[GoldText]) -> dict[int, Ints]:
    """What the tests need of each document, by seed."""
    gold = [text.gold.entities for text in texts]
    return {
        run.seed: count_documents(
            gold, judged_predictions(texts, load_predictions(run.predictions, texts))
        )
        for run in summary.runs
    }


def compare_rows(a: dict[int, Ints], b: dict[int, Ints], samples: int) -> Significance | None:
    """Test the F1 over all common seeds of two rows."""
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return None
    pooled_a, pooled_b = (np.sum([counts[seed] for seed in seeds], axis=0) for counts in (a, b))
    return compare_f1(pooled_a, pooled_b, samples=samples)
