from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.layers.bilstm import BiLSTM
from spacy_cmner.layers.sentences import Sentences
from spacy_cmner.layers.wc_lstm import Strategy, WcLstm, WordSetEncoder, make_sets

N_WORDS, WIDTH = 6, 4
STRATEGIES = get_args(Strategy)
CPU = torch.device("cpu")


def naive(encoder: WordSetEncoder, vectors: torch.Tensor) -> torch.Tensor:
    """One set of words (W, width), from short to long, to one vector, as the equations say."""
    if encoder.strategy == "shortest":
        return vectors[0]
    if encoder.strategy == "longest":
        return vectors[-1]
    if encoder.strategy == "average":
        return vectors.mean(dim=0)
    if encoder.strategy == "cnn":
        kernel = encoder.convolve.weight.reshape(WIDTH, 3, WIDTH).permute(0, 2, 1)
        hidden = torch.conv1d(vectors.T[None], kernel, encoder.convolve.bias, padding=1)
        return torch.tanh(hidden[0]).amax(dim=1)
    scores = torch.stack([encoder.score(torch.tanh(encoder.hidden(word))) for word in vectors])
    return (torch.softmax(scores, dim=0) * vectors).sum(dim=0)


@st.composite
def word_lists(draw) -> list[list[tuple[int, int]]]:
    """For each of a few characters its words, as (length, number), no two of a length."""
    words = st.dictionaries(st.integers(2, 6), st.integers(0, N_WORDS - 1), max_size=4)
    return [list(draw(words).items()) for _ in range(draw(st.integers(0, 5)))]


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(word_lists(), st.randoms())
def test_strategies_equal_their_definitions(strategy, lists, random):
    torch.manual_seed(0)
    encoder = WordSetEncoder(WIDTH, strategy)
    vectors = torch.randn((N_WORDS + 1, WIDTH))
    found = [(n, i, size) for i, words in enumerate(lists) for size, n in words]
    random.shuffle(found)
    words, owners, sizes = np.array(found, dtype=np.int64).reshape(-1, 3).T
    sets = make_sets(words, owners, sizes, len(lists), N_WORDS, CPU)
    encoded = encoder(vectors[sets.words], sets)
    assert encoded.shape == (len(lists), WIDTH)
    for row, each in zip(encoded, lists, strict=True):
        numbers = [number for _, number in sorted(each)] or [N_WORDS]
        torch.testing.assert_close(row, naive(encoder, vectors[numbers]))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gradients_are_right(strategy):
    torch.manual_seed(0)
    encoder = WordSetEncoder(WIDTH, strategy).double()
    words, owners, sizes = np.array([(0, 1, 3), (1, 1, 2), (2, 1, 4), (3, 2, 2)]).T
    sets = make_sets(words, owners, sizes, 3, N_WORDS, CPU)
    vectors = torch.randn((len(sets.words), WIDTH), dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: encoder(x, sets), vectors)


def test_forwards_reads_words_that_end_here_and_backwards_those_that_begin():
    """Two sequences, abcd and ab; the words bc and bcd in the first, ab in the second."""
    torch.manual_seed(0)
    module = WcLstm(3, N_WORDS, WIDTH, 5, "longest").eval()
    rows = torch.randn((6, 3))
    words, starts, ends = np.array([(0, 1, 3), (1, 1, 4), (2, 4, 6)]).T
    none = N_WORDS
    left = module.words(torch.tensor([none, none, 0, 1, none, 2]))
    right = module.words(torch.tensor([none, 1, none, none, 2, none]))
    lengths = np.array([4, 2])
    encoded = module(rows, Sentences(words, starts, ends, lengths))
    forwards = module.lstm(torch.cat([rows, left], dim=1), lengths)[:, :5]
    backwards = module.lstm(torch.cat([rows, right], dim=1), lengths)[:, 5:]
    torch.testing.assert_close(encoded, torch.cat([forwards, backwards], dim=1))


def test_the_backward_rows_are_those_of_the_first_layer_only():
    torch.manual_seed(0)
    module = BiLSTM(3, 2, depth=2).eval()
    rows, lengths = torch.randn((4, 3)), np.array([4])
    torch.testing.assert_close(
        module(rows, lengths, backward_rows=rows.clone()), module(rows, lengths)
    )
    assert not torch.allclose(module(rows, lengths, backward_rows=-rows), module(rows, lengths))
