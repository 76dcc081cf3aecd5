"""Where an entity comes from: ``span._.cmner_source``.

Importing this module registers the extension. What several components find is one entity with
several sources; where they are kept is said in ``entity_data.py``.
"""

from collections.abc import Mapping, Sequence

from spacy.tokens import Span, SpanGroup

from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.entity_data import read_all, restore, user_data, user_key, write

NAME = "cmner_source"
# In the ``attrs`` of a span group, see ``mark_recorded``.
RECORDED = "sources_recorded"
MODEL = "model"
UNKNOWN = "other"


def read_sources(span: Span) -> tuple[str, ...]:
    """The components that found an entity, in the order in which they ran.

    span (Span): an entity, or a member of a span group.
    RETURNS (Tuple[str, ...]): empty for an entity of a component that keeps no record, such as
        spaCy's ``entity_ruler``.
    """
    return tuple(read_all(span, NAME).get(span.label_, ()))


def add_source(span: Span, *sources: str) -> None:
    """Record that an entity was found by these sources, too; each is named once."""
    data, place, label = user_data(span), user_key(span, NAME), span.label_
    record = data.get(place, {})
    known = record.get(label)
    data[place] = {
        **record,
        label: tuple(dict.fromkeys((*known, *sources))) if known else sources,
    }


def write_sources(span: Span, sources: tuple[str, ...]) -> None:
    """Record the sources of an entity instead of those it has."""
    if read_sources(span) != sources:
        write(span, NAME, sources)


def mark_recorded(group: SpanGroup) -> None:
    """Say of a span group that whoever filled it has recorded the sources of its spans. Without
    this a source on record for one of its entities may be another component's."""
    group.attrs[RECORDED] = True


def is_recorded(group: SpanGroup) -> bool:
    """Whether the sources of a group's spans are on record."""
    return bool(group.attrs.get(RECORDED))


def describe_sources(span: Span) -> str:
    """The components that found an entity as one word, such as ``model+ruler``."""
    return "+".join(read_sources(span)) or UNKNOWN


def _set(span: Span, value: str | Mapping[str, Sequence[str]]) -> None:
    if isinstance(value, Mapping):
        restore(span, NAME, value)
    elif isinstance(value, str):
        write_sources(span, tuple(value.split("+")))  # the inverse of describe_sources
    else:
        raise Messages.CM435.error(name=NAME, value=value, expected="the name of a component")


if not Span.has_extension(NAME):
    Span.set_extension(NAME, getter=describe_sources, setter=_set)
