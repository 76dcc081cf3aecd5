import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.layers.sentences import Sentences, neighbour_rows, spread

NONE = np.zeros(0, dtype=np.int64)


@given(st.lists(st.integers(0, 4)))
def test_neighbours_stay_within_the_sentence(lengths):
    sentences = Sentences(NONE, NONE, NONE, np.array(lengths, dtype=np.int64))
    rows = torch.arange(1.0, sum(lengths) + 1).unsqueeze(1)
    found = [neighbour_rows(rows, each) for each in sentences.neighbours(rows.device)]
    for step, neighbours in zip((1, -1), found, strict=True):
        for part, wanted in zip(neighbours.split(lengths), rows.split(lengths), strict=True):
            shifted = torch.zeros_like(part)
            for place in range(len(part)):
                if 0 <= place + step < len(part):
                    shifted[place] = wanted[place + step]
            torch.testing.assert_close(part, shifted)


@given(st.lists(st.integers(0, 4)))
def test_owners_and_begins(lengths):
    sentences = Sentences(NONE, NONE, NONE, np.array(lengths, dtype=np.int64))
    assert sentences.owners.tolist() == [i for i, n in enumerate(lengths) for _ in range(n)]
    assert sentences.begins.tolist() == [sum(lengths[:i]) for i in range(len(lengths))]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4))))
def test_spans_spread_over_their_characters(pairs):
    starts, lengths = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    holders, characters = spread(starts, starts + lengths)
    wanted = [(i, start + k) for i, (start, length) in enumerate(pairs) for k in range(length)]
    assert list(zip(holders.tolist(), characters.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("words", [[], [2, 0, 2]])
def test_words_are_embedded_by_their_numbers(words):
    table = torch.nn.Embedding(3, 4)
    sentences = Sentences(np.array(words, dtype=np.int64), NONE, NONE, NONE)
    assert torch.equal(sentences.embed_words(table), table.weight[words])
