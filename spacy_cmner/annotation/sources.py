"""Texts from files of any size: one record in memory at a time, and a bad one stops nothing."""

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

from spacy_cmner.annotation.items import BadRecord, Item, SourceRecord
from spacy_cmner.annotation.parquet import read_rows
from spacy_cmner.annotation.text_files import BROKEN, has_undecoded, open_text, position
from spacy_cmner.data.files import UNREADABLE_JSON
from spacy_cmner.errors import Message, Messages
from spacy_cmner.tokenizer import replace_surrogates

# A character of JSON may be written as two escapes of six characters each.
_LONGEST_CHARACTER = 12
_OTHER_FIELDS = 1 << 20
_SEPARATORS = "\t;,|"
_UNCLOSED = "a quote in it is never closed, so the rest of the file could not be read"


@dataclass(frozen=True)
class Layout:
    """Where the text of a record is, and how it is written.

    text (str): The field or column of the text.
    id (str): The field or column that names the record. It may be missing, but a column that is
        not the default may not.
    encoding (str): The encoding of text files.
    max_length (int): A text of more characters is a bad record.
    """

    text: str = "text"
    id: str = "id"
    encoding: str = "utf-8"
    max_length: int = 1_000_000

    @property
    def longest_line(self) -> int:
        """No line with a text of `max_length` has more characters, unless its other fields are
        very large."""
        return self.max_length * _LONGEST_CHARACTER + _OTHER_FIELDS


class Source:
    """The records of a file, or of all files below a folder, in the order of their names.

    A .txt file has a text a line, but in a folder of .txt files each file is a text. In the other
    formats a record has fields: those beside text and id go to its `meta`. Blank lines count as
    lines, but are no records. Hidden files and folders are passed over.

    path (Path): A .txt, .jsonl, .csv, .tsv or .parquet file, or a folder with one kind of them; all
        but the last may be packed by gzip, with .gz behind the ending.
    layout (Layout): Where the texts are.
    RAISES (CmnerError): There is no such file, it is of no known kind, the folder has several
        kinds, the encoding is unknown, texts and names are to be in one column; in one of the files
        the column is missing, or the header cannot be read. Reading raises where a Parquet file is
        damaged.
    """

    def __init__(self, path: Path, layout: Layout | None = None) -> None:
        self.path = path
        self.layout = Layout() if layout is None else layout
        self.files = _find_files(path)
        self.sizes = [file.stat().st_size for file in self.files]
        self._read: Reader
        if path.is_dir() and _kind(self.files[0]) == ".txt":
            self._read = self._read_whole
        else:
            self._read = _READERS[_kind(self.files[0])]
        self._before = 0
        self._meter = Meter()
        try:
            "".encode(self.layout.encoding)
        except (LookupError, UnicodeError):  # the latter of `undefined`
            raise Messages.CM114.error(encoding=self.layout.encoding) from None
        if self.layout.id == self.layout.text != Layout.id:
            raise Messages.CM177.error(column=self.layout.id)
        if self._read != self._read_whole:
            for file in self.files:  # before a run has written anything
                with closing(self.read(file)) as items:
                    next(items, None)

    @property
    def total(self) -> int:
        """The bytes of all files."""
        return sum(self.sizes)

    @property
    def done(self) -> int:
        """About how many bytes have been read."""
        return self._before + self._meter.position

    def __iter__(self) -> Iterator[Item]:
        self._before = 0
        for file, size in zip(self.files, self.sizes, strict=True):
            self._meter = Meter()
            yield from self._records(file, self._meter)
            self._meter = Meter()
            self._before += size

    def read(self, file: Path) -> Generator[Item, None, None]:
        """The records of one of the files."""
        return self._records(file, Meter())

    def _records(self, file: Path, meter: "Meter") -> Generator[Item, None, None]:
        number = 0
        try:
            for item in self._read(file, self.layout, meter):
                number = item.number or number
                yield item
        except UnicodeError as error:  # such as UTF-16 without its mark
            problem = f"from here on it is not {self.layout.encoding}: {error}"
            yield _bad(file, number + 1, Messages.CM169, problem=problem)
        except BROKEN as error:
            yield _bad(file, number + 1, Messages.CM178, reason=error)

    def _read_whole(self, file: Path, layout: Layout, meter: "Meter") -> Iterator[Item]:
        """A file that is one text; no more of it is read than a text may have."""
        with open_text(file, layout.encoding, newline="") as stream:
            text = stream.read(layout.max_length + 2).removeprefix("\ufeff")
        name = _unpacked(file.relative_to(self.path)).with_suffix("").as_posix()
        yield _item(file, 1, {layout.text: text, layout.id: name}, layout)


