"""Which vectors become embeddings of bigrams."""

import numpy as np
import pytest
import spacy
import tiny

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.bigram import build_bigram_embed
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.resources.vectors import Vectors

PAIRS = {"头痛": (1.0, 2.0), "痛。": (3.0, 5.0), "𠮷肺": (-4.0, 0.0)}
OTHERS = {"头": (9.0, 9.0), "</s>": (7.0, -7.0), "头痛。": (8.0, 8.0)}


def initialized(folder, words):
    vectors = Vectors(tuple(words), np.array([*words.values()], dtype=np.float32))
    vectors.save(folder / "bigrams.npz")
    model = build_bigram_embed()
    model.attrs["resources"] = Resources(bigrams=folder / "bigrams.npz")
    model.initialize()
    return model


def rows(model, text):
    doc = spacy.blank("zh", config=tiny.CHARACTERS).make_doc(text)
    return model.predict([doc])[0]


def test_each_pair_has_its_vector_at_half_the_deviation(tmp_path):
    embedded = rows(initialized(tmp_path, PAIRS), "头痛。𠮷肺")
    expected = np.array([PAIRS["头痛"], PAIRS["痛。"], (0, 0), PAIRS["𠮷肺"], (0, 0)])
    deviation = np.std([*PAIRS.values()], ddof=1)
    np.testing.assert_allclose(embedded, expected * 0.5 / deviation, rtol=1e-6)


def test_other_words_are_left_out(tmp_path):
    pairs, mixed = initialized(tmp_path, PAIRS), initialized(tmp_path, OTHERS | PAIRS)
    for text in ("头痛。𠮷肺", "</s>", "头"):
        np.testing.assert_array_equal(rows(mixed, text), rows(pairs, text))


def test_without_any_pair(tmp_path):
    with pytest.raises(CmnerError, match=r"CM329.*None of the 3 words.*--unit bigram"):
        initialized(tmp_path, OTHERS)
