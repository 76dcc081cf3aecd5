"""JSON lines with character spans: doccano's exports, and the simple form we write ourselves."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_cmner.data.checks import RawSpan, checked_record
from spacy_cmner.data.files import read_lines, replacing
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages

_ENTITY_KEYS = ("entities", "label", "labels")


def read_jsonl(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read `{"text", "entities" or "label", "id", "meta", …}`, one object a line.

    An entity is `[start, end, label]`, or an object with `start` or `start_offset`, `end` or
    `end_offset`, and `label`. All other fields, and those of `meta`, are kept in `meta`.

    RAISES (CmnerError): The file is missing or in another encoding.
    """
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError as error:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM134, number=number, problem=error)
            continue
        if not isinstance(item, dict):
            problem = f"{item!r:.40} is not an object"
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
            continue
        keys = [key for key in _ENTITY_KEYS if isinstance(item.get(key), list)]
        # doccano's `label` may stand beside an empty `entities`
        key = next((key for key in keys if item[key]), keys[0] if keys else None)
        if key is None:
            missing = " or ".join(_ENTITY_KEYS)
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=missing)
            continue
        spans = [_span(entity) for entity in item.pop(key)]
        id_, text = item.pop("id", None), item.pop("text", None)
        meta = item.pop("meta", {})
        meta = {**item, **meta} if isinstance(meta, dict) else {**item, "meta": meta}
        record = checked_record(
            text, spans, report, number=number, id=None if id_ is None else str(id_), meta=meta
        )
        if record is not None:
            yield record


def write_jsonl(records: Iterable[Record], path: Path) -> None:
    """Write records so that `read_jsonl` gives them back."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            item = {
                "id": record.id,
                "text": record.text,
                "entities": [[e.start, e.end, e.label] for e in record.entities],
                "meta": record.meta,
            }
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def _span(entity: Any) -> RawSpan:
    if isinstance(entity, list) and len(entity) == 3:
        return RawSpan(*entity)
    if not isinstance(entity, dict):
        return RawSpan(None, None, entity)
    return RawSpan(
        entity.get("start", entity.get("start_offset")),
        entity.get("end", entity.get("end_offset")),
        entity.get("label"),
    )
