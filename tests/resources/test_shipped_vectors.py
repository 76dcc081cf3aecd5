"""The vectors, the lexicon and the term list that come with the package."""

import numpy as np
import pytest

from spacy_cmner.resources import store
from spacy_cmner.resources.charset import gb2312_characters, is_hanzi
from spacy_cmner.resources.lexicon import Lexicon, is_dictionary_word
from spacy_cmner.resources.segment import read_words
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.resources.vectors import Vectors

MAX_BYTES = 6_000_000


def neighbours(vectors: Vectors, word: str, n: int) -> set[str]:
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[vectors.words.index(word)]))
    return {vectors.words[row] for row in order[1 : n + 1]}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("char_vectors", "vectors"), ("bigram_vectors", "vectors"), ("lexicon", "lexicon")],
)
def test_files_say_where_they_come_from(name: str, kind: str):
    vectors = Vectors.load(shipped(name), kind=kind)
    _, metadata = store.load(shipped(name), kind)
    assert "research" in metadata["note"]
    assert metadata["settings"]["dim"] == vectors.dim
    assert "gensim" in metadata["made_with"]
    assert np.isfinite(vectors.vectors).all()
    assert len(set(vectors.words)) == len(vectors)
    assert (np.diff(vectors.counts) <= 0).all()
    assert shipped(name).stat().st_size < MAX_BYTES


def test_characters_are_single_and_cover_everyday_hanzi():
    vectors = Vectors.load(shipped("char_vectors"))
    assert {len(word) for word in vectors.words} == {1}
    hanzi = set(filter(is_hanzi, gb2312_characters()))
    assert len(hanzi.intersection(vectors.words)) > 3000
    assert neighbours(vectors, "肝", 20) & set("肾脾胆脏")


def test_bigrams_are_of_two_characters():
    assert {len(word) for word in Vectors.load(shipped("bigram_vectors")).words} == {2}


def test_lexicon_holds_dictionary_words_of_the_domain():
    vectors = Lexicon.load(shipped("lexicon")).vectors
    assert all(map(is_dictionary_word, vectors.words))
    assert vectors.counts.min() >= 5
    assert "发烧" in neighbours(vectors, "发热", 10)


def test_terms_are_those_of_thuocl():
    terms = read_words([shipped("terms")])
    assert len(terms) == 18_749
    assert "肺炎" in terms