@dataclass
class Meter:
    """How far a reader has got in its file, in bytes."""

    position: int = 0


Reader = Callable[[Path, Layout, Meter], Iterator[Item]]


def _read_txt(path: Path, layout: Layout, meter: Meter) -> Iterator[Item]:
    for number, line in _lines(path, layout, meter):
        yield _item(path, number, {layout.text: line}, layout)


def _read_jsonl(path: Path, layout: Layout, meter: Meter) -> Iterator[Item]:
    for number, line in _lines(path, layout, meter):
        item = _parse_object(path, number, line, layout)
        if isinstance(item, BadRecord) and has_undecoded(line):  # so its names may be, too
            item = _undecoded(path, number, layout)
        elif isinstance(item, BadRecord) and len(line) >= layout.longest_line:
            problem = f"its line is longer than {layout.longest_line} characters, the most read"
            item = _bad(path, number, Messages.CM120, problem=problem)
        yield item


def _parse_object(path: Path, number: int, line: str, layout: Layout) -> Item:
    try:
        fields = json.loads(line)
    except UNREADABLE_JSON as error:
        return _bad(path, number, Messages.CM134, problem=error)
    if isinstance(fields, dict):
        return _item(path, number, fields, layout)
    return _bad(path, number, Messages.CM120, problem=f"{fields!r:.40} is not an object")


def _read_csv(path: Path, layout: Layout, meter: Meter) -> Iterator[Item]:
    csv.field_size_limit(layout.longest_line)
    with open_text(path, layout.encoding, newline="") as stream:
        delimiter = "\t" if _kind(path) == ".tsv" else ","
        line = _first_line(path, stream, layout)
        rows = csv.reader(chain([line], stream), delimiter=delimiter, strict=True)
        try:
            header = _name_columns(path, next(rows))
        except csv.Error as error:
            _check_separator(path, line, delimiter)
            raise Messages.CM158.error(path=path, reason=error) from None
        if layout.text not in header:
            _check_separator(path, line, delimiter)
        _check_columns(path, header, layout)
        for number in count(1):
            meter.position = position(stream)
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _UNCLOSED if str(error) == "unexpected end of data" else str(error)
                yield _bad(path, number, Messages.CM120, problem=problem)
                continue
            if not row:
                continue
            if len(row) == len(header):
                yield _item(path, number, dict(zip(header, row, strict=True)), layout)
            else:
                problem = f"it has {len(row)} fields, but the header has {len(header)}"
                yield _bad(path, number, Messages.CM120, problem=problem)


def _first_line(path: Path, stream: TextIO, layout: Layout) -> str:
    """The first line that is not blank.

    RAISES: CM165 if there is none; CM168 if it is in another encoding.
    """
    line = "\n"
    try:
        _pass_mark(stream)  # or csv would take it for the start of a name without quotes
        while line.isspace():
            line = stream.readline(layout.longest_line)
    except UnicodeError:
        raise Messages.CM168.error(path=path, encoding=layout.encoding) from None
    if not line:
        raise Messages.CM165.error(path=path)
    if has_undecoded(line):
        raise Messages.CM168.error(path=path, encoding=layout.encoding)
    return line


def _check_separator(path: Path, line: str, separator: str) -> None:
    """RAISES: CM170 if a header has not this separator, but another one."""
    found = [other for other in _SEPARATORS if other in line]
    if found and separator not in found:
        raise Messages.CM170.error(path=path, separator=found[0], header=line.strip())


def _name_columns(path: Path, header: list[str]) -> list[str]:
    """The names of columns; one that has none, such as an index that was exported, gets one."""
    names = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    for name, times in Counter(names).items():
        if times > 1:
            raise Messages.CM158.error(path=path, reason=f"{times} columns are named {name!r}")
    return names


