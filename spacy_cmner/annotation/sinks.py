"""Files that can be taken back to any point at which they were complete.

Whatever a killed run has written after its last checkpoint is removed by `rewind`, so the run that
goes on from there writes it once.
"""

import csv
import io
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_cmner.annotation.items import (
    FoundEntity,
    Item,
    SourceRecord,
    item_to_dict,
    place_of,
    to_json,
)
from spacy_cmner.annotation.parquet import import_parquet, write_parquet
from spacy_cmner.data.brat import write_brat
from spacy_cmner.data.docs import DOCBIN_ATTRS, record_to_doc
from spacy_cmner.data.records import Entity
from spacy_cmner.data.spans import SPANS_KEY, gold_group
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline import assertion, confidence, source
from spacy_cmner.pipeline.entity_data import identity

OutputFormat = Literal["jsonl", "csv", "parquet", "brat", "docbin"]

_ENDINGS: dict[str, OutputFormat] = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".spacy": "docbin",
}


class Sink(Protocol):
    """A place for annotated records.

    kind (str): Its form; a run cannot go on in another one.
    position (int): How far it has been written, in a unit of its own; 0 is nothing.
    """

    kind: str
    position: int

    def check(self, position: int) -> None:
        """RAISES (CmnerError): Something that was written before this position is missing."""

    def rewind(self, position: int) -> None:
        """Remove what was written after a position, and go on from there.

        RAISES (CmnerError): As `check`.
        """

    def write(self, items: Sequence[SourceRecord]) -> None:
        """Write records; when this returns they are on the disk."""


class LineFile:
    """One file with an object a line. Its positions are bytes.

    path (Path): The file; it is made by `rewind`.
    """

    kind = "JSON lines"
    head = b""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0

    def check(self, position: int) -> None:
        if not self.path.is_file() or self.path.stat().st_size < position:
            raise Messages.CM147.error(path=self.path)

    def rewind(self, position: int) -> None:
        if position:
            self.check(position)
        elif self.path.is_dir():
            for part in _parts(self.path):
                _remove(part)
            self.path.rmdir()  # unless there is something else in it
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.truncate(position)
            if not position:
                file.write(self.head)
        self.position = position or len(self.head)

    def write(self, items: Sequence[Item]) -> None:
        content = self.encode(items)
        with self.path.open("ab") as file:
            file.write(content)
        sync(self.path)
        self.position += len(content)

    def encode(self, items: Sequence[Item]) -> bytes:
        return "".join(f"{to_json(item_to_dict(item))}\n" for item in items).encode()


class CsvFile(LineFile):
    """One file with a row an entity, for Excel and databases; `text` is that of the entity."""

    kind = "CSV"
    columns = (
        "id",
        "file",
        "number",
        "start",
        "end",
        "label",
        "text",
        "score",
        "source",
        "assertion",
        "kb_id",
    )
    head = f"\ufeff{','.join(columns)}\r\n".encode()  # Excel knows UTF-8 by its mark only

    def encode(self, items: Sequence[Item]) -> bytes:
        table = io.StringIO(newline="")
        rows = csv.DictWriter(table, self.columns)
        for record in items:
            if isinstance(record, SourceRecord):
                rows.writerows(_entity_row(record, entity) for entity in record.entities)
        return table.getvalue().encode()


class PartFolder:
    """A folder with files or folders `part-000000`, `part-000001` … Its positions are parts.

    A part gets its name when it is complete.

    path (Path): The folder.
    suffix (str): The ending of the parts.
    write_part (Callable): Writes records to a path.
    """

    def __init__(
        self, path: Path, suffix: str, write_part: Callable[[Sequence[SourceRecord], Path], None]
    ) -> None:
        self.kind = f"folder of {suffix} parts"
        self.path = path
        self.suffix = suffix
        self.write_part = write_part
        self.position = 0

    def check(self, position: int) -> None:
        for part in map(self._part, range(position)):
            if not part.exists():
                raise Messages.CM147.error(path=part)

    def rewind(self, position: int) -> None:
        self.check(position)
        if self.path.is_file():
            self.path.unlink()
        self.path.mkdir(parents=True, exist_ok=True)
        for part in _parts(self.path) - {self._part(i) for i in range(position)}:
            _remove(part)
        self.position = position

    def write(self, items: Sequence[SourceRecord]) -> None:
        self.add(self.draft(f"{self.position:06}", items))

    def draft(self, name: str, items: Sequence[SourceRecord]) -> Path:
        """Write a part that has no number yet; any process may do so."""
        # readers of folders pass over hidden files
        draft = self.path / f".part-{name}{self.suffix}"
        self.write_part(items, draft)
        for file in [draft, *draft.rglob("*")]:
            sync(file)
        return draft

    def add(self, draft: Path) -> None:
        """Give a part that has been written the next number."""
        draft.replace(self._part(self.position))
        sync(self.path)
        self.position += 1

    def _part(self, number: int) -> Path:
        return self.path / f"part-{number:06}{self.suffix}"


