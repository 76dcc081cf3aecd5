import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from span_strategies import entities

from spacy_cmner.analysis.gold import Gold, load_gold, load_predictions
from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.tokenizer import char_doc

NESTED = Record("右肺疼痛", (Entity(0, 4, "sym"), Entity(0, 2, "bod")), id="a")
EMPTY = Record("", id="b")
NONE = Record("复查😀\n")


@pytest.mark.parametrize("name", ["gold.spacy", "gold.jsonl"])
def test_both_kinds_of_file_read_the_same(tmp_path, name):
    path = tmp_path / name
    write = write_docbin if path.suffix == ".spacy" else write_jsonl
    write([NESTED, EMPTY, NONE], path)
    nested, empty, none = load_gold(path)
    assert (nested.id, nested.text) == ("a", "右肺疼痛")
    assert nested.gold.entities == entities((0, 4, "sym"), (0, 2, "bod"))
    assert nested.gold.flat == entities((0, 4, "sym"))
    assert (empty.text, empty.gold.entities) == ("", frozenset())
    assert (none.id, none.text, none.gold.flat) == (None, "复查😀\n", frozenset())


def test_blanks_at_the_ends_of_entities_are_no_gold(tmp_path):
    path = tmp_path / "gold.jsonl"
    write_jsonl([Record(" 肺 ", (Entity(0, 3, "bod"), Entity(2, 3, "sym")))], path)
    [text] = load_gold(path)
    assert text.gold.entities == text.gold.flat == entities((1, 2, "bod"))


def test_a_document_without_annotation_is_no_gold():
    assert Gold.from_doc(char_doc(Vocab(), "咳嗽")) is None


def test_a_span_group_alone_is_gold():
    doc = char_doc(Vocab(), "右肺疼痛")
    doc.spans["cmner"] = [Span(doc, 0, 4, "sym"), Span(doc, 0, 2, "bod")]
    gold = Gold.from_doc(doc)
    assert gold == Gold(entities((0, 4, "sym"), (0, 2, "bod")), entities((0, 4, "sym")))


def test_missing_annotation_is_no_verdict():
    doc = Doc(Vocab(), words=["右肺", "疼痛", "咳嗽"], spaces=[False, True, False])
    doc.set_ents([doc.char_span(0, 2, label="bod")], missing=[doc[2:3]], default="outside")
    gold = Gold.from_doc(doc)
    assert gold.missing == {5, 6}
    judged = gold.judged([Entity(0, 2, "bod"), Entity(2, 4, "sym"), Entity(3, 6, "sym")])
    assert judged == entities((0, 2, "bod"), (2, 4, "sym"))


def test_predictions_come_back(tmp_path):
    write_docbin([NESTED, NONE], tmp_path / "gold.spacy")
    write_jsonl([Record("右肺疼痛", (Entity(2, 4, "sym"),)), NONE], tmp_path / "a.jsonl")
    texts = load_gold(tmp_path / "gold.spacy")
    assert load_predictions(tmp_path / "a.jsonl", texts) == [entities((2, 4, "sym")), frozenset()]


def test_the_ending_may_be_in_capitals(tmp_path):
    write_jsonl([NESTED, NONE], tmp_path / "GOLD.JSONL")
    write_docbin([NESTED, NONE], tmp_path / "GOLD.SPACY")
    read, again = (load_gold(tmp_path / f"GOLD.{ending}") for ending in ("JSONL", "SPACY"))
    assert [text.text for text in read] == [text.text for text in again] != []


def code(path, texts=None):
    with pytest.raises(CmnerError) as error:
        load_gold(path) if texts is None else load_predictions(path, texts)
    return str(error.value)[1:6]


def test_faults_are_named(tmp_path):
    gold = tmp_path / "gold.jsonl"
    write_jsonl([NESTED, NONE], gold)
    texts = load_gold(gold)
    other = tmp_path / "other.jsonl"
    write_jsonl([NESTED], other)
    assert code(other, texts) == "CM502"
    write_jsonl([NONE, NESTED], other)
    assert code(other, texts) == "CM503"
    other.write_text('{"text": "肺", "entities": [[0, 9, "bod"]]}\n', encoding="utf-8")
    assert code(other, texts) == code(other) == "CM504"
    assert code(tmp_path / "gold.json") == "CM501"
    assert code(tmp_path / "none.jsonl") == code(tmp_path / "none.spacy") == "CM101"


def test_a_file_without_annotation_is_refused(tmp_path):
    DocBin(docs=[char_doc(Vocab(), "咳嗽")]).to_disk(tmp_path / "gold.spacy")
    assert code(tmp_path / "gold.spacy") == "CM506"
    (tmp_path / "gold.jsonl").write_bytes(b"")
    assert code(tmp_path / "gold.jsonl") == "CM506"
