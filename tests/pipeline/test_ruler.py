"""Components of rules read batches: the result is that of one document after the other."""

import re

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.ruler import Ruler
from spacy_cmner.types import CharSpan

TERMS = [("肺炎", "dis"), ("发热", "sym"), ("发热伴咳嗽", "sym"), ("CT", "pro"), ("肺", "bod")]


@pytest.fixture(scope="module", params=["spacy-cmner.char_tokenizer.v1", "spacy.Tokenizer.v1"])
def rules(request):
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"@tokenizers": request.param}}})
    settings = {"alignment_mode": "expand"}
    nlp.add_pipe("cmner_dictionary", config=settings).add_terms(TERMS)
    nlp.add_pipe("cmner_patterns", config=settings)
    nlp.add_pipe("cmner_assertion", config={"inputs": ["ents", "patterns"]})
    return nlp


def content(doc):
    spans = [*doc.ents, *doc.spans["patterns"]]
    keys = ("negated", "uncertain", "family", "past", "cmner_source")
    return [
        (span.text, span.start, span.label_, *(getattr(span._, key) for key in keys))
        for span in spans
    ]


WORDS = ["无发热", "肺炎", "CT", "C", "T", "否认", "5mg", "3", "次/日", "𠮷", "a"]
PIECES = [*WORDS, *"，。 \0"]


@pytest.mark.filterwarnings("ignore:.*CM428")
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), max_size=5))
def test_a_batch_is_read_as_each_document_alone(rules, texts):
    """Where one text ends and the next begins, nothing is read across."""
    batch = [content(doc) for doc in rules.pipe(texts, batch_size=3)]
    assert batch == [content(rules(text)) for text in texts]


class Shouts(Ruler):
    """Marks all of a text, and fails on some."""

    def find(self, docs):
        if any("unreadable" in doc.text for doc in docs):
            raise ValueError("unreadable")
        return [[CharSpan(0, len(doc.text), "X")] for doc in docs]

    def write(self, doc: Doc, found):
        if "unwritable" in doc.text:
            raise ValueError("unwritable")
        super().write(doc, found)


@pytest.fixture
def shouts():
    return Shouts("shouts", target="ents", overwrite=False, alignment_mode="strict", source="rules")


def make_docs(texts):
    return list(map(spacy.blank("zh").make_doc, texts))


def test_only_documents_that_fail_are_lost(shouts):
    failed = []
    shouts.set_error_handler(
        lambda name, component, docs, error: failed.append(
            (name, component, [doc.text for doc in docs], str(error))
        )
    )
    texts = ["a", "unwritable", "b", "unreadable", "c", "d"]
    docs = list(shouts.pipe(make_docs(texts), batch_size=3))
    assert [doc.ents[0].text for doc in docs] == ["a", "b", "c", "d"]
    assert failed == [
        ("shouts", shouts, ["unwritable"], "unwritable"),
        ("shouts", shouts, ["unreadable"], "unreadable"),
    ]


@pytest.mark.parametrize("text", ["unwritable", "unreadable"])
def test_an_error_is_raised_where_nobody_handles_it(shouts, text):
    with pytest.raises(ValueError, match=text):
        list(shouts.pipe(make_docs([text])))


def test_long_documents_are_not_read_together(shouts, monkeypatch):
    monkeypatch.setattr("spacy_cmner.pipeline.batches.MAX_TOKENS", 4)
    read = []
    find = shouts.find
    shouts.find = lambda docs: [read.append([doc.text for doc in docs]), *find(docs)][1:]
    texts = ["一二", "三四", "五", "六七八九十", "", "一"]
    docs = list(shouts.pipe(make_docs(texts)))
    assert read == [["一二", "三四"], ["五"], ["六七八九十"], ["", "一"]]
    assert [ent.text for doc in docs for ent in doc.ents] == [text for text in texts if text]
    read.clear()
    list(shouts.pipe(make_docs("一二三"), batch_size=2))
    assert read == [["一", "二"], ["三"]]


@pytest.mark.parametrize("component", ["cmner_dictionary", "cmner_patterns"])
@pytest.mark.parametrize(("setting", "value"), [("target", ""), ("source", ""), ("source", "a+b")])
def test_impossible_settings(component, setting, value):
    nlp = spacy.blank("zh")
    refused = pytest.raises(CmnerError, match=rf"CM435.*{setting} = '{re.escape(value)}'")
    with refused:
        nlp.add_pipe(component, config={setting: value})
    setattr(nlp.add_pipe(component), setting, value)
    with refused:
        nlp("头痛3天")


@pytest.mark.parametrize("component", ["cmner_dictionary", "cmner_patterns"])
def test_a_word_is_no_answer_to_overwrite(component):
    nlp = spacy.blank("zh")
    nlp.add_pipe(component).overwrite = "no"  # true, to Python
    with pytest.raises(CmnerError, match=r"CM435.*overwrite = 'no'.*true or false"):
        nlp("头痛3天")
