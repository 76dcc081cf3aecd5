"""JSON lines with character spans: doccano's exports, the clinical records of CCKS, and the simple
form we write ourselves."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_cmner.data.checks import (
    RawSpan,
    checked_record,
    from_utf16,
    keys_of,
    span_of_object,
    utf16_length,
    wrong_shape,
)
from spacy_cmner.data.files import UNREADABLE_JSON, read_lines, replacing
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages
from spacy_cmner.tokenizer import replace_surrogates

_TEXT_KEYS = ("text", "originalText")
_ENTITY_KEYS = ("entities", "label", "labels")
_SURFACE_KEYS = ("text", "mention", "entity")  # of an entity's own text
_COMMENTS = "Comments"  # in each record that doccano exports
_CERTAINTY = "certainty"  # in each that `preannotate` writes for doccano, with `label`


def read_jsonl(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read `{"text" or "originalText", "entities" or "label", "id", "meta", …}`, one object a line,
    or a file that is one JSON list of them.

    An entity is `[start, end, label]`, or an object with `start`, `start_offset` or `start_pos`,
    `end`, `end_offset` or `end_pos`, and `label` or `label_type`; its own text, if it is there as
    `text`, `mention` or `entity`, must be what its offsets give, but for blanks. All other fields,
    and those of `meta`, are kept in `meta`. In a record with `Comments`, as doccano exports it, or
    `label` and `certainty`, as `preannotate` writes it for doccano, offsets count UTF-16 units, as
    its issue 2290 tells: behind an emoji or a rare character they are put right and reported.

    RAISES (CmnerError): The file is missing or in another encoding.
    """
    for number, item in _items(path, report, encoding):
        problem = wrong_shape(item, _TEXT_KEYS)
        if problem:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
            continue
        key = _entity_key(item)
        if key is None:
            missing = _why_missing(item)
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=missing)
            continue
        spans = [_span(entity) for entity in item.pop(key)]
        id_, text = item.pop("id", None), item.pop(next(k for k in _TEXT_KEYS if k in item))
        is_doccano = _COMMENTS in item or (key == "label" and _CERTAINTY in item)
        if is_doccano and isinstance(text, str) and utf16_length(text) > len(text):
            spans = [_in_characters(span, text, report, number) for span in spans]
        if isinstance(text, str):
            spans = [_with_blanks_of(span, text) for span in spans]
        meta = item.pop("meta", {})
        meta = {**item, **meta} if isinstance(meta, dict) else {**item, "meta": meta}
        record = checked_record(
            text, spans, report, number=number, id=None if id_ is None else str(id_), meta=meta
        )
        if record is not None:
            yield record


def _items(path: Path, report: Report, encoding: str) -> Iterator[tuple[int, Any]]:
    """The records with their numbers: those of lines, or of the list that the whole file is."""
    lines = read_lines(path, encoding)
    content = "\n".join(lines).lstrip()
    if content.startswith("["):
        whole = None
        with suppress(*UNREADABLE_JSON):
            whole = json.loads(content)
        if whole is not None:
            yield from enumerate(whole, start=1)
            return
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except UNREADABLE_JSON as error:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM134, number=number, problem=error)
            continue
        yield number, item


def _entity_key(item: dict[str, Any]) -> str | None:
    """Which field holds the entities: the first that has any.

    Where doccano exports relations, `entities` are what people marked, if there are any or not: a
    `label` beside them came with the text when that was imported.
    """
    keys = [key for key in _ENTITY_KEYS if isinstance(item.get(key), list)]
    filled = keys[:1] if "relations" in item else [key for key in keys if item[key]]
    return next(iter(filled or keys), None)


def _why_missing(item: dict[str, Any]) -> str:
    """Say what is wrong with the field that should hold the entities."""
    key = next((key for key in _ENTITY_KEYS if key in item), None)
    if key is not None:
        return f"its {key!r} is {item[key]!r:.40}, not a list"
    return f"{' or '.join(_ENTITY_KEYS)}; {keys_of(item)}"


def write_jsonl(records: Iterable[Record], path: Path) -> None:
    """Write records so that `read_jsonl` gives them back, but for lone surrogates in ids and meta,
    which become U+FFFD; it has no place for what is missing."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            item = {
                "id": record.id,
                "text": record.text,
                "entities": [[e.start, e.end, e.label] for e in record.entities],
                "meta": record.meta,
            }
            file.write(replace_surrogates(json.dumps(item, ensure_ascii=False)) + "\n")


def _span(entity: Any) -> RawSpan:
    if isinstance(entity, list) and len(entity) == 3:
        return RawSpan(*entity)
    return span_of_object(
        entity,
        start=["start", "start_offset", "start_pos"],
        end=["end", "end_offset", "end_pos"],
        label=["label", "label_type"],
        surface=_SURFACE_KEYS,
    )


def _with_blanks_of(span: RawSpan, text: str) -> RawSpan:
    """The span with its own text as it stands at its offsets, where that differs in blanks only,
    which tools write in other ways; without one that is no string."""
    if not isinstance(span.surface, str):
        return replace(span, surface=None)
    if type(span.start) is type(span.end) is int:
        found = text[span.start : span.end]
        if "".join(found.split()) == "".join(span.surface.split()):
            return replace(span, surface=found)
    return span


def _in_characters(span: RawSpan, text: str, report: Report, number: int) -> RawSpan:
    mended = from_utf16(span, text)
    if mended != span:
        report.add(Outcome.REPAIRED, Item.ENTITY, Messages.CM138, number=number, entity=mended)
    return mended
