"""brat standoff: a folder of texts (.txt), each with its annotations beside it (.ann).

Stenetorp et al. 2012, "brat: a Web-based Tool for NLP-Assisted Text Annotation".
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_cmner.data.checks import RawSpan, checked_record
from spacy_cmner.data.files import read_lines, read_text
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages

_SPAN = r"\d{1,18} \d{1,18}"
_ENTITY = re.compile(rf"T\S*\t(?P<label>\S+) (?P<spans>{_SPAN}(?:;{_SPAN})*)(?:\t(?P<surface>.*))?")
_OTHER = re.compile(r"(?:[REAMN]\d\S*|\*)\t.+")
# brat keeps an entity's text on one line of the .ann file
_ONE_LINE = str.maketrans("\r\n", "  ")


def read_brat(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read the entities (T lines) of every text in a folder and its subfolders.

    A record's id is the text's path in the folder without `.txt`, its number the place in their
    sorted order, from 1. Entities in pieces are left out; these and all other lines but notes are
    reported, as faults those that brat itself does not know.

    RAISES (CmnerError): The folder is missing, or a file is in another encoding.
    """
    if not path.is_dir():
        raise Messages.CM101.error(path=path)
    names = sorted({file.with_suffix("") for s in (".txt", ".ann") for file in path.rglob(f"*{s}")})
    for number, name in enumerate(names, start=1):
        text_path, ann_path = name.parent / f"{name.name}.txt", name.parent / f"{name.name}.ann"
        id_ = name.relative_to(path).as_posix()
        if not text_path.is_file():
            problem = f"{ann_path} has no text beside it"
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
            continue
        if not ann_path.is_file():
            report.add(
                Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=ann_path
            )
            continue
        text = read_text(text_path, encoding)
        lines = [line for line in read_lines(ann_path, encoding) if line.strip()]
        spans = [span for line in lines for span in _spans(line, text, report, number)]
        record = checked_record(text, spans, report, number=number, id=id_)
        if record is not None:
            yield record


def write_brat(records: Iterable[Record], folder: Path) -> None:
    """Write each record as `ID.txt` and `ID.ann`; brat has no place for `meta`.

    A record without an id is named by its place, from 1. The score of an entity becomes a note,
    what is said of it (such as negated) an attribute.

    RAISES (CmnerError): An id that is no file name or comes twice, or as `check_type`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for place, record in enumerate(records, start=1):
        name = f"{place:06}" if record.id is None else record.id
        if not re.fullmatch(r"\w[\w. -]*", name):
            raise Messages.CM113.error(what="the id", value=name, problem="it is no file name")
        if name in written:
            raise Messages.CM113.error(what="the id", value=name, problem="it comes twice")
        written.add(name)
        lines = []
        n_attributes = 0
        for i, entity in enumerate(record.entities, start=1):
            check_type(entity.label)
            surface = record.text[entity.start : entity.end].translate(_ONE_LINE)
            lines.append(f"T{i}\t{entity.label} {entity.start} {entity.end}\t{surface}\n")
            score = getattr(entity, "score", None)  # of one that a pipeline found
            if score is not None:
                lines.append(f"#{i}\tAnnotatorNotes T{i}\tscore {score:.4f}\n")
            for attribute in getattr(entity, "assertion", None) or ():
                n_attributes += 1
                lines.append(f"A{n_attributes}\t{attribute} T{i}\n")
        (folder / f"{name}.txt").write_bytes(record.text.encode())
        (folder / f"{name}.ann").write_bytes("".join(lines).encode())


def check_type(label: str) -> None:
    """RAISES (CmnerError): A type that holds a blank."""
    if re.search(r"\s", label):
        raise Messages.CM113.error(what="the type", value=label, problem="it holds a blank")


def _spans(line: str, text: str, report: Report, number: int) -> Iterator[RawSpan]:
    if line.startswith("#"):
        return
    if _OTHER.fullmatch(line):
        what = f"the line {line!r:.60}"
        report.add(Outcome.SKIPPED, Item.OTHER, Messages.CM136, number=number, what=what)
        return
    match = _ENTITY.fullmatch(line)
    if match is None:
        problem = (
            "it is neither 'ID, tab, type start end, tab, text' nor, behind ID and tab, a relation "
            "(R), event (E), attribute (A, M), normalisation (N), equivalence (*) or note (#)"
        )
        report.add(
            Outcome.SKIPPED,
            Item.ENTITY,
            Messages.CM122,
            number=number,
            entity=f"the line {line!r:.60}",
            problem=problem,
        )
        return
    if ";" in match["spans"]:
        entity = f"{match['spans']} {match['label']}"
        report.add(Outcome.SKIPPED, Item.ENTITY, Messages.CM135, number=number, entity=entity)
        offsets = [int(offset) for offset in re.findall(r"\d+", match["spans"])]
        yield RawSpan(min(offsets), max(offsets), match["label"], reported=True)
        return
    start, end = map(int, match["spans"].split())
    surface = match["surface"]
    found = text[start:end]
    if surface is not None and surface.translate(_ONE_LINE) == found.translate(_ONE_LINE):
        surface = found
    yield RawSpan(start, end, match["label"], surface=surface)
