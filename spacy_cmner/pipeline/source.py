"""Where an entity comes from: ``span._.cmner_source``.

Importing this module registers the extension. Its values lie in ``doc.user_data`` under the key
that spaCy uses for extensions of spans, so they go wherever those go: to other processes, into
``Doc.to_bytes``, through ``Doc.from_docs``, and into a ``DocBin`` made with
``store_user_data=True``. An entity is known by its characters and its label; what several
components find is one entity with several sources.
"""

from typing import Any, cast

from spacy.tokens import Span

NAME = "cmner_source"
MODEL = "model"
UNKNOWN = "other"


def read_sources(span: Span) -> tuple[str, ...]:
    """The components that found an entity, in the order in which they ran.

    span (Span): an entity, or a member of a span group.
    RETURNS (Tuple[str, ...]): empty for an entity of a component that keeps no record, such as
        spaCy's ``entity_ruler``.
    """
    return tuple(_record(span).get(span.label_, ()))


def add_source(span: Span, *sources: str) -> None:
    """Record that an entity was found by these sources, too; each is named once."""
    data, key, label = _user_data(span), _key(span), span.label_
    record = data.get(key, {})
    known = record.get(label)
    data[key] = {
        **record,
        label: tuple(dict.fromkeys((*known, *sources))) if known else sources,
    }


def write_sources(span: Span, sources: tuple[str, ...]) -> None:
    """Record the sources of an entity instead of those it has."""
    _user_data(span)[_key(span)] = {**_record(span), span.label_: sources}


def _key(span: Span) -> tuple[str, str, int, int]:
    return ("._.", NAME, span.start_char, span.end_char)


def _record(span: Span) -> dict[str, tuple[str, ...]]:
    return _user_data(span).get(_key(span), {})


def _user_data(span: Span) -> dict[Any, Any]:
    return cast(dict[Any, Any], span.doc.user_data)  # spaCy's stubs say that keys are strings


def _get(span: Span) -> str:
    return "+".join(read_sources(span)) or UNKNOWN


def _set(span: Span, source: str) -> None:
    write_sources(span, (source,))


if not Span.has_extension(NAME):
    Span.set_extension(NAME, getter=_get, setter=_set)
