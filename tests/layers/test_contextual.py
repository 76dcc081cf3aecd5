"""The words of a sentence beside its characters, against the definition."""

import pytest
import spacy
import tiny
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_cmner.layers.contextual import WordContext
from spacy_cmner.models.contextual import read_word_sets
from spacy_cmner.models.words import WordMatcher

WIDTH, WORD_WIDTH = 3, 4
NLP = spacy.blank("zh", config=tiny.CHARACTERS)
WORDS = st.dictionaries(st.text("心肝肺", min_size=1, max_size=4), st.integers(1, 50), max_size=8)
SETS = {(True, False): 0, (False, False): 1, (False, True): 2, (True, True): 3}
TEXTS = st.lists(st.text("心肝肺痛", max_size=8), min_size=1, max_size=4)


def sets_of(text: str, position: int, words: dict[str, int]) -> list[list[str]]:
    """The words in the text in which a character begins, is in the middle, ends and is alone."""
    sets: list[list[str]] = [[], [], [], []]
    for word in words:
        for place in range(len(word)):
            if place <= position and text.startswith(word, position - place):
                sets[SETS[place == 0, place == len(word) - 1]].append(word)
    return sets


@pytest.mark.parametrize("set_width", [None, 2])
@given(WORDS, TEXTS)
@example({"心肝": 5, "肝": 2, "肝肺": 3, "心肝肺": 7, "肺": 1}, ["心肝肺痛", "", "肝肺肝"])
def test_equals_the_definition(set_width, words, texts):
    torch.manual_seed(0)
    module = WordContext(WIDTH, len(words), WORD_WIDTH, set_width)
    vectors = dict(zip(words, module.words.weight, strict=True))
    matcher = WordMatcher(tuple(words), list(words.values()))
    rows = torch.randn((sum(map(len, texts)), WIDTH))
    docs = [NLP.make_doc(text) for text in texts]
    encoded = module(rows, *read_word_sets(matcher, docs, rows.device))
    assert encoded.shape == (len(rows), module.width)
    places = [(text, position) for text in texts for position in range(len(text))]
    for found, row, place in zip(encoded, rows, places, strict=True):
        parts = [row]
        for each in sets_of(*place, words):
            mean = torch.zeros(WORD_WIDTH)
            for word in each:
                mean += words[word] / sum(words[other] for other in each) * vectors[word]
            parts.append(mean if set_width is None else module.project.weight @ mean)
        joined = torch.cat(parts)
        gate = 1 / (1 + torch.exp(-(module.gate.weight @ joined + module.gate.bias)))
        torch.testing.assert_close(found, gate * joined)
