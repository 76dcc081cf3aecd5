"""From an annotation file to a DocBin, and back to records."""

import random
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_cmner.data.brat import read_brat
from spacy_cmner.data.cmeee import read_cmeee
from spacy_cmner.data.columns import read_columns
from spacy_cmner.data.docs import DOCBIN_ATTRS, Flatten, doc_to_record, record_to_doc
from spacy_cmner.data.files import check_other, replacing
from spacy_cmner.data.imcs import read_imcs
from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.label_studio import read_label_studio
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import CmnerError, CmnerWarning, Messages

Reader = Callable[..., Iterator[Record]]
T = TypeVar("T")

FORMATS: dict[str, Reader] = {
    "cmeee": read_cmeee,
    "imcs": read_imcs,
    "columns": read_columns,
    "bio": partial(read_columns, scheme="bio"),
    "bioes": partial(read_columns, scheme="bioes"),
    "jsonl": read_jsonl,
    "label_studio": read_label_studio,
    "brat": read_brat,
}


def convert(
    source: Path,
    format: str,
    out: Path,
    *,
    flatten: Flatten = "longest",
    labels: Sequence[str] | Mapping[str, str] = (),
    fraction: float = 1.0,
    seed: int = 0,
    limit: int | None = None,
    encoding: str = "utf-8",
) -> Report:
    """Convert annotations to a DocBin that `spacy train` reads.

    source (Path): A file, or brat's folder.
    format (str): A key of `FORMATS`.
    out (Path): The .spacy file to write; its folder is made.
    flatten (Flatten): Which of overlapping entities `doc.ents` holds.
    labels (Sequence[str] | Mapping[str, str]): The types wanted; none means all. Others are left
        out and reported. A mapping gives each of them the name to have from then on.
    fraction (float): The part of the records to keep, chosen by `seed`. A smaller part is
        contained in a larger one of the same seed.
    limit (int | None): Keep this many records at most, the first ones.
    encoding (str): The source's encoding.
    RETURNS (Report): What was kept and left out, and why.
    RAISES (CmnerError): An unknown format, an unreadable or empty source, one without a record or
        without an entity of any of the types wanted, or one that is `out`; or no record is left.
    WARNS: Of types wanted that the source does not have.
    """
    check_other(source, out)
    if format not in FORMATS:
        raise Messages.CM107.error(format=format, formats=", ".join(FORMATS))
    report = Report(source)
    records = list(FORMATS[format](source, report, encoding=encoding))
    if not records:
        if not report.findings:
            raise Messages.CM165.error(path=source)
        fitting = ", ".join(fitting_formats(source, encoding=encoding))
        raise Messages.CM106.error(
            path=source,
            format=format,
            skipped=report.count(Outcome.SKIPPED, Item.RECORD),
            hint=f" ({fitting})" if fitting else "",
            first=report.findings[0].text,
        )
    check_ids(records, report)
    chosen = subsample(records, fraction=fraction, seed=seed, limit=limit)
    if not chosen:
        raise Messages.CM527.error(fraction=fraction, path=source)
    report.left_out = len(records) - len(chosen)
    wanted: Iterable[Record] = chosen
    if labels:
        names = labels if isinstance(labels, Mapping) else dict(zip(labels, labels, strict=True))
        known = {entity.label for record in records for entity in record.entities}
        check_labels(known, names, source)
        wanted = restrict_labels(chosen, names, report)
    write_docbin(trim_entities(wanted, report), out, flatten=flatten, report=report)
    return report


def fitting_formats(source: Path, *, encoding: str = "utf-8") -> list[str]:
    """The formats as which the first record of a source can be read without a finding."""
    fitting = []
    for format, read in FORMATS.items():
        report = Report(source)
        try:
            found = next(read(source, report, encoding=encoding), None)
        except CmnerError:
            continue
        if found is not None and not report.findings:
            fitting.append(format)
    return fitting


def check_ids(records: Iterable[Record], report: Report) -> None:
    """Report each id that several records have."""
    numbers: dict[str, list[int | None]] = {}
    for record in records:
        if record.id is not None:
            numbers.setdefault(record.id, []).append(record.number)
    for id_, found in numbers.items():
        if len(found) > 1:
            report.add(
                Outcome.DOUBTFUL,
                Item.RECORD,
                Messages.CM164,
                number=found[0],
                id=id_,
                count=len(found),
            )


