"""The domain lexicon and its begin/middle/end/single table."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources.lexicon import (
    BEGIN,
    END,
    MIDDLE,
    SINGLE,
    Lexicon,
    build_lexicon,
    is_dictionary_word,
)
from spacy_cmner.resources.vectors import Vectors


def make_lexicon(counts: dict[str, int], dim: int = 3) -> Lexicon:
    rng = np.random.default_rng(len(counts))
    vectors = rng.normal(size=(len(counts), dim)).astype(np.float32)
    return Lexicon(Vectors(tuple(counts), vectors, np.array(list(counts.values()), dtype=np.int64)))


def naive_table(lexicon: Lexicon, chars: str) -> np.ndarray:
    """The definition, set by set."""
    vectors = lexicon.vectors
    table = np.zeros((len(chars), 4, vectors.dim))
    for row, char in enumerate(chars):
        members: dict[int, list[int]] = {BEGIN: [], MIDDLE: [], END: [], SINGLE: []}
        for word_row, word in enumerate(vectors.words):
            if word == char:
                members[SINGLE].append(word_row)
                continue
            members[BEGIN] += [word_row] * word.startswith(char)
            members[MIDDLE] += [word_row] * word[1:-1].count(char)
            members[END] += [word_row] * word.endswith(char)
        for place, rows in members.items():
            if rows:
                weights = vectors.counts[rows]
                table[row, place] = np.average(vectors.vectors[rows], axis=0, weights=weights)
    return table


counted_words = st.dictionaries(
    st.text("心肝脾肺肾𠮷A1", min_size=1, max_size=6), st.integers(1, 10**6), max_size=30
)


@given(counted_words, st.sets(st.sampled_from("心肝脾肺肾𠮷A1癌\x00😀")))
def test_table_is_what_the_definition_says(counts: dict[str, int], chars: set[str]):
    lexicon, chars_in_order = make_lexicon(counts), "".join(sorted(chars))
    table = lexicon.char_table(list(chars_in_order))
    assert table.shape == (len(chars), 4, 3)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, naive_table(lexicon, chars_in_order), rtol=1e-5, atol=1e-6)


def test_words_weigh_by_their_counts():
    lexicon = make_lexicon({"心肌": 3, "心脏": 1})
    (first, second) = lexicon.vectors.vectors
    table = lexicon.char_table(["心", "脏", "脾"])
    np.testing.assert_allclose(table[0, BEGIN], (3 * first + second) / 4, rtol=1e-6)
    np.testing.assert_allclose(table[1, END], second, rtol=1e-6)
    assert not table[0, [MIDDLE, END, SINGLE]].any()
    assert not table[2].any()


def test_lexicon_needs_counts():
    with pytest.raises(CmnerError, match="CM227"):
        Lexicon(Vectors(("心",), np.zeros((1, 2), np.float32)))


@pytest.mark.parametrize("count", [0, -1])
def test_a_word_that_never_occurred_weighs_nothing(count):
    with pytest.raises(CmnerError, match=rf"CM237.*'心脏' has the count {count},"):
        make_lexicon({"心肌": 3, "心脏": count})


def test_round_trip(tmp_path: Path):
    lexicon = make_lexicon({"心肌": 3, "心": 1})
    lexicon.save(tmp_path / "lexicon.npz")
    loaded = Lexicon.load(tmp_path / "lexicon.npz")
    np.testing.assert_array_equal(loaded.char_table("心肌"), lexicon.char_table("心肌"))


def test_a_file_of_plain_vectors_is_no_lexicon(tmp_path: Path):
    make_lexicon({"心肌": 3}).vectors.save(tmp_path / "vectors.npz")
    with pytest.raises(CmnerError, match="CM203"):
        Lexicon.load(tmp_path / "vectors.npz")


@pytest.mark.parametrize("word", ["心", "DNA", "β受体", "T细胞", "𠮷", "心" * 10, "维生素B12"])
def test_dictionary_words(word: str):
    assert is_dictionary_word(word)


@pytest.mark.parametrize("word", ["", "，", "3.5", "100%", "😀", "---", "心" * 11])
def test_other_tokens(word: str):
    assert not is_dictionary_word(word)


def test_build_keeps_frequent_dictionary_words_only():
    sentences = [["患者", "，", "发热", "3", "天", "。"]] * 5 + [["患者", "咳嗽"]] * 4
    lexicon = build_lexicon(sentences, dim=4, epochs=1)
    assert set(lexicon.vectors.words) == {"患者", "发热", "天"}
    assert lexicon.vectors.words[0] == "患者"
    assert list(lexicon.vectors.counts) == [9, 5, 5]
