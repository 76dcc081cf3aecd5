"""Records as spaCy Docs and back, without loss.

A Doc's `ents` cannot overlap, gold entities can. Where they do, all of them are in a span group,
and a choice of them in `ents`, for models that tag.
"""

import json
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.data.spans import SPANS_KEY, all_entities, gold_group
from spacy_cmner.errors import Messages
from spacy_cmner.tokenizer import char_doc, token_sizes

Flatten = Literal["longest", "shortest", "first"]

USER_DATA_KEY = "cmner_record"
DOCBIN_ATTRS = ("ENT_IOB", "ENT_TYPE")  # what a DocBin of ours holds of each token

# What is chosen first wins over all that overlaps it. The label decides between two types of
# one span, alphabetically: an arbitrary rule, but the same in every file.
_PRIORITIES: dict[str, Callable[[Entity], tuple[int, int, str]]] = {
    "longest": lambda e: (e.start - e.end, e.start, e.label),
    "shortest": lambda e: (e.end - e.start, e.start, e.label),
    "first": lambda e: (e.start, -e.end, e.label),
}


def flatten_entities(
    entities: Iterable[Entity], flatten: Flatten = "longest"
) -> tuple[list[Entity], list[tuple[Entity, Entity]]]:
    """Choose entities that do not overlap, greedily by one priority.

    entities (Iterable[Entity]): May nest and cross.
    flatten (Flatten): "longest" and "shortest" prefer by length, then the earlier start; "first"
        by start, then the longer. Of two types of one span the alphabetically first stays.
    RETURNS (tuple[list[Entity], list[tuple[Entity, Entity]]]): The chosen entities, and each
        other one beside a chosen entity that it overlaps.
    RAISES (CmnerError): `flatten` is none of these.
    """
    if flatten not in _PRIORITIES:
        raise Messages.CM108.error(flatten=flatten, choices=", ".join(_PRIORITIES))
    owners: dict[int, Entity] = {}
    chosen: list[Entity] = []
    dropped: list[tuple[Entity, Entity]] = []
    for entity in sorted(entities, key=_PRIORITIES[flatten]):
        owner = next((owners[i] for i in range(entity.start, entity.end) if i in owners), None)
        if owner is None:
            chosen.append(entity)
            owners.update(dict.fromkeys(range(entity.start, entity.end), entity))
        else:
            dropped.append((entity, owner))
    return sorted(chosen), sorted(dropped)


def record_to_doc(
    record: Record,
    vocab: Vocab,
    *,
    flatten: Flatten = "longest",
    report: Report | None = None,
) -> Doc:
    """Make a gold Doc with one token a character.

    Its `ents` are set to none where there is none, because spaCy takes unset ones for missing gold;
    only what is missing in the record stays unset. The span group is there only where `ents` cannot
    hold all entities: unpacking one takes longer than all else in a DocBin.

    record (Record): The text and its entities.
    vocab (Vocab): The vocabulary of the Doc.
    flatten (Flatten): Which of overlapping entities `doc.ents` holds, see `flatten_entities`.
    report (Report | None): Takes a finding for each entity that is in the group only.
    RETURNS (Doc): With the record's id and meta in `doc.user_data`.
    """
    doc = char_doc(vocab, record.text)
    flat, dropped = flatten_entities(record.entities, flatten)
    missing = [doc[i : i + 1] for i in record.missing]
    doc.set_ents([Span(doc, *_fields(e)) for e in flat], missing=missing, default="outside")
    if dropped:
        doc.spans[SPANS_KEY] = [Span(doc, *_fields(e)) for e in record.entities]
    if record.id is not None or record.meta:
        # as JSON, because DocBin's msgpack would make tuples of lists
        content = {"id": record.id, "meta": record.meta}
        doc.user_data[USER_DATA_KEY] = json.dumps(content, default=str)  # dates of Parquet
    if report is not None:
        for entity, owner in dropped:
            report.add(
                Outcome.FLATTENED,
                Item.ENTITY,
                Messages.CM128,
                number=record.number,
                entity=entity,
                chosen=owner,
            )
    return doc


def missing_characters(doc: Doc) -> frozenset[int]:
    """The characters of a Doc, of any tokenization, whose annotation is missing; a blank between
    tokens goes with the token before it."""
    if doc.has_annotation("ENT_IOB", require_complete=True):
        return frozenset()
    unsaid = doc.to_array(ENT_IOB) == 0
    return frozenset(np.flatnonzero(np.repeat(unsaid, token_sizes(doc))).tolist())


def doc_to_record(doc: Doc) -> Record:
    """Read a Doc back, of any tokenization; the inverse of `record_to_doc`.

    doc (Doc): A Doc with `all_entities`.
    RETURNS (Record): With id and meta where `record_to_doc` has put them.
    """
    spans = all_entities(doc)
    entities = {Entity(span.start_char, span.end_char, span.label_) for span in spans}
    source = json.loads(doc.user_data.get(USER_DATA_KEY, "{}"))
    # a Doc that has nothing but the group was annotated by it
    is_partial = gold_group(doc) is None or doc.has_annotation("ENT_IOB")
    missing = missing_characters(doc) if is_partial else frozenset()
    return Record(doc.text, tuple(entities), **source, missing=missing)


def _fields(entity: Entity) -> tuple[int, int, str]:
    return entity.start, entity.end, entity.label
