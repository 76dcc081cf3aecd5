import pickle

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_cmner import tokenizer
from spacy_cmner.tokenizer import (
    CharTokenizer,
    char_doc,
    create_char_tokenizer,
    is_char_doc,
    read_text,
    read_texts,
)

VOCAB = Vocab()
ANY_TEXT = st.text(st.integers(0, 0x10FFFF).map(chr) | st.sampled_from(" \n\ud800😀"), max_size=40)


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "肺\r\n\n 炎", "\0", "😀👨‍👩‍👧", "\ufeff肺", "𠮷X\u3000"]
)
def test_every_character_is_a_token(text):
    doc = char_doc(VOCAB, text)
    assert doc.text == text
    assert [token.text for token in doc] == list(text)


@given(ANY_TEXT)
def test_index_is_offset(text):
    doc = char_doc(VOCAB, text)
    assert len(doc) == len(text)
    assert all(token.i == token.idx for token in doc)
    assert all(a == b or "\ud800" <= b <= "\udfff" for a, b in zip(doc.text, text, strict=True))


def test_lone_surrogate_becomes_one_replacement_character():
    assert char_doc(VOCAB, "肺\ud83d炎\udc00").text == "肺\ufffd炎\ufffd"


def test_a_vocabulary_learns_and_forgets_characters():
    nlp = spacy.blank("zh")
    char_doc(Vocab(), "蕈")  # another vocabulary's is of no use
    with nlp.memory_zone():
        assert [token.text for token in char_doc(nlp.vocab, "蕈X蕈")] == ["蕈", "X", "蕈"]
    assert "蕈" not in nlp.vocab.strings
    assert [token.text for token in char_doc(nlp.vocab, "炎蕈")] == ["炎", "蕈"]


def test_serves_as_tokenizer_of_a_pipeline(tmp_path):
    nlp = spacy.blank("zh")
    nlp.tokenizer = create_char_tokenizer()(nlp)
    texts = ["肺 炎", "", "\n"]
    assert [[t.text for t in doc] for doc in nlp.pipe(texts)] == [list(t) for t in texts]
    nlp.to_disk(tmp_path)
    assert nlp.tokenizer.from_disk(tmp_path / "tokenizer") is nlp.tokenizer
    assert nlp.tokenizer.from_bytes(nlp.tokenizer.to_bytes()) is nlp.tokenizer


@given(
    st.lists(
        st.tuples(st.sampled_from(["肺", "a", "肺炎", " ", "\n\n"]), st.booleans()), max_size=4
    )
)
def test_whether_every_token_is_a_character(tokens):
    words, spaces = [word for word, _ in tokens], [space for _, space in tokens]
    doc = Doc(VOCAB, words=words, spaces=spaces)
    assert is_char_doc(doc) == (list(doc.text) == words)


def test_texts_of_several_vocabularies():
    texts = ["龘䶮", "", "𰻝龘 x"]
    docs = [char_doc(Vocab(), text) for text in texts]
    assert read_texts(docs) == texts
    assert read_texts([docs[2], Doc(Vocab(), words=["龘䶮"])]) == [texts[2], "龘䶮 "]


def test_is_registered():
    config = {"nlp": {"tokenizer": {"@tokenizers": "spacy-cmner.char_tokenizer.v1"}}}
    assert isinstance(spacy.blank("zh", config=config).tokenizer, CharTokenizer)


def test_pickles():
    restored = pickle.loads(pickle.dumps(CharTokenizer(VOCAB)))
    assert [token.text for token in restored("a b")] == ["a", " ", "b"]


def test_a_thread_that_meets_another_character_of_the_slot_meanwhile(monkeypatch):
    """Just before one writes down that the slot is its character's, the other one runs."""
    one, other = (char_doc(VOCAB, text) for text in ("肺", "肝"))
    meanwhile = [lambda: read_text(other)]

    class Interrupted(np.ndarray):
        def __setitem__(self, key, value):
            if meanwhile:
                meanwhile.pop()()
            super().__setitem__(key, value)

    monkeypatch.setattr(tokenizer, "_SLOTS", 1)
    monkeypatch.setattr(tokenizer, "_HASHES", np.zeros(1, np.uint64).view(Interrupted))
    monkeypatch.setattr(tokenizer, "_CODES", np.zeros(1, np.int64))
    monkeypatch.setattr(tokenizer, "_OWNERS", {})
    monkeypatch.setattr(tokenizer, "_OTHERS", {})
    assert [read_text(doc) for doc in (one, other, one)] == ["肺", "肝", "肺"]
    assert not meanwhile
