import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.report import Report

FOLDER = Path(__file__).parents[2] / "assets" / "corpus"
SPLITS = ("train", "dev", "test")
LABELS = {"bod", "dep", "dis", "dru", "equ", "ite", "mic", "pro", "sym"}
TOPICS = {"paediatrics", "internal", "surgery", "drugs", "laboratory", "dialogue"}


def read(split):
    report = Report()
    records = list(read_jsonl(FOLDER / f"{split}.jsonl", report))
    assert not report.findings
    return records


@pytest.fixture(scope="module")
def corpus():
    return {split: read(split) for split in SPLITS}


@pytest.fixture(scope="module")
def records(corpus):
    return [record for split in SPLITS for record in corpus[split]]


def inner_entities(record):
    """Each entity that lies in another one, with that one."""
    return [
        (inner, outer)
        for outer in record.entities
        for inner in record.entities
        if inner != outer and outer.start <= inner.start and inner.end <= outer.end
    ]


def test_size(records):
    assert len(records) >= 600


def test_every_split_has_every_type_and_topic(corpus):
    for split in corpus.values():
        assert {entity.label for record in split for entity in record.entities} == LABELS
        assert {record.meta["topic"] for record in split} == TOPICS


def test_ids_are_unique_and_name_the_topic(records):
    assert len({record.id for record in records}) == len(records)
    for record in records:
        assert re.fullmatch(rf"{record.meta['topic']}-\d{{3}}", record.id)


def test_no_text_twice(records):
    """Texts that differ in blanks and punctuation only count as one."""
    texts = Counter(re.sub(r"\W", "", record.text) for record in records)
    assert [text for text, count in texts.items() if count > 1] == []


def test_no_markup_or_blanks_around_texts(records):
    for record in records:
        assert record.text == record.text.strip()
        assert not set(record.text) & set("{}\t\r\n\ufffd\ufeff")


def test_entities_begin_and_end_with_a_word(records):
    for record in records:
        for entity in record.entities:
            for character in (record.text[entity.start], record.text[entity.end - 1]):
                assert unicodedata.category(character)[0] not in "PZC", (record.id, str(entity))


def test_only_symptoms_hold_others_and_nothing_crosses(records):
    for record in records:
        for inner, outer in inner_entities(record):
            assert (outer.label, inner.label) in {("sym", "bod"), ("sym", "ite")}, record.id
            assert inner.end - inner.start < outer.end - outer.start, record.id
        for first in record.entities:
            for second in record.entities:
                assert not first.start < second.start < first.end < second.end, record.id


def test_types_differ_only_where_the_guidelines_say_so(records):
    types = {}
    for record in records:
        for entity in record.entities:
            types.setdefault(record.text[entity.start : entity.end], set()).add(entity.label)
    assert {surface: labels for surface, labels in types.items() if len(labels) > 1} == {
        "白细胞": {"bod", "ite"},
        "淋巴细胞": {"bod", "ite"},
        "胃镜": {"equ", "pro"},
    }


def test_readme_tells_the_counts(corpus):
    def row(name, count):
        counts = [count(corpus[split]) for split in SPLITS]
        return f"| {name} | " + " | ".join(f"{n:,}" for n in [*counts, sum(counts)]) + " |"

    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    expected = {
        row("sentences", len),
        row("characters", lambda split: sum(len(r.text) for r in split)),
        row("sentences without a mention", lambda split: sum(not r.entities for r in split)),
        row("mentions", lambda split: sum(len(r.entities) for r in split)),
        row("of them inside another", lambda split: sum(len(inner_entities(r)) for r in split)),
        *(
            row(
                f"`{label}`",
                lambda split, label=label: sum(
                    entity.label == label for r in split for entity in r.entities
                ),
            )
            for label in LABELS
        ),
    }
    assert expected - set(readme.splitlines()) == set()
