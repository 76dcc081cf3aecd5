"""What flows through a run: records, and those that cannot be read or annotated."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_cmner.data.records import Entity, Record
from spacy_cmner.tokenizer import replace_surrogates


@dataclass(frozen=True)
class FoundEntity(Entity):
    """An entity that a pipeline found.

    score (float | None): Its probability, 0 to 1, where the recogniser gives one.
    source (str): The components that found it, as `span._.cmner_source`.
    assertion (tuple[str, ...] | None): What `cmner_assertion` says of it, such as "negated"; None
        where there is no such component.
    kb_id (str): Its code in a knowledge base, as `span.kb_id_`; empty where it has none.
    """

    score: float | None = None
    source: str = ""
    assertion: tuple[str, ...] | None = None
    kb_id: str = ""


@dataclass(frozen=True)
class SourceRecord(Record):
    """A record that knows its file.

    file (Path): The file that holds it.
    """

    file: Path = field(default=Path(), compare=False)


@dataclass(frozen=True)
class BadRecord:
    """A record that is left out.

    file (Path): The file that holds it.
    number (int): Where in the file: the line, or the row under the header, from 1.
    reason (str): A coded message.
    """

    file: Path
    number: int
    reason: str


Item = SourceRecord | BadRecord


def item_to_dict(item: Item) -> dict[str, Any]:
    """An item as the fields that are written of it."""
    if isinstance(item, BadRecord):
        return {**place_of(item), "reason": item.reason}
    return {
        "id": item.id,
        **place_of(item),
        "text": item.text,
        "entities": [dict(vars(entity)) for entity in item.entities],
        "meta": item.meta,
    }


def place_of(item: Item) -> dict[str, Any]:
    """Where an item stands in the source."""
    # Python has surrogates in the name of a file that is not UTF-8
    return {"file": replace_surrogates(str(item.file)), "number": item.number}


def to_json(value: Any) -> str:
    """One line of JSON, whatever a source has put into `meta`."""
    return replace_surrogates(json.dumps(value, ensure_ascii=False, default=str))
