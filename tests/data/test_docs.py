import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_strategies import records
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_cmner.data.docs import doc_to_record, flatten_entities, record_to_doc
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Report
from spacy_cmner.errors import CmnerError

VOCAB = Vocab()
WHOLE, HEAD, TAIL, CROSS = (
    Entity(0, 4, "sym"),
    Entity(0, 2, "bod"),
    Entity(2, 4, "ite"),
    Entity(3, 6, "dis"),
)


@given(st.lists(records(partial=True), max_size=4))
def test_round_trip_through_docbin(originals):
    docs = [record_to_doc(record, VOCAB) for record in originals]
    data = DocBin(store_user_data=True, docs=docs).to_bytes()
    restored = DocBin().from_bytes(data).get_docs(Vocab())
    assert [doc_to_record(doc) for doc in restored] == originals


@given(records(), st.sampled_from(["longest", "shortest", "first"]))
def test_ents_are_a_maximal_choice_and_the_rest_is_reported(record, flatten):
    report = Report()
    doc = record_to_doc(record, VOCAB, flatten=flatten, report=report)
    chosen = {Entity(e.start_char, e.end_char, e.label_) for e in doc.ents}
    assert chosen <= set(record.entities)
    assert len(report.findings) == len(record.entities) - len(chosen)
    for entity in set(record.entities) - chosen:
        assert any(entity.start < e.end and e.start < entity.end for e in chosen)


@pytest.mark.parametrize(
    "flatten, expected",
    [
        ("longest", [WHOLE]),
        ("shortest", [HEAD, TAIL]),
        ("first", [WHOLE]),
    ],
)
def test_flatten(flatten, expected):
    chosen, dropped = flatten_entities([CROSS, TAIL, HEAD, WHOLE], flatten)
    assert chosen == expected
    assert sorted(entity for entity, _ in dropped) == sorted(
        {CROSS, TAIL, HEAD, WHOLE} - set(chosen)
    )


def test_flatten_decides_ties_by_start_then_label():
    equal = [Entity(0, 2, "sym"), Entity(0, 2, "bod"), Entity(1, 3, "dis")]
    chosen, dropped = flatten_entities(equal)
    assert chosen == [Entity(0, 2, "bod")]
    assert dropped == [(Entity(0, 2, "sym"), chosen[0]), (Entity(1, 3, "dis"), chosen[0])]


def test_unknown_way_to_flatten():
    with pytest.raises(CmnerError, match=r"CM108.*widest.*longest"):
        flatten_entities([], "widest")


def test_no_entities_is_an_annotation():
    doc = record_to_doc(Record("无痰"), VOCAB)
    assert doc.has_annotation("ENT_IOB")
    assert [token.ent_iob_ for token in doc] == ["O", "O"]
    assert not doc.spans


def test_what_is_missing_is_neither_entity_nor_outside():
    record = Record("见肺炎。", (Entity(1, 2, "bod"),), missing=frozenset({2}))
    doc = record_to_doc(record, VOCAB)
    assert [token.ent_iob_ for token in doc] == ["O", "B", "", "O"]


def test_a_doc_that_nobody_annotated_says_nothing():
    doc = Doc(VOCAB, words=["见", "肺炎"], spaces=[False, False])
    assert doc_to_record(doc) == Record("见肺炎", missing=frozenset({0, 1, 2}))


def test_a_blank_goes_with_the_token_before_it():
    doc = Doc(VOCAB, words=["chest", "pain", "见"], spaces=[True, False, False])
    doc.set_ents([], missing=[doc[:2]], default="outside")
    assert doc_to_record(doc).missing == frozenset(range(10))


def test_a_doc_with_the_group_alone_says_everything():
    doc = Doc(VOCAB, words=["见", "肺炎"], spaces=[False, False])
    doc.spans["cmner"] = [Span(doc, 1, 2, "dis")]
    assert doc_to_record(doc) == Record("见肺炎", (Entity(1, 3, "dis"),))


def test_entities_that_ents_can_hold_need_no_group():
    doc = record_to_doc(Record("肺炎", (Entity(0, 1, "bod"), Entity(1, 2, "dis"))), VOCAB)
    assert [(e.start, e.end, e.label_) for e in doc.ents] == [(0, 1, "bod"), (1, 2, "dis")]
    assert not doc.spans


def test_all_entities_are_in_the_group():
    entities = (Entity(0, 1, "bod"), Entity(0, 2, "dis"), Entity(0, 2, "sym"))
    doc = record_to_doc(Record("肺炎", entities), VOCAB)
    assert [(s.start, s.end, s.label_) for s in doc.spans["cmner"]] == [
        (e.start, e.end, e.label) for e in entities
    ]


def test_finding_names_record_and_winner():
    report = Report()
    record = Record("肺炎", (Entity(0, 1, "bod"), Entity(0, 2, "dis")), number=8)
    record_to_doc(record, VOCAB, report=report)
    [finding] = report.findings
    assert finding.number == 8
    assert "0–1 bod overlaps 0–2 dis" in finding.text


def test_doc_of_words_without_the_group():
    doc = Doc(VOCAB, words=["见", "肺炎"], spaces=[False, False], ents=["O", "B-dis"])
    assert doc_to_record(doc) == Record("见肺炎", (Entity(1, 3, "dis"),))