def create_sink(path: Path, format: OutputFormat | None = None) -> Sink:
    """Choose the sink of a format: a file of JSON lines or CSV, or a folder of parts.

    path (Path): The file or folder to write.
    format (OutputFormat | None): None takes it from the ending of `path`: .jsonl, .csv,
        .parquet, or .spacy for DocBins.
    RAISES (CmnerError): The ending is none of these, there is no such format, or pyarrow is
        missing.
    """
    folder = create_part_folder(path, format)
    file = _FILES.get(folder.suffix)
    return file(path) if file else folder


def create_part_folder(path: Path, format: OutputFormat | None = None) -> PartFolder:
    """As `create_sink`, but a folder of parts for each format."""
    chosen = format or _ENDINGS.get(path.suffix.lower())
    if chosen not in _PARTS:
        formats = ", ".join(get_args(OutputFormat))
        raise Messages.CM145.error(path=path, formats=formats)
    if chosen == "parquet":
        import_parquet()
    return PartFolder(path, *_PARTS[chosen])


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk, so that it outlives a loss of power."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_docbin(records: Sequence[SourceRecord], path: Path) -> None:
    """Docs as `cmner convert` writes them, with what is known of the entities, such as
    `span._.cmner_score`."""
    vocab = Vocab()
    docbin = DocBin(attrs=[*DOCBIN_ATTRS, "ENT_KB_ID"], store_user_data=True)
    for record in records:
        doc = record_to_doc(record, vocab)
        group, flat = gold_group(doc), {*map(identity, doc.ents)}
        spans = [*(group or doc.ents)]
        for span, entity in zip(spans, record.entities, strict=True):
            if isinstance(entity, FoundEntity):
                if entity.source != source.UNKNOWN:
                    span._.set(source.NAME, entity.source)
                if entity.score is not None:
                    span._.set(confidence.NAME, entity.score)
                if entity.assertion is not None:
                    assertion.write_attributes(span, entity.assertion)
                span.kb_id_ = entity.kb_id
        # Only now do the document and its group have the codes: these spans are copies.
        doc.set_ents([span for span in spans if identity(span) in flat], default="unmodified")
        if group:
            doc.spans[SPANS_KEY] = spans
        docbin.add(doc)
    docbin.to_disk(path)


def _write_brat(records: Sequence[SourceRecord], folder: Path) -> None:
    """brat's files, each named by its place in the part and the record's id."""
    write_brat(
        [replace(record, id=_name(i, record.id)) for i, record in enumerate(records, 1)], folder
    )


def _entity_row(record: SourceRecord, entity: Entity) -> dict[str, Any]:
    return {
        **vars(entity),
        "id": record.id,
        **place_of(record),
        "text": record.text[entity.start : entity.end],
        "assertion": ";".join(getattr(entity, "assertion", None) or ()),
    }


def _write_file(kind: type[LineFile], records: Sequence[SourceRecord], path: Path) -> None:
    sink = kind(path)
    sink.rewind(0)
    sink.write(records)


def _name(place: int, id_: str | None) -> str:
    """A file name; 60 characters have at most 240 of the 255 bytes that it may have."""
    return f"{place:06}" if id_ is None else f"{place:06}-" + re.sub(r"[^\w.-]", "_", id_)[:50]


def _parts(folder: Path) -> set[Path]:
    """The parts in a folder, those too that are not complete; no other files."""
    return {*folder.glob(f"part-{'[0-9]' * 6}*"), *folder.glob(".part-*")}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


_FILES: dict[str, type[LineFile]] = {".jsonl": LineFile, ".csv": CsvFile}
_PARTS: dict[OutputFormat, tuple[str, Callable[[Sequence[SourceRecord], Path], None]]] = {
    "jsonl": (".jsonl", partial(_write_file, LineFile)),
    "csv": (".csv", partial(_write_file, CsvFile)),
    "parquet": (".parquet", write_parquet),
    "brat": ("", _write_brat),
    "docbin": (".spacy", _write_docbin),
}
