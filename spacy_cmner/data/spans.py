"""All entities of a Doc, gold ones or found ones, with those that lie inside others.

`doc.ents` is flat. What overlaps is in a span group beside it: all gold entities, or all that a
recogniser found, which its attributes tell apart.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import TypeVar

from spacy.tokens import Doc, Span, SpanGroup

from spacy_cmner.types import ScoredSpan

AnySpan = TypeVar("AnySpan", Span, ScoredSpan)

SPANS_KEY = "cmner"
SCORES = "scores"  # an attribute of the group where it holds what a recogniser found
NESTED = "nested"  # one that says that it holds entities inside others, too


def gold_group(doc: Doc, spans_key: str = SPANS_KEY) -> SpanGroup | None:
    """The group of all gold entities, if there is one; what a recogniser found, whose key is the
    same, is none."""
    group = doc.spans.get(spans_key)
    return None if group is None or {SCORES, NESTED} & group.attrs.keys() else group


def all_entities(doc: Doc, spans_key: str = SPANS_KEY) -> list[Span]:
    """All entities of a Doc, gold ones or those that a pipeline found."""
    group = gold_group(doc, spans_key)
    return found_entities(doc) if group is None else [*group]


def found_entities(doc: Doc) -> list[Span]:
    """The entities of a Doc that a pipeline annotated: those of `doc.ents`, and what a recogniser
    found inside them, each behind the one that holds it."""
    return sort_nested([*doc.ents, *found_inside(doc)])


def found_inside(doc: Doc) -> list[Span]:
    """What a recogniser found inside entities, of that which is inside one of `doc.ents` still."""
    if not holds_nested(doc):
        return []
    return find_nested(doc, inner_spans(sort_nested(doc.spans[SPANS_KEY])))


def holds_nested(doc: Doc) -> bool:
    """Whether a recogniser has looked for entities inside others."""
    return SPANS_KEY in doc.spans and NESTED in doc.spans[SPANS_KEY].attrs


def find_nested(doc: Doc, spans: Iterable[Span]) -> list[Span]:
    """Those of some spans that are part of an entity of `doc.ents`, one of another type."""
    holders = [(0, 0, 0), *((ent.start, ent.end, ent.label) for ent in doc.ents)]
    nested = []
    for span in spans:
        start, end, label = holders[bisect_right(holders, (span.start, len(doc) + 1)) - 1]
        is_part = span.end <= end and (span.start, span.end) != (start, end)
        if is_part and span.label != label:
            nested.append(span)
    return nested


def sort_nested(spans: Iterable[Span]) -> list[Span]:
    """Spans in the order of the text, each behind the one that holds it."""
    return sorted(spans, key=lambda span: (span.start, -span.end))


def inner_spans(spans: Iterable[AnySpan]) -> list[AnySpan]:
    """Those of spans in the order of `sort_nested` that another one holds."""
    inner, end = [], 0
    for span in spans:
        if span.end <= end:
            inner.append(span)
        else:
            end = span.end
    return inner
