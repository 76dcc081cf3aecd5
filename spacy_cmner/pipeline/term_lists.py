"""Reading typed term lists.

| Ending | A line is | Type |
|---|---|---|
| ``.txt`` | a term; what follows a tab is ignored | given, or the name of the file: ``dru.txt`` |
| ``.csv`` | term, type; others are ignored | second column, or that headed "type" or "label" |
| ``.jsonl`` | ``{"term": "青霉素", "type": "dru"}`` | a string or a list of strings |

A term of several types stands in several lines, or in one JSON line with a list.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from spacy_cmner.data.files import read_lines, write_text
from spacy_cmner.errors import Messages

TERM_HEADERS = ("term", "术语", "名称", "词", "词语")
LABEL_HEADERS = ("type", "label", "类型", "类别", "标签")


class Term(NamedTuple):
    """A term and one of its types."""

    text: str
    label: str


def read_terms(path: str | Path, label: str | None = None) -> list[Term]:
    """Registered as the reader `spacy-cmner.read_terms.v1`.

    path (Path): a UTF-8 file that ends in .txt, .csv or .jsonl, see above.
    label (Optional[str]): the type of all terms, instead of that in the list.
    RETURNS (List[Term]): in the order of the file.
    RAISES: CM101 and CM102 for a file that cannot be read, CM410 for another ending, CM411 for a
        line that holds no term or no type.
    """
    path = Path(path)
    try:
        read = READERS[path.suffix.lower()]
    except KeyError:
        raise Messages.CM410.error(path=path, endings=", ".join(READERS)) from None
    terms: list[Term] = []
    for number, term in read(path, read_lines(path)):
        term = Term(term.text.strip(), (term.label if label is None else label).strip())
        if not all(term):
            raise Messages.CM411.error(path=path, line=number, expected="a term and a type")
        terms.append(term)
    return terms


def write_terms(path: Path, terms: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write terms with their types as a JSONL list."""
    lines = (
        json.dumps({"term": term, "type": [*labels]}, ensure_ascii=False) for term, labels in terms
    )
    write_text(path, "".join(line + "\n" for line in lines))


def _read_txt(path: Path, lines: list[str]) -> Iterator[tuple[int, Term]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, Term(line.split("\t")[0], path.stem)


def _read_csv(path: Path, lines: list[str]) -> Iterator[tuple[int, Term]]:
    rows = list(_read_rows(path, lines))
    columns = _find_columns(rows[0][1]) if rows else None
    term, label = columns or (0, 1)
    for number, row in rows[columns is not None :]:
        if len(row) <= max(term, label):
            raise Messages.CM411.error(path=path, line=number, expected="term,type")
        yield number, Term(row[term], row[label])


def _find_columns(row: list[str]) -> tuple[int, int] | None:
    """Where the terms and the types stand, by their names; None for a row that holds no names."""
    names = [cell.strip().lower() for cell in row]
    terms, labels = (
        [names.index(name) for name in headers if name in names]
        for headers in (TERM_HEADERS, LABEL_HEADERS)
    )
    return (terms[0], labels[0]) if terms and labels else None


def _read_rows(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, with the number of their first line."""
    rows = csv.reader(lines, strict=True)
    number = 1
    try:
        for row in rows:
            if row:
                yield number, row
            number = rows.line_num + 1
    except csv.Error as error:
        expected = f"CSV whose quotes are closed, and doubled within others ({error})"
        raise Messages.CM411.error(path=path, line=number, expected=expected) from None


def _read_jsonl(path: Path, lines: list[str]) -> Iterator[tuple[int, Term]]:
    expected = '{"term": …, "type": …}'
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            term, types = entry["term"], entry["type"]
        except (json.JSONDecodeError, TypeError, KeyError):
            raise Messages.CM411.error(path=path, line=number, expected=expected) from None
        labels = types if isinstance(types, list) else [types]
        if not labels or not all(isinstance(value, str) for value in (term, *labels)):
            raise Messages.CM411.error(path=path, line=number, expected=expected)
        for label in labels:
            yield number, Term(term, label)


READERS = {".txt": _read_txt, ".csv": _read_csv, ".jsonl": _read_jsonl}
