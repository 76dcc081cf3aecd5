"""The word sets of SoftLexicon against the definition, by looking at every substring."""

import numpy as np
import spacy
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.layers.soft_lexicon import SoftLexicon
from spacy_cmner.models.soft_lexicon import read_counted_sets
from spacy_cmner.models.words import WordMatcher

WIDTH, WORD_WIDTH = 2, 3
NLP = spacy.blank("zh", config=tiny.CHARACTERS)
WORDS = st.dictionaries(st.text("心肝肺", min_size=1, max_size=4), st.integers(1, 50), max_size=8)
TEXTS = st.lists(st.text("心肝肺痛", max_size=8), min_size=1, max_size=4)


def naive_sets(text: str, position: int, words: dict[str, int]) -> list[list[str]]:
    """B, M, E and S of a character: the words in the text that hold it, by its place in them."""
    sets: list[list[str]] = [[], [], [], []]
    for start in range(position + 1):
        for end in range(position + 1, len(text) + 1):
            word = text[start:end]
            if word not in words:
                continue
            if end - start == 1:
                sets[3].append(word)
            elif position == start:
                sets[0].append(word)
            elif position == end - 1:
                sets[2].append(word)
            else:
                sets[1].append(word)
    return sets


@given(WORDS, TEXTS)
def test_equals_the_definition(words, texts):
    torch.manual_seed(0)
    module = SoftLexicon(WIDTH, len(words), WORD_WIDTH)
    vectors = dict(zip(words, module.words.weight, strict=False))
    none = module.words.weight[-1]
    matcher = WordMatcher(tuple(words), list(words.values()))
    rows = torch.randn((sum(map(len, texts)), WIDTH))
    docs = [NLP.make_doc(text) for text in texts]
    encoded = module(rows, *read_counted_sets(matcher, docs, rows.device))
    assert encoded.shape == (len(rows), WIDTH + 4 * WORD_WIDTH)
    torch.testing.assert_close(encoded[:, :WIDTH], rows)
    places = [(text, position) for text in texts for position in range(len(text))]
    for row, (text, position) in zip(encoded, places, strict=True):
        sets = naive_sets(text, position, words)
        z = sum(sum(words[word] for word in each) if each else 1 for each in sets)
        expected = [
            4 / z * sum(words[word] * vectors[word] for word in each) if each else 4 / z * none
            for each in sets
        ]
        torch.testing.assert_close(row[WIDTH:], torch.cat(expected))


def test_the_word_vectors_are_trained():
    module = SoftLexicon(WIDTH, 2, WORD_WIDTH)
    matcher = WordMatcher(("心肝", "肝肺"), (3, 1))
    inputs = read_counted_sets(matcher, [NLP.make_doc("心肝肺痛")], torch.device("cpu"))
    module(torch.zeros((4, WIDTH)), *inputs).sum().backward()
    assert (module.words.weight.grad.abs().sum(dim=1) > 0).all()
    np.testing.assert_array_equal(inputs[2].sum(), 3 + 3 + 1 + 1)