def check_labels(known: Set[str], labels: Collection[str], source: Path) -> None:
    """Hold the types that are asked for against those that the source has.

    Types may be rare, so it is an error only if none is there.

    RAISES (CmnerError): No entity is of any of these types.
    WARNS: Of those that no entity is of.
    """
    missing = [label for label in labels if label not in known]
    message = {"path": source, "labels": ", ".join(missing), "known": ", ".join(sorted(known))}
    if known and len(missing) == len(labels):
        raise Messages.CM118.error(**message)
    if missing:
        warnings.warn(Messages.CM118.format(**message), CmnerWarning, stacklevel=3)


def subsample(
    records: Sequence[T], *, fraction: float = 1.0, seed: int = 0, limit: int | None = None
) -> list[T]:
    """Choose a part of the records, in their order; a smaller part lies within a larger one.

    RAISES (CmnerError): `fraction` is not above 0 and up to 1.
    """
    if not 0 < fraction <= 1:
        raise Messages.CM109.error(fraction=fraction)
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    chosen = sorted(order[: round(fraction * len(records))])
    return [records[i] for i in chosen[:limit]]


def trim_entities(records: Iterable[Record], report: Report) -> Iterator[Record]:
    """Take blanks from the ends of entities: who marks with the mouse often marks one too many, and
    no recogniser finds such an entity."""
    for record in records:
        kept = set()
        for given in record.entities:
            number, surface = record.number, record.text[given.start : given.end]
            content = surface.strip()
            if not content:
                report.add(
                    Outcome.SKIPPED, Item.ENTITY, Messages.CM173, number=number, entity=given
                )
                continue
            start = given.start + surface.index(content)
            entity = replace(given, start=start, end=start + len(content))
            kept.add(entity)
            if entity != given:
                report.add(
                    Outcome.REPAIRED,
                    Item.ENTITY,
                    Messages.CM172,
                    number=number,
                    entity=given,
                    kept=entity,
                )
        yield replace(record, entities=tuple(kept))


def restrict_labels(
    records: Iterable[Record], names: Mapping[str, str], report: Report
) -> Iterator[Record]:
    """Keep the entities of the types in `names`, which gives them the names there; report each
    other one as unwanted."""
    for record in records:
        kept = set()
        for entity in record.entities:
            if entity.label in names:
                kept.add(replace(entity, label=names[entity.label]))
            else:
                report.add(
                    Outcome.UNWANTED,
                    Item.ENTITY,
                    Messages.CM127,
                    number=record.number,
                    entity=entity,
                    labels=", ".join(names),
                )
        yield replace(record, entities=tuple(kept))


def write_docbin(
    records: Iterable[Record],
    path: Path,
    *,
    flatten: Flatten = "longest",
    report: Report | None = None,
) -> None:
    """Write gold Docs, see `record_to_doc`; `report` counts them."""
    vocab = Vocab()
    docbin = DocBin(attrs=DOCBIN_ATTRS, store_user_data=True)
    for record in records:
        doc = record_to_doc(record, vocab, flatten=flatten, report=report)
        docbin.add(doc)
        if not doc.user_data:
            docbin.user_data[-1] = None  # unpacking an empty one costs as much as a full one
        if report is not None:
            report.keep(record)
    with replacing(path) as draft:
        docbin.to_disk(draft)


def load_docbin(path: Path, *, user_data: bool = True) -> DocBin:
    """Load a DocBin.

    user_data (bool): Leave it out where it is not needed: unpacking it is slow.
    RAISES (CmnerError): The file is missing or not a DocBin.
    """
    if not path.is_file():
        raise Messages.CM101.error(path=path)
    try:
        docbin = DocBin().from_disk(path)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        raise Messages.CM112.error(path=path) from None
    docbin.store_user_data = docbin.store_user_data and user_data
    return docbin


def load_docs(path: Path, vocab: Vocab, *, user_data: bool = True) -> Iterator[Doc]:
    """The documents of a DocBin, or of all those in a folder and its inner ones, in the order of
    their names.

    user_data (bool): As in `load_docbin`.
    RAISES (CmnerError): As `load_docbin`, or the folder holds none.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.spacy") if file.is_file())
    if not files:
        raise Messages.CM116.error(path=path)
    for file in files:
        yield from load_docbin(file, user_data=user_data).get_docs(vocab)


def read_docbin(path: Path) -> Iterator[Record]:
    """Read the records of a DocBin, or of a folder of them; the inverse of `write_docbin`.

    RAISES (CmnerError): As `load_docs`.
    """
    for doc in load_docs(path, Vocab()):
        yield doc_to_record(doc)
