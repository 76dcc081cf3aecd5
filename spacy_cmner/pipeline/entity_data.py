"""What components know of an entity, kept in ``doc.user_data``.

The keys are those of spaCy's extensions of spans, so the values go wherever these go: to other
processes, into ``Doc.to_bytes``, through ``Doc.from_docs``, into a ``DocBin`` made with
``store_user_data=True``, and through ``Doc.to_json`` if it is asked for them (`restore`). An entity
is known by its characters and its label: what is known of one says nothing of another with the same
characters.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from spacy.tokens import Doc, Span

# first token, last token + 1, label
Identity: TypeAlias = tuple[int, int, int]


def identity(span: Span) -> Identity:
    """What makes two spans of a document the same entity."""
    return span.start, span.end, span.label


def read_all(span: Span, name: str) -> dict[str, Any]:
    """What an extension holds for the characters of a span, by label, or by another name where the
    label does not matter."""
    return user_data(span).get(user_key(span, name), {})


def write(span: Span, name: str, value: object) -> None:
    """Set an extension's value for an entity."""
    user_data(span)[user_key(span, name)] = {**read_all(span, name), span.label_: value}


def restore(span: Span, name: str, value: Mapping[str, Any]) -> None:
    """Take back what an extension holds for the characters of a span: ``Doc.to_json`` writes it
    whole, and ``Doc.from_json`` sets the extension to it, on a span without a label."""
    user_data(span)[user_key(span, name)] = dict(value)


def user_key(span: Span, name: str) -> tuple[str, str, int, int]:
    return place_key(name, span.start_char, span.end_char)


def place_key(name: str, start: int, end: int) -> tuple[str, str, int, int]:
    """The key of an extension's value for the characters of an entity."""
    return ("._.", name, start, end)


def user_data(span: Span) -> dict[Any, Any]:
    return doc_data(span.doc)


def doc_data(doc: Doc) -> dict[Any, Any]:
    return cast(dict[Any, Any], doc.user_data)  # spaCy's stubs say that keys are strings
