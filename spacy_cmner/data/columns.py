"""CoNLL-style columns: a token and its label on each line, a blank line between sentences."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spacy_cmner.data.checks import RawSpan, checked_record
from spacy_cmner.data.files import read_lines
from spacy_cmner.data.labels import Scheme, detect_scheme, first_unreadable, spans_from_labels
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages

_SEPARATOR = re.compile(r"[ \t]+")
_PUNCTUATION = frozenset("。！？；，")  # of sentences, never of a word


def read_columns(
    path: Path, report: Report, *, encoding: str = "utf-8", scheme: Scheme | None = None
) -> Iterator[Record]:
    """Read the first column as the token, the last as its label.

    Columns are separated by blanks or tabs. A blank at the start of a line is itself the token.
    Tokens are joined without blanks; one of several characters gives all of them its label. A line
    with another number of columns than most is reported, and a token in an entity that holds more
    than a word.

    path (Path): The file, its line ends Unix or Windows.
    report (Report): Takes a finding for everything that is mended or left out.
    scheme (Scheme | None): "bio", "bioes", or None to see it from the labels of the file.
    RAISES (CmnerError): The file is missing or in another encoding.
    """
    sentences = [
        _Sentence(number, lines, [_columns(line) for line in lines])
        for number, lines in _sentences(read_lines(path, encoding))
    ]
    every_row = [row for sentence in sentences for row in sentence.rows]
    scheme = scheme or detect_scheme(row[-1] for row in every_row)
    usual = Counter(map(len, every_row)).most_common(1)[0][0] if every_row else 0
    for sentence in sentences:
        if not _is_readable(sentence, scheme, report):
            continue
        number, _, rows = sentence
        _report_uneven(sentence, usual, report)
        _report_uncut(sentence, report)
        tokens, labels = [row[0] for row in rows], [row[-1] for row in rows]
        spans = labelled_spans(tokens, labels, scheme, report, number=number)
        if spans is None:
            continue
        record = checked_record("".join(tokens), spans, report, number=number)
        if record is not None:
            yield record


class _Sentence(NamedTuple):
    number: int  # of its first line
    lines: list[str]
    rows: list[list[str]]


def _is_readable(sentence: _Sentence, scheme: Scheme, report: Report) -> bool:
    """Whether each line has a label, and its last column is one; the first that has not is
    reported."""
    for i, (line, row) in enumerate(zip(sentence.lines, sentence.rows, strict=True)):
        place: dict[str, Any] = {"number": sentence.number, "line": sentence.number + i}
        if len(row) < 2:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM133, **place, text=line)
            return False
        if len(row) > 2 and first_unreadable(row[-1:], scheme) is not None:
            others = [
                j for j, field in enumerate(row, 1) if first_unreadable([field], "bioes") is None
            ]
            hint = f", but field {others[-1]} looks like a label" if others else ""
            place |= {"label": row[-1], "fields": len(row)}
            report.add(
                Outcome.SKIPPED, Item.RECORD, Messages.CM166, **place, scheme=scheme, hint=hint
            )
            return False
    return True


def _report_uneven(sentence: _Sentence, usual: int, report: Report) -> None:
    """Report the first line that has not so many columns."""
    number, lines, rows = sentence
    i = next((i for i, row in enumerate(rows) if len(row) != usual), None)
    if i is not None:
        values = {"line": number + i, "text": lines[i], "fields": len(rows[i]), "usual": usual}
        report.add(Outcome.DOUBTFUL, Item.RECORD, Messages.CM167, number=number, **values)


def _report_uncut(sentence: _Sentence, report: Report) -> None:
    """Report the first token that holds more than a word, but is in an entity: where columns are
    exported of a text that has no blanks between words, a sentence is one token."""
    number, lines, rows = sentence
    for i, (token, *_, label) in enumerate(rows):
        if label != "O" and len(token) > 1 and not _PUNCTUATION.isdisjoint(token):
            values = {"line": number + i, "text": lines[i]}
            report.add(Outcome.DOUBTFUL, Item.RECORD, Messages.CM171, number=number, **values)
            return


def labelled_spans(
    tokens: Sequence[str],
    labels: Sequence[str],
    scheme: Scheme,
    report: Report,
    *,
    number: int,
) -> list[RawSpan] | None:
    """Turn one label a token into character spans, and report what had to be mended.

    tokens (Sequence[str]): The tokens; a string counts as its characters.
    labels (Sequence[str]): Their labels.
    RETURNS (list[RawSpan] | None): None where the record has to be skipped: another number of
        labels than tokens, or a label that is not of the scheme.
    """
    if len(tokens) != len(labels):
        report.add(
            Outcome.SKIPPED,
            Item.RECORD,
            Messages.CM130,
            number=number,
            labels=len(labels),
            characters=len(tokens),
        )
        return None
    unreadable = first_unreadable(labels, scheme)
    if unreadable is not None:
        report.add(
            Outcome.SKIPPED,
            Item.RECORD,
            Messages.CM131,
            number=number,
            label=unreadable,
            scheme=scheme,
        )
        return None
    offsets = [0]
    for token in tokens:
        offsets.append(offsets[-1] + len(token))
    spans = []
    for start, end, label, problem in spans_from_labels(labels, scheme):
        span = RawSpan(offsets[start], offsets[end], label)
        spans.append(span)
        if problem:
            report.add(
                Outcome.REPAIRED,
                Item.ENTITY,
                Messages.CM132,
                number=number,
                token=start,
                problem=problem,
                entity=span,
            )
    return spans


def _sentences(file_lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of a sentence's first line, from 1, and its lines."""
    lines: list[str] = []
    for number, line in enumerate([*file_lines, ""], start=1):
        if line.strip(" \t") and not line.startswith("-DOCSTART-"):
            lines.append(line)
        elif lines:
            yield number - len(lines), lines
            lines = []


def _columns(line: str) -> list[str]:
    """Split into token and further columns."""
    if line[0] in " \t":
        return [line[0], *_SEPARATOR.split(line.strip(" \t"))]
    return _SEPARATOR.split(line.rstrip(" \t"))
