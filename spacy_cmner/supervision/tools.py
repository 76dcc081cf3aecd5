"""Files that annotation tools import, with what was found as suggestions.

Their exports are read by ``data.jsonl`` (doccano) and ``data.label_studio``. Both tools give every
text a number of their own; the record's own id is kept in the field ``record``.

Sources: doccano, "Sequence labeling, JSONL"; Label Studio, "Import pre-annotated data".
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from xml.etree import ElementTree

from spacy_cmner.data.checks import utf16_length
from spacy_cmner.data.files import replacing, write_text
from spacy_cmner.errors import Messages
from spacy_cmner.supervision.preannotation import Suggestion

Tool = Literal["doccano", "label_studio"]

# Of what each tool imports.
ENDINGS: dict[Tool, str] = {"doccano": ".jsonl", "label_studio": ".json"}

# The names in Label Studio's labelling configuration that a suggestion refers to.
CONTROL, OBJECT = "label", "text"


def write_suggestions(
    suggestions: Sequence[Suggestion], path: Path, tool: Tool, labels: Iterable[str] = ()
) -> None:
    """Write texts for a tool, in their order.

    path (Path): JSON lines for doccano; for Label Studio a JSON list, beside which
        ``PATH.xml`` is the labelling configuration of its project.
    labels (Iterable[str]): types that people may choose, beside those of the entities.
    RAISES: CM432 if there is no such tool.
    """
    if tool not in WRITERS:
        raise Messages.CM432.error(tool=tool, tools=", ".join(get_args(Tool)))
    found = {entity.label for suggestion in suggestions for entity in suggestion.record.entities}
    WRITERS[tool](suggestions, path, sorted(found.union(labels)))


def _write_doccano(suggestions: Iterable[Suggestion], path: Path, labels: Sequence[str]) -> None:
    """The labels go unwritten: doccano keeps those of a project apart from its texts. Offsets count
    UTF-16 units, as it does itself."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for suggestion in suggestions:
            text, entities = suggestion.record.text, suggestion.record.entities
            item: dict[str, Any] = {"text": text}
            item["label"] = [
                [utf16_length(text[: e.start]), utf16_length(text[: e.end]), e.label]
                for e in entities
            ]
            item |= _about(suggestion)
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def _write_label_studio(
    suggestions: Sequence[Suggestion], path: Path, labels: Sequence[str]
) -> None:
    tasks = [
        {
            "data": {"text": suggestion.record.text} | _about(suggestion),
            "predictions": [{"model_version": "cmner", "result": _results(suggestion)}],
        }
        for suggestion in suggestions
    ]
    write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    write_text(config_path(path), labelling_config(labels))


def config_path(path: Path) -> Path:
    """Where the labelling configuration for a file of tasks is."""
    return path.with_name(f"{path.name}.xml")


def labelling_config(labels: Iterable[str]) -> str:
    """The labelling configuration of a Label Studio project."""
    view = ElementTree.Element("View")
    control = ElementTree.SubElement(view, "Labels", name=CONTROL, toName=OBJECT)
    for label in labels:
        ElementTree.SubElement(control, "Label", value=label)
    ElementTree.SubElement(view, "Text", name=OBJECT, value="$text")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _results(suggestion: Suggestion) -> list[dict[str, Any]]:
    text = suggestion.record.text
    return [
        {
            "id": f"{number}",
            "from_name": CONTROL,
            "to_name": OBJECT,
            "type": "labels",
            "value": {
                "start": e.start,
                "end": e.end,
                "text": text[e.start : e.end],
                "labels": [e.label],
            },
        }
        for number, e in enumerate(suggestion.record.entities)
    ]


def _about(suggestion: Suggestion) -> dict[str, Any]:
    id_ = suggestion.record.id
    certainty = float(f"{suggestion.certainty:.6g}")  # that of a long text has many zeros
    return {**({} if id_ is None else {"record": id_}), "certainty": certainty}


WRITERS: dict[str, Callable[[Sequence[Suggestion], Path, Sequence[str]], None]] = {
    "doccano": _write_doccano,
    "label_studio": _write_label_studio,
}
