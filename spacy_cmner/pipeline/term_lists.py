"""Reading typed term lists.

| Ending | A line is | Type |
|---|---|---|
| ``.txt`` | a term; what follows a tab is ignored | given, or the name of the file: ``dru.txt`` |
| ``.csv`` | term, type; others are ignored | second column, or that with such a header |
| ``.jsonl`` | ``{"term": "青霉素", "type": "dru", "id": "J01CE"}`` | a string or a list of them |

A term of several types stands in several lines, or in one JSON line with a list. The id is its code
in a knowledge base, if it has one; in CSV a column that a header calls so.
"""

import csv
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from spacy_cmner.data.files import UNREADABLE_JSON, read_lines, write_text
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.pipeline.garbage import no_collection

# Regular expressions, the best first: an id beside a code is often the number of the row, and
# 分类名称 or 类别编码 are no term's.
TERM_HEADERS = (
    "term",
    "术语",
    "name",
    "[^类]*名称",
    "词语?",
    "[^类]*通用名",
    "(药品?|疾?病|症状|诊断|检[查验]|手术|中文|商品)名",
    "实体",
)
LABEL_HEADERS = ("type", "label", "category", "标签", ".*(类型|类别|分类)(名称)?")
CODE_HEADERS = ("code", "[^类]*(编码|代码)", "icd(-?1[01])?", "id")
# What stands beside a term and has a name and a code of its own.
OTHERS = re.compile("(英文|科室|机构|医院|企业|公司|厂[家商])(名|编|代)")
NUMBER = re.compile(r"[\d.,]+")
OTHER_SEPARATORS = "\t;|，"


class Term(NamedTuple):
    """A term, one of its types, and its code in a knowledge base, if it has one."""

    text: str
    label: str
    code: str = ""


def read_terms(path: str | Path, label: str | None = None, encoding: str = "utf-8") -> list[Term]:
    """Registered as the reader `spacy-cmner.read_terms.v1`.

    path (Path): a file that ends in .txt, .csv or .jsonl, see above.
    label (Optional[str]): the type of all terms, instead of that in the list, which needs none.
    encoding (str): that of the file; gb18030 for what Excel saves in China.
    RETURNS (List[Term]): in the order of the file.
    RAISES: CM101, CM102 and CM114 for a file that cannot be read, CM410 for another ending, CM411
        for a line that holds no term or no type.
    """
    path = Path(path)
    try:
        read = READERS[path.suffix.lower()]
    except KeyError:
        raise Messages.CM410.error(path=path, endings=", ".join(READERS)) from None
    terms: list[Term] = []
    with no_collection():
        for number, term in read(path, read_lines(path, encoding), label):
            term = Term(*map(str.strip, term))
            if not (term.text and term.label):
                raise Messages.CM411.error(path=path, line=number, expected="a term and a type")
            terms.append(term)
    return terms


def write_terms(
    path: Path,
    terms: Iterable[tuple[str, Iterable[str]]],
    find_code: Callable[[str, str], str] = lambda term, label: "",
) -> None:
    """Write terms with their types as a JSONL list.

    find_code (Callable): gives the code of a term for a type, or an empty string.
    """
    entries = (
        {"term": term, "type": [*types]} | ({"id": code} if code else {})
        for term, labels in terms
        for code, types in groupby(labels, partial(find_code, term))
    )
    write_text(path, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))


def _read_txt(path: Path, lines: list[str], label: str | None) -> Iterator[tuple[int, Term]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, Term(line.split("\t")[0], path.stem if label is None else label)


def _read_csv(path: Path, lines: list[str], label: str | None) -> Iterator[tuple[int, Term]]:
    rows = list(_read_rows(path, lines))
    _check_separator(path, rows)
    columns = _find_columns(rows[0][1] if rows else ())
    has_header = columns.term >= 0 and (columns.label >= 0 or label is not None)
    if not has_header:
        if _may_be_header([row for _, row in rows], columns, label):
            first = rows[0][1]
            message = Messages.CM436.format(path=path, row=",".join(first), term=first[0])
            warnings.warn(message, CmnerWarning, stacklevel=2)
        columns = _Columns(term=0, label=1, code=-1)
    for number, row in rows[has_header:]:
        text, type_, code = (row[i] if 0 <= i < len(row) else "" for i in columns)
        yield number, Term(text, type_ if label is None else label, code)


class _Columns(NamedTuple):
    """Where the rows hold what; -1: nowhere."""

    term: int
    label: int
    code: int


def _find_columns(row: Sequence[str]) -> _Columns:
    """What the names in a row say of its columns; those of others only if there are no more."""
    names = [cell.strip().lower() for cell in row]
    found = _match_columns(["" if OTHERS.search(name) else name for name in names])
    return found if found.term >= 0 else _match_columns(names)


def _match_columns(names: Sequence[str]) -> _Columns:
    return _Columns(
        *(
            next((i for h in headers for i, name in enumerate(names) if re.fullmatch(h, name)), -1)
            for headers in (TERM_HEADERS, LABEL_HEADERS, CODE_HEADERS)
        )
    )


def _may_be_header(rows: Sequence[Sequence[str]], found: _Columns, label: str | None) -> bool:
    """Whether a first row without the names of all columns may hold names nevertheless.

    label (Optional[str]): the type of all terms, if it is given. Else the second column has types,
        and a name is what no other row has.
    """
    if len(rows) < 2:
        return False
    if label is None:
        labels = ["".join(row[1:2]).strip() for row in rows]
        return len(labels) > 2 and labels[0] != "" and labels[0] not in labels[1:]
    # Numbers have a name, and so does what stands beside a column whose name is known.
    numbers = [NUMBER.fullmatch("".join(row[:1]).strip()) is not None for row in rows]
    return max(found) >= 0 or (not numbers[0] and all(numbers[1:]))


def _read_rows(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, with the number of their first line. Excel ends lists with rows
    of commas."""
    rows = csv.reader(lines, strict=True)
    number = 1
    try:
        for row in rows:
            if any(map(str.strip, row)):
                yield number, row
            number = rows.line_num + 1
    except csv.Error as error:
        expected = f"CSV whose quotes are closed, and doubled within others ({error})"
        raise Messages.CM411.error(path=path, line=number, expected=expected) from None


def _check_separator(path: Path, rows: Sequence[tuple[int, list[str]]]) -> None:
    """RAISES: CM411 if each row is a single cell with the same other separator in it."""
    for other in OTHER_SEPARATORS:
        if rows and all(len(row) == 1 and other in row[0] for _, row in rows):
            expected = f"columns with commas between them, not {other!r}"
            raise Messages.CM411.error(path=path, line=rows[0][0], expected=expected)


def _read_jsonl(path: Path, lines: list[str], label: str | None) -> Iterator[tuple[int, Term]]:
    expected = '{"term": …, "type": …}, perhaps with an "id"'
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            term, types = entry["term"], entry["type"] if label is None else label
            code = entry.get("id")
        except (*UNREADABLE_JSON, TypeError, KeyError):
            raise Messages.CM411.error(path=path, line=number, expected=expected) from None
        code = "" if code is None else str(code) if isinstance(code, int) else code
        labels = types if isinstance(types, list) else [types]
        if not labels or not all(isinstance(value, str) for value in (term, code, *labels)):
            raise Messages.CM411.error(path=path, line=number, expected=expected)
        for type_ in labels:
            yield number, Term(term, type_, code)


READERS = {".txt": _read_txt, ".csv": _read_csv, ".jsonl": _read_jsonl}
