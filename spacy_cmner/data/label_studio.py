"""Label Studio's JSON export: tasks, each with the annotations that people made of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_cmner.data.checks import RawSpan, checked_record, from_utf16, keys_of, wrong_shape
from spacy_cmner.data.files import read_json_list
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages

HYPERTEXT = "hypertextlabels"
KINDS = ("labels", HYPERTEXT)


def read_label_studio(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read `[{"id", "data": {"text"}, "annotations": [{"result": [{"value"}]}]}]`.

    Of the annotations that were not cancelled the ground truth is read, else the first. A value of
    several labels gives an entity of each; in HyperText the places are those of `globalOffsets`.
    Offsets behind an emoji may be in UTF-16 units, as its issue 1347 tells: where the value's own
    text proves it, they are put right and reported.

    RAISES (CmnerError): The file is missing, in another encoding, or not a JSON list.
    """
    for number, task in enumerate(read_json_list(path, encoding)):
        problem = wrong_shape(task, ("data",)) or wrong_shape(task["data"], ("text",))
        if problem:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
            continue
        annotations = [
            a
            for a in _list(task.get("annotations"))
            if isinstance(a, dict) and isinstance(a.get("result"), list)
            if not a.get("was_cancelled")
        ]
        if not annotations:
            missing = f"annotations; {keys_of(task)}"
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=missing)
            continue
        if len(annotations) > 1:
            report.add(
                Outcome.SKIPPED, Item.OTHER, Messages.CM137, number=number, count=len(annotations)
            )
        chosen = next((a for a in annotations if a.get("ground_truth")), annotations[0])
        meta = dict(task["data"])
        text = meta.pop("text", None)
        spans = [
            _in_characters(span, text, report, number)
            for result in chosen["result"]
            for span in _spans(result, report, number)
        ]
        id_ = task.get("id")
        record = checked_record(
            text, spans, report, number=number, id=None if id_ is None else str(id_), meta=meta
        )
        if record is not None:
            yield record


def _spans(result: Any, report: Report, number: int) -> Iterator[RawSpan]:
    kind = result.get("type") if isinstance(result, dict) else None
    value = result.get("value") if isinstance(result, dict) else None
    if kind not in KINDS or not isinstance(value, dict):
        what = f"a result of type {kind!r}"
        report.add(Outcome.SKIPPED, Item.OTHER, Messages.CM136, number=number, what=what)
        return
    offsets = value.get("globalOffsets") if kind == HYPERTEXT else value
    offsets = offsets if isinstance(offsets, dict) else {}
    for label in _list(value.get(kind)) or [None]:
        yield RawSpan(offsets.get("start"), offsets.get("end"), label, surface=value.get("text"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _in_characters(span: RawSpan, text: Any, report: Report, number: int) -> RawSpan:
    """Put UTF-16 offsets right where only they give the span's own text.

    That text may differ in blanks from what is at its offsets: it is read from the screen, where
    several are one, and a line end is written as a backslash and an n.
    """
    if (
        not isinstance(text, str)
        or not (type(span.start) is type(span.end) is int)
        or not isinstance(span.surface, str)
        or not span.surface
    ):
        return span
    mended = from_utf16(span, text)
    for read in (str, _with_single_blanks):
        for each in (span, mended):
            found = text[each.start : each.end]
            if each.end > len(text) or read(found) != read(span.surface):
                continue
            if each != span:
                report.add(
                    Outcome.REPAIRED, Item.ENTITY, Messages.CM138, number=number, entity=each
                )
            return replace(each, surface=found)
    return span


def _with_single_blanks(text: str) -> str:
    return re.sub(r"(\\n|\s)+", " ", text)
