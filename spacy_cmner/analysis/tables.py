"""Tables of results, made once and shown on the terminal, in Markdown or as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import wasabi

from spacy_cmner.analysis.errors import ERRORS, ErrorCounts, Verdict
from spacy_cmner.analysis.evaluation import Evaluation, Scores
from spacy_cmner.analysis.scores import Counts, TypeCounts

SCORE_HEADER = ("P", "R", "F1", "gold", "predicted", "correct")
ERROR_HEADER = tuple(error.value for error in ERRORS)


@dataclass(frozen=True)
class Table:
    """A titled table; the first column is names, the others are figures."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def to_terminal(self) -> str:
        aligns: list[Literal["l", "r"]] = ["r" for _ in self.header]
        aligns[0] = "l"
        header, *rows = self._lines()
        body = wasabi.table(rows, header=header, divider=True, aligns=aligns)
        return f"{one_line(self.title)}\n{body}"

    def to_markdown(self) -> str:
        rule = ("---", *("---:" for _ in self.header[1:]))
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in self._lines()]
        lines = [f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:])]
        return "\n".join([f"### {one_line(self.title)}", "", *lines])

    def to_csv(self) -> str:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([self.header, *self.rows])
        return buffer.getvalue()

    def _lines(self) -> list[list[str]]:
        """The header and the rows, each on one line."""
        return [[one_line(cell) for cell in row] for row in (self.header, *self.rows)]


def one_line(text: str) -> str:
    """Text without line ends and other characters that cannot be shown, which would break a table
    or its file."""
    return "".join(char if char.isprintable() else " " for char in text)


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """The tables of `cmner evaluate`."""
    rows = _score_rows(evaluation.scores)
    if evaluation.deduplicated is not None:
        rows += _score_rows(evaluation.deduplicated, ", deduplicated")
    if evaluation.seen is not None and evaluation.unseen is not None:
        rows.append(("seen in training", *score_cells(evaluation.seen.total)))
        rows.append(("unseen in training", *score_cells(evaluation.unseen.total)))
    tables = [
        Table("Scores", ("", *SCORE_HEADER), rows),
        type_table("Per type, all gold", evaluation.scores.all_gold),
        type_table("Per type, flat gold", evaluation.scores.flat_gold),
        error_type_table(evaluation.errors),
    ]
    if evaluation.errors.confusions:
        tables.append(confusion_table(evaluation.errors))
    return tables


def type_table(title: str, counts: TypeCounts) -> Table:
    """Scores, a type a row."""
    rows = [(label, *score_cells(score)) for label, score in counts.per_type.items()]
    return Table(title, ("type", *SCORE_HEADER), rows)


def error_type_table(errors: ErrorCounts) -> Table:
    """Errors against all gold, a type a row."""
    rows = [(label, *error_cells(errors.per_type[label])) for label in sorted(errors.per_type)]
    rows.append(("all", *error_cells(errors.counts)))
    return Table("Errors, all gold", ("type", *ERROR_HEADER), rows)


def confusion_table(errors: ErrorCounts) -> Table:
    """The ten commonest type errors."""
    rows = [
        (f"{gold} → {predicted}", str(count))
        for (gold, predicted), count in errors.confusions.most_common(10)
    ]
    return Table("Types taken for others", ("gold → predicted", "count"), rows)


def score_cells(counts: Counts) -> tuple[str, ...]:
    """The columns of ``SCORE_HEADER``; ratios in per cent."""
    ratios = (counts.precision, counts.recall, counts.f1)
    numbers = (counts.gold, counts.predicted, counts.correct)
    return (*(f"{100 * ratio:.2f}" for ratio in ratios), *map(str, numbers))


def error_cells(counts: Mapping[Verdict, int]) -> tuple[str, ...]:
    """The columns of ``ERROR_HEADER``."""
    return tuple(str(counts.get(error, 0)) for error in ERRORS)


def _score_rows(scores: Scores, suffix: str = "") -> list[tuple[str, ...]]:
    return [
        (f"all gold{suffix}", *score_cells(scores.all_gold.total)),
        (f"flat gold{suffix}", *score_cells(scores.flat_gold.total)),
    ]
