"""The one gate between what a file says and a valid Record. Every reader goes through it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages
from spacy_cmner.tokenizer import replace_surrogates


@dataclass(frozen=True)
class RawSpan:
    """An entity as a file gives it, not yet checked.

    start, end (Any): Should be character offsets, the end exclusive.
    label (Any): Should be a type.
    surface (Any): The entity's text where the format repeats it, to be compared.
    problem (str): Why the form of what the file gives is wrong; empty where it is not.
    reported (bool): The reader has said that it is left out, so that only its place matters.
    """

    start: Any
    end: Any
    label: Any
    surface: Any = None
    problem: str = ""
    reported: bool = False

    def __str__(self) -> str:
        return f"{self.start!r}–{self.end!r} {self.label}"


def keys_of(item: dict[str, Any]) -> str:
    """Tell the keys of an object, for messages."""
    return f"its keys are {', '.join(map(repr, item)):.100}"


def wrong_shape(item: Any, *names: Sequence[str]) -> str:
    """Say why this is no object with one key of each of `names`; empty where it is."""
    if not isinstance(item, dict):
        return f"{item!r:.40} is not an object, but a {type(item).__name__}"
    lacking = [" or ".join(each) for each in names if not any(name in item for name in each)]
    if not lacking:
        return ""
    return (
        f"it has no {', no '.join(lacking)}; {keys_of(item)} (rename them, or choose the format "
        "that has these)"
    )


def span_of_object(
    entity: Any,
    *,
    start: Sequence[str],
    end: Sequence[str],
    label: Sequence[str],
    surface: Sequence[str] = (),
) -> RawSpan:
    """Read an entity that should be an object.

    start, end, label, surface (Sequence[str]): The keys that hold each of them.
    """
    problem = wrong_shape(entity, start, end, label)
    if not isinstance(entity, dict):
        return RawSpan(None, None, entity, problem=problem)
    return RawSpan(
        _first_of(entity, start),
        _first_of(entity, end),
        _first_of(entity, label),
        surface=_first_of(entity, surface),
        problem=problem,
    )


def _first_of(item: dict[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if name in item), None)


def from_utf16(span: RawSpan, text: str) -> RawSpan:
    """The span with its offsets in characters, where they count UTF-16 units, as JavaScript does;
    unchanged where they are no whole numbers, or leave the text."""
    if not (type(span.start) is type(span.end) is int and 0 <= span.start <= span.end):
        return span
    units = text[: span.end].encode("utf-16-le", "surrogatepass")
    if 2 * span.end > len(units):
        return span
    start, end = (
        len(units[: 2 * offset].decode("utf-16-le", "replace")) for offset in (span.start, span.end)
    )
    return replace(span, start=start, end=end)


def utf16_length(text: str) -> int:
    """How many UTF-16 units a text has: two where a character is beyond U+FFFF."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def checked_record(
    text: Any,
    spans: Iterable[RawSpan],
    report: Report,
    *,
    number: int,
    id: str | None = None,
    meta: dict[str, Any] | None = None,
) -> Record | None:
    """Make a Record of what is sound and report the rest.

    Where an entity that is left out may lie, the annotation is missing: to take these characters
    for outside would teach that there is none.

    text (Any): Should be the text.
    spans (Iterable[RawSpan]): Its entities.
    report (Report): Takes a finding for everything that is mended or left out.
    number (int): The record's place in its source.
    RETURNS (Record | None): None where there is no text.
    """
    if not isinstance(text, str):
        problem = f"its text is {text!r:.40}, not a string"
        report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
        return None
    sound = replace_surrogates(text)
    if sound != text:
        count = sum(a != b for a, b in zip(sound, text, strict=True))
        report.add(Outcome.REPAIRED, Item.RECORD, Messages.CM129, number=number, count=count)
    entities: set[Entity] = set()
    missing: set[int] = set()
    for span in spans:
        entity = None if span.reported else _checked_entity(span, sound, report, number)
        if entity is None:
            missing |= _possible_characters(span, sound)
        elif entity in entities:
            report.add(Outcome.SKIPPED, Item.ENTITY, Messages.CM126, number=number, entity=span)
        else:
            entities.add(entity)
    return Record(
        sound,
        tuple(entities),
        id=id,
        meta=meta or {},
        number=number,
        missing=frozenset(missing),
    )


def _possible_characters(span: RawSpan, text: str) -> set[int]:
    """Where an entity may lie that cannot be taken: at its offsets, and, unless they give its own
    text, wherever the text holds that; nowhere if it has neither."""
    places = []
    surface = replace_surrogates(span.surface) if isinstance(span.surface, str) else ""
    if type(span.start) is type(span.end) is int:
        place = range(max(span.start, 0), min(span.end, len(text)))
        if surface and surface == text[place.start : place.stop]:
            return set(place)
        places.append(place)
    if surface:
        starts = (match.start() for match in re.finditer(f"(?={re.escape(surface)})", text))
        places.extend(range(start, start + len(surface)) for start in starts)
    return {i for place in places for i in place}


def _checked_entity(span: RawSpan, text: str, report: Report, number: int) -> Entity | None:
    start, end, label = span.start, span.end, span.label
    problem = span.problem
    if not problem and not type(start) is type(end) is int:
        problem = "its offsets are no whole numbers"
    elif not problem and not (
        isinstance(label, str) and label.strip() and replace_surrogates(label) == label
    ):
        problem = "it has no type"
    if problem:
        report.add(
            Outcome.SKIPPED,
            Item.ENTITY,
            Messages.CM122,
            number=number,
            entity=replace_surrogates(str(span)),
            problem=replace_surrogates(problem),
        )
        return None
    if start >= end:
        report.add(Outcome.SKIPPED, Item.ENTITY, Messages.CM123, number=number, entity=span)
        return None
    if start < 0 or end > len(text):
        report.add(
            Outcome.MISALIGNED,
            Item.ENTITY,
            Messages.CM124,
            number=number,
            entity=span,
            length=len(text),
        )
        return None
    surface = span.surface
    if isinstance(surface, str):
        surface = replace_surrogates(surface)
    if surface is not None and surface != text[start:end]:
        report.add(
            Outcome.MISALIGNED,
            Item.ENTITY,
            Messages.CM125,
            number=number,
            entity=span,
            surface=surface,
            found=text[start:end],
        )
        return None
    entity = Entity(start, end, label.strip())
    if entity.label != label:
        report.add(
            Outcome.REPAIRED,
            Item.ENTITY,
            Messages.CM163,
            number=number,
            entity=entity,
            label=label,
        )
    return entity
