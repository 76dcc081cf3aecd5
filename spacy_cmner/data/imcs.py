"""IMCS-V2 NER: sentences of medical dialogues with one BIO label a character.

Chen et al. 2023, "A benchmark for automatic medical consultation system".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_cmner.data.checks import checked_record, keys_of, wrong_shape
from spacy_cmner.data.columns import labelled_spans
from spacy_cmner.data.files import read_json
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages


def read_imcs(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read a list of sentences, or the official file of dialogues with a list of sentences each.

    A sentence is `{"text" or "sentence", "BIO_label", "speaker", …}`, the labels separated by
    blanks or in a list. Speaker and all other fields, and the dialogue's key, are kept in `meta`.

    RAISES (CmnerError): The file is missing, in another encoding, or not JSON of this form.
    """
    for number, item in enumerate(_sentences(path, encoding)):
        problem = wrong_shape(item, ("text", "sentence"))
        if problem:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
        elif not _is_labels(item.get("BIO_label")):
            missing = f"BIO_label; {keys_of(item)}"
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=missing)
        else:
            meta = dict(item)
            labels = meta.pop("BIO_label")
            labels = labels.split() if isinstance(labels, str) else labels
            text = meta.pop("text" if "text" in meta else "sentence", None)
            spans = (
                labelled_spans(text, labels, "bio", report, number=number)
                if isinstance(text, str)
                else []  # checked_record says that there is no text
            )
            if spans is None:
                continue
            record = checked_record(text, spans, report, number=number, meta=meta)
            if record is not None:
                yield record


def _is_labels(found: Any) -> bool:
    return isinstance(found, str) or (
        isinstance(found, list) and all(isinstance(label, str) for label in found)
    )


def _sentences(path: Path, encoding: str) -> Iterator[Any]:
    content = read_json(path, encoding)
    if isinstance(content, list):
        yield from content
    elif isinstance(content, dict):
        for key, dialogue in content.items():
            sentences = dialogue.get("dialogue") if isinstance(dialogue, dict) else None
            if not isinstance(sentences, list):
                found = f"an entry {key!r} without a list 'dialogue'"
                raise Messages.CM104.error(path=path, found=found, expected="IMCS dialogues")
            for sentence in sentences:
                yield ({**sentence, "dialogue": key} if isinstance(sentence, dict) else sentence)
    else:
        found = f"a JSON {type(content).__name__}"
        raise Messages.CM104.error(path=path, found=found, expected="a list or dialogues")
