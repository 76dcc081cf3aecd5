"""The oracle computes the paper's equations one place at a time."""

from typing import Any

import numpy as np
import pytest
import torch

from spacy_cmner.layers.lr_cnn import LrCnn
from spacy_cmner.layers.sentences import Sentences

HIDDEN, WORD_WIDTH = 4, 3
# Words of 2, 3, 3, 4 (no layer) and 2 characters in sentences of 5, 0 and 3 characters.
WORDS = np.array([0, 1, 2, 3, 4])
STARTS, ENDS = np.array([0, 1, 2, 1, 6]), np.array([2, 4, 5, 5, 8])
LENGTHS = np.array([5, 0, 3])


def literal_gate(gate: Any, offered: list, word):
    """offered: n-gram and, when rethinking, the top of the last round."""
    n_gates = len(offered) + 1
    raw = gate.gates.weight @ torch.cat([offered[0], word, *offered[1:]]) + gate.gates.bias
    gates = torch.sigmoid(raw).reshape(n_gates, HIDDEN).exp()
    gates = gates / gates.sum(dim=0)
    u = torch.tanh(gate.candidate.weight @ torch.cat([offered[0], word]) + gate.candidate.bias)
    return sum(weight * each for weight, each in zip(gates, [u, *offered], strict=True))


def literal_pyramid(pyramid: Any, characters, words: dict):
    """One sentence; words: vectors by (length, place)."""
    n, depth = len(characters), len(pyramid.convolutions)
    tops = None
    for gates in [pyramid.gates] + [pyramid.rethinking_gates] * pyramid.rethink:
        below, layers = list(characters), []
        for layer in range(depth):
            rows = []
            for m in range(n):
                right = below[m + 1] if m + 1 < n else torch.zeros_like(below[m])
                convolution = pyramid.convolutions[layer]
                gram = torch.tanh(convolution(torch.cat([below[m], right])))
                word = words.get((layer + 2, m), torch.zeros(WORD_WIDTH))
                offered = [gram] if tops is None else [gram, tops[m]]
                rows.append(literal_gate(gates[layer], offered, word))
            layers.append(rows)
            below = rows
        tops = layers[-1]
    output = []
    for m in range(n):
        scores = torch.stack([pyramid.attention.weight[0] @ rows[m] for rows in layers]).exp()
        weights = scores / scores.sum()
        output.append(sum(w * rows[m] for w, rows in zip(weights, layers, strict=True)))
    return torch.stack(output)


@pytest.mark.parametrize("rethink", [0, 2])
def test_equals_the_equations_place_by_place(rethink):
    torch.manual_seed(0)
    module = LrCnn(
        width_in=5,
        n_words=5,
        word_width=WORD_WIDTH,
        hidden_width=HIDDEN,
        depth=2,
        rethink=rethink,
    ).eval()
    rows = torch.randn((8, 5))
    with torch.no_grad():
        found = module(rows, Sentences(WORDS, STARTS, ENDS, LENGTHS))
        begin = 0
        for n in LENGTHS[LENGTHS > 0]:
            inside = [i for i in range(len(WORDS)) if begin <= STARTS[i] < begin + n]
            spans = [(WORDS[i], STARTS[i] - begin, ENDS[i] - begin) for i in inside]
            vector = module.words.weight
            from_left = {(e - s, s): vector[w] for w, s, e in spans}
            from_right = {(e - s, n - e): vector[w] for w, s, e in spans}
            characters = rows[begin : begin + n]
            forwards = literal_pyramid(module.forwards, characters, from_left)
            backwards = literal_pyramid(module.backwards, characters.flip(0), from_right).flip(0)
            wanted = torch.cat([forwards, backwards], dim=1)
            torch.testing.assert_close(found[begin : begin + n], wanted, atol=1e-5, rtol=1e-5)
            begin += n


def test_a_word_longer_than_all_n_grams_changes_nothing():
    torch.manual_seed(0)
    module = LrCnn(5, 5, WORD_WIDTH, HIDDEN, depth=2, rethink=1).eval()
    rows = torch.randn((5, 5))

    def encode(n_words: int) -> torch.Tensor:
        spans = (each[:n_words] for each in (WORDS, STARTS, ENDS))
        return module(rows, Sentences(*spans, np.array([5])))

    torch.testing.assert_close(encode(4), encode(3))
    assert not torch.equal(encode(2), encode(3))
