"""Several systems on the same gold: scores, kinds of errors, significance."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from spacy_cmner.analysis.errors import ErrorCounts
from spacy_cmner.analysis.gold import Entities, GoldText
from spacy_cmner.analysis.scores import Counts, TypeCounts
from spacy_cmner.analysis.significance import Significance, compare_f1, count_documents
from spacy_cmner.analysis.tables import (
    ERROR_HEADER,
    SCORE_HEADER,
    Table,
    error_cells,
    score_cells,
)
from spacy_cmner.data.records import Entity

TEST_HEADER = ("ΔF1", "95 % from", "to", "p (bootstrap)", "p (randomisation)")

# One set of entities a text, by the name of the system.
Systems = Mapping[str, Sequence[Set[Entity]]]


@dataclass(frozen=True)
class Comparison:
    """What `cmner compare` reports.

    scores (Dict[str, TypeCounts]): by the name of the system.
    errors (Dict[str, ErrorCounts]): by the name of the system.
    significance (Dict[str, Significance]): each other system's F1 less that of the best.
    """

    scores: dict[str, TypeCounts]
    errors: dict[str, ErrorCounts]
    significance: dict[str, Significance]

    def to_tables(self) -> list[Table]:
        """Scores with significance, errors, and F1 per type."""
        return [self._scores_table(), self._errors_table(), self._types_table()]

    def joined(self) -> Table:
        """Scores, significance and errors in one row a system, for further use."""
        scores, errors = self._scores_table(), self._errors_table()
        rows = [(*a, *b[1:]) for a, b in zip(scores.rows, errors.rows, strict=True)]
        return Table("Systems", (*scores.header, *errors.header[1:]), rows)

    def _scores_table(self) -> Table:
        rows = []
        for name, counts in self.scores.items():
            test = self.significance.get(name)
            cells = ("",) * len(TEST_HEADER) if test is None else significance_cells(test)
            rows.append((name, *score_cells(counts.total), *cells))
        title = f"Scores, and differences from {self.best}"
        return Table(title, ("system", *SCORE_HEADER, *TEST_HEADER), rows)

    def _errors_table(self) -> Table:
        rows = [(name, *error_cells(errors.counts)) for name, errors in self.errors.items()]
        return Table("Errors", ("system", *ERROR_HEADER), rows)

    def _types_table(self) -> Table:
        per_type = {name: counts.per_type for name, counts in self.scores.items()}
        labels = sorted({label for counts in per_type.values() for label in counts})
        rows = []
        for label in labels:
            scores = [counts.get(label, Counts()) for counts in per_type.values()]
            rows.append((label, *(f"{100 * score.f1:.2f}" for score in scores)))
        return Table("F1 per type", ("type", *per_type), rows)

    @cached_property
    def best(self) -> str:
        """The system with the highest F1; the first of equals."""
        return max(self.scores, key=lambda name: self.scores[name].total.f1)


def compare(
    texts: Sequence[GoldText],
    systems: Systems,
    *,
    flat: bool = False,
    samples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Score systems on the same texts and test each against the best.

    texts (Sequence[GoldText]): the gold data.
    systems (Systems): the predictions; at least one system.
    flat (bool): score against flat gold instead of all gold.
    samples (int): how many samples the tests draw.
    seed (int): of the tests.
    """
    gold = select_gold(texts, flat=flat)
    judged = {name: judged_predictions(texts, found, flat=flat) for name, found in systems.items()}
    scores = {name: TypeCounts() for name in systems}
    errors = {name: ErrorCounts() for name in systems}
    for name, predicted in judged.items():
        for expected, found in zip(gold, predicted, strict=True):
            scores[name].add(expected, found)
            errors[name].add(expected, found)
    comparison = Comparison(scores, errors, {})
    counts = {name: count_documents(gold, predicted) for name, predicted in judged.items()}
    for name in systems:
        if name != comparison.best:
            comparison.significance[name] = compare_f1(
                counts[name], counts[comparison.best], samples=samples, seed=seed
            )
    return comparison


def select_gold(texts: Sequence[GoldText], *, flat: bool) -> list[Entities]:
    """The flat gold entities of each text, or all of them."""
    return [text.gold.flat if flat else text.gold.entities for text in texts]


def judged_predictions(
    texts: Sequence[GoldText], predicted: Sequence[Set[Entity]], *, flat: bool = False
) -> list[Entities]:
    """The predictions that are right or wrong, see ``Gold.judged``."""
    return [
        text.gold.judged(found, flat=flat) for text, found in zip(texts, predicted, strict=True)
    ]


def significance_cells(test: Significance) -> tuple[str, ...]:
    """The columns of ``TEST_HEADER``; differences in per cent."""
    return (
        f"{100 * test.difference:+.2f}",
        f"{100 * test.low:+.2f}",
        f"{100 * test.high:+.2f}",
        f"{test.p_bootstrap:.4f}",
        f"{test.p_randomisation:.4f}",
    )