def _read_parquet(path: Path, layout: Layout, meter: Meter) -> Iterator[Item]:
    names, rows = read_rows(path)
    _check_columns(path, names, layout)
    size = path.stat().st_size
    for number, (part, row) in enumerate(rows, start=1):
        meter.position = round(part * size)
        yield _item(path, number, row, layout)


_READERS: dict[str, Reader] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}


def _find_files(path: Path) -> list[Path]:
    endings = ", ".join(_READERS)
    if path.is_file():
        if _kind(path) not in _READERS:
            raise Messages.CM140.error(path=path, endings=endings)
        return [path]
    if not path.is_dir():
        raise Messages.CM101.error(path=path)
    files = sorted(
        file
        for file in path.rglob("*")
        if _kind(file) in _READERS and not _is_hidden(file.relative_to(path)) and file.is_file()
    )
    kinds = {_kind(file) for file in files}
    if not kinds:
        raise Messages.CM140.error(path=path, endings=endings)
    if len(kinds) > 1:
        raise Messages.CM141.error(path=path, kinds=", ".join(sorted(kinds)))
    return files


def _kind(path: Path) -> str:
    kind = _unpacked(path).suffix.lower()
    return path.suffix.lower() if kind == ".parquet" else kind  # which packs for itself


def _unpacked(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _pass_mark(stream: TextIO) -> None:
    if stream.read(1) != "\ufeff":
        stream.seek(0)


def _lines(path: Path, layout: Layout, meter: Meter) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number. One that is too long for a record is
    cut, where it is still too long."""
    limit = layout.longest_line
    with open_text(path, layout.encoding, newline="\n") as stream:
        for number in count(1):
            line = end = stream.readline(limit)
            if not line:
                return
            while len(end) == limit and not end.endswith("\n"):
                end = stream.readline(limit)
            meter.position = position(stream)
            if number == 1:
                line = line.removeprefix("\ufeff")
            if line and not line.isspace():  # nothing is left where there is only a mark
                yield number, line.removesuffix("\n").removesuffix("\r")


def _check_columns(path: Path, names: list[str], layout: Layout) -> None:
    """RAISES: CM142 without the column of the texts, or one of names that was asked for."""
    needed = [(layout.text, "texts")]
    if layout.id != Layout.id:
        needed.append((layout.id, "names"))
    for column, holds in needed:
        if column not in names:
            columns = ", ".join(names)
            raise Messages.CM142.error(path=path, column=column, holds=holds, columns=columns)


def _item(path: Path, number: int, fields: dict[str, Any], layout: Layout) -> Item:
    if layout.text not in fields:
        problem = (
            f"it has no {layout.text!r}; the column of the text is one of: {', '.join(fields)}"
        )
        return _bad(path, number, Messages.CM120, problem=problem)
    text = fields.pop(layout.text)
    id_ = _finite(fields.pop(layout.id, None))
    if isinstance(id_, float) and id_.is_integer():
        id_ = int(id_)  # of a column of integers in which one was missing
    if not isinstance(text, str):
        problem = f"{layout.text!r} is {text!r:.40}, not a text"
    elif len(text) > layout.max_length:
        problem = f"its text has more than {layout.max_length} characters"
    elif has_undecoded(text):
        return _undecoded(path, number, layout)
    else:
        id_ = None if id_ is None else replace_surrogates(str(id_))
        return SourceRecord(text, id=id_, meta=_finite(fields), number=number, file=path)
    return _bad(path, number, Messages.CM120, problem=problem)


def _undecoded(path: Path, number: int, layout: Layout) -> BadRecord:
    problem = f"it has bytes that are not {layout.encoding}, or a lone surrogate"
    return _bad(path, number, Messages.CM169, problem=problem)


def _finite(value: Any) -> Any:
    """A value with None for NaN and infinity, which JSON does not have; where a number is missing,
    pandas writes NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    # Parquet gives tuples for the entries of a map
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _bad(path: Path, number: int, message: Message, **values: object) -> BadRecord:
    return BadRecord(path, number, replace_surrogates(message.format(number=number, **values)))
