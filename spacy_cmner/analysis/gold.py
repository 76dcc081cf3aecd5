"""What predictions are held against: the gold entities of a text, and predictions as sets.

``doc.ents`` cannot hold nested entities. Where a gold document keeps all of them in
``doc.spans[spans_key]``, a recogniser is scored against those too, which is the official metric
of CMeEE: every gold entity counts, whether or not a flat recogniser could find it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_cmner.data.corpus import load_docs, trim_entities
from spacy_cmner.data.docs import doc_to_record, flatten_entities, missing_characters, record_to_doc
from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Report
from spacy_cmner.data.spans import SPANS_KEY, all_entities, gold_group
from spacy_cmner.errors import Messages

Entities = frozenset[Entity]


@dataclass(frozen=True)
class Gold:
    """The annotation of a document, over the characters of its text.

    entities (Entities): all of them; they may nest and cross.
    flat (Entities): a choice of them without overlaps, ``doc.ents``.
    missing (FrozenSet[int]): the characters of which the annotator said nothing.
    labels (Optional[FrozenSet[str]]): the types that count; None: all.
    """

    entities: Entities
    flat: Entities
    missing: frozenset[int] = frozenset()
    labels: frozenset[str] | None = None

    @classmethod
    def from_doc(cls, doc: Doc, spans_key: str = SPANS_KEY) -> "Gold | None":
        """Read a gold document; None if it was never annotated."""
        entities = entities_of(all_entities(doc, spans_key))
        if doc.has_annotation("ENT_IOB"):
            return cls(entities, entities_of(doc.ents), missing_characters(doc))
        if gold_group(doc, spans_key) is not None:
            return cls(entities, frozenset(flatten_entities(entities)[0]))
        return None

    def of_types(self, labels: Collection[str]) -> "Gold":
        """What is annotated of these types."""
        entities, flat = of_types(self.entities, labels), of_types(self.flat, labels)
        return replace(self, entities=entities, flat=flat, labels=frozenset(labels))

    def judged(self, predicted: Iterable[Entity], *, flat: bool = False) -> Entities:
        """The predictions that are right or wrong. One that touches a character without
        annotation is neither, as in spaCy's own scoring, nor is one of a type that does not count.

        flat (bool): to be held against flat gold: of those that overlap, whatever their types, the
            longest.
        """
        if flat:
            predicted, _ = flatten_entities(predicted)
        if self.labels is not None:
            predicted = of_types(predicted, self.labels)
        if not self.missing:
            return frozenset(predicted)
        return frozenset(
            entity
            for entity in predicted
            if self.missing.isdisjoint(range(entity.start, entity.end))
        )


@dataclass(frozen=True)
class GoldText:
    """A gold document apart from spaCy.

    id (Optional[str]): the name that its source gives it.
    """

    text: str
    gold: Gold
    id: str | None = None

    def of_types(self, labels: Collection[str]) -> "GoldText":
        """The text with what is annotated of these types."""
        return replace(self, gold=self.gold.of_types(labels))


def entities_of(spans: Iterable[Span]) -> Entities:
    """Spans of any tokenization as entities over characters."""
    return frozenset(Entity(span.start_char, span.end_char, span.label_) for span in spans)


def of_types(entities: Iterable[Entity], labels: Collection[str]) -> Entities:
    """The entities of these types."""
    return frozenset(entity for entity in entities if entity.label in labels)


def read(nlp: Language, texts: Iterable[str]) -> Iterator[Doc]:
    """Run a pipeline over texts of any length; spaCy's limit, ``nlp.max_length``, is for texts of
    which nobody knows how long they are."""
    return nlp.pipe(map(nlp.tokenizer, texts))


def load_gold(path: Path) -> list[GoldText]:
    """Read the annotated texts of a .spacy or .jsonl file, or a folder of .spacy files; texts
    without annotation are left out. In .jsonl blanks at the ends of entities are taken off, as by
    `convert`, whose .spacy files have none.

    RAISES: CM101, CM102, CM112 if the file is missing or damaged, CM116 if the folder is empty,
        CM501 if the file is of another kind, CM504 if a record of it is faulty, CM506 if it holds
        no annotated text.
    """
    vocab = Vocab()
    if path.suffix.lower() == ".jsonl":
        records = trim_entities(_read_records(path), Report(path))
        docs = [record_to_doc(record, vocab) for record in records]
    elif path.suffix.lower() == ".spacy" or path.is_dir():
        docs = list(load_docs(path, vocab))
    else:
        raise Messages.CM501.error(path=path)
    texts = []
    for doc in docs:
        gold = Gold.from_doc(doc)
        if gold is not None:
            record = doc_to_record(doc)
            texts.append(GoldText(record.text, gold, record.id))
    if not texts:
        raise Messages.CM506.error(path=path)
    return texts


def load_predictions(path: Path, texts: Sequence[GoldText]) -> list[Entities]:
    """Read what `cmner evaluate --predictions` has written for these texts.

    RAISES: CM101 if the file is missing, CM502 and CM503 if it was made for other texts, CM504 if
        a record of it is faulty.
    """
    records = _read_records(path)
    if len(records) != len(texts):
        raise Messages.CM502.error(path=path, found=len(records), expected=len(texts))
    for record, text in zip(records, texts, strict=True):
        if record.text != text.text:
            raise Messages.CM503.error(
                path=path, number=record.number, found=record.text[:30], expected=text.text[:30]
            )
    return [frozenset(record.entities) for record in records]


def _read_records(path: Path) -> list[Record]:
    report = Report(path)
    records = list(read_jsonl(path, report))
    if report.problems:
        first = report.problems[0].text
        raise Messages.CM504.error(path=path, count=len(report.problems), first=first)
    return records
