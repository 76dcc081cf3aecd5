"""The one gate between what a file says and a valid Record. Every reader goes through it."""

from collections.abc import Iterable
from dataclasses import dataclass
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
    """

    start: Any
    end: Any
    label: Any
    surface: Any = None

    def __str__(self) -> str:
        return f"{self.start!r}–{self.end!r} {self.label}"


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
    for span in spans:
        entity = _checked_entity(span, sound, report, number)
        if entity in entities:
            report.add(Outcome.SKIPPED, Item.ENTITY, Messages.CM126, number=number, entity=span)
        elif entity is not None:
            entities.add(entity)
    return Record(sound, tuple(entities), id=id, meta=meta or {}, number=number)


def _checked_entity(span: RawSpan, text: str, report: Report, number: int) -> Entity | None:
    start, end, label = span.start, span.end, span.label
    if type(start) is not int or type(end) is not int:
        problem = "its offsets are no whole numbers"
    elif not isinstance(label, str) or not label or replace_surrogates(label) != label:
        problem = "it has no type"
    else:
        problem = ""
    if problem:
        report.add(
            Outcome.SKIPPED,
            Item.ENTITY,
            Messages.CM122,
            number=number,
            entity=replace_surrogates(str(span)),
            problem=problem,
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
    return Entity(start, end, label)
