"""The oracle computes the paper's equations node by node, for one sentence."""

from typing import Any

import numpy as np
import pytest
import torch

from spacy_cmner.layers.lgn import Lgn, softmax_of_sets
from spacy_cmner.layers.sentences import Sentences

HIDDEN, HEADS, HEAD_WIDTH = 3, 2, 4
# No word in the last sentence, none that ends at some characters, two that end at one.
WORDS = np.array([0, 1, 2, 3, 1])
STARTS, ENDS = np.array([0, 1, 2, 5, 6]), np.array([2, 5, 5, 8, 8])
LENGTHS = np.array([5, 0, 4, 2])


def attend(attention: Any, asking, asked: list):
    gathered = torch.zeros(HEADS * HEAD_WIDTH)
    for head in range(HEADS if asked else 0):
        own = slice(head * HEAD_WIDTH, (head + 1) * HEAD_WIDTH)
        query = attention.query(asking)[own]
        scores = torch.stack([query @ attention.key(each)[own] for each in asked])
        weights = (scores / HEAD_WIDTH**0.5).exp()
        values = [attention.value(each)[own] for each in asked]
        pairs = zip(weights / weights.sum(), values, strict=True)
        gathered[own] = sum(weight * value for weight, value in pairs)
    return attention.output(gathered)


def update(gated: Any, context: list, states: list):
    known = torch.cat([*states, *context])
    gates = torch.sigmoid(gated.gates(known)).reshape(len(states) + 1, HIDDEN).exp()
    summands = [torch.tanh(gated.candidate(known)), *states]
    weights = gates / gates.sum(dim=0)
    return sum(gate * each for gate, each in zip(weights, summands, strict=True))


def literal_graph(network: Any, c: list, e: list, spans: list, step: int):
    """spans: first and last character of each word; step 1 reads forwards, −1 backwards."""
    g = torch.stack([*c, *e]).mean(dim=0)
    for _ in range(network.iterations):
        new_c = []
        for i in range(len(c)):
            incoming = []
            for (first, last), edge in zip(spans, e, strict=True):
                source, target = (first, last) if step == 1 else (last, first)
                if target == i:
                    incoming.append(torch.cat([c[source], edge]))
            gathered = attend(network.gather_words, c[i], incoming)
            before = c[i - step] if 0 <= i - step < len(c) else torch.zeros(HIDDEN)
            new_c.append(update(network.update_character, [gathered, g], [c[i], before]))
        new_e = []
        for (first, last), edge in zip(spans, e, strict=True):
            inside = attend(network.gather_characters, edge, c[first : last + 1])
            new_e.append(update(network.update_word, [inside, g], [edge]))
        everything = [
            attend(network.gather_all_characters, g, c),
            attend(network.gather_all_words, g, e),
        ]
        g = update(network.update_whole, everything, [g])
        c, e = new_c, new_e
    return torch.stack(c)


@pytest.mark.parametrize("iterations", [1, 3])
def test_equals_the_equations_node_by_node(iterations):
    torch.manual_seed(0)
    module = Lgn(
        width_in=5,
        n_words=4,
        word_width=3,
        hidden_width=HIDDEN,
        n_heads=HEADS,
        head_width=HEAD_WIDTH,
        iterations=iterations,
    ).eval()
    rows = torch.randn((11, 5))
    with torch.no_grad():
        found = module(rows, Sentences(WORDS, STARTS, ENDS, LENGTHS))
        begin = 0
        for n in LENGTHS[LENGTHS > 0].tolist():
            own = [i for i in range(len(WORDS)) if begin <= STARTS[i] < begin + n]
            spans = [(STARTS[i] - begin, ENDS[i] - 1 - begin) for i in own]
            edges = [torch.tanh(module.from_words(module.words.weight[WORDS[i]])) for i in own]
            states = module.lstm(rows[begin : begin + n], np.array([n]))
            left, right = states[:, :HIDDEN], states[:, HIDDEN:]
            forwards = literal_graph(module.forwards, list(left), edges, spans, step=1)
            backwards = literal_graph(module.backwards, list(right), edges, spans, step=-1)
            wanted = torch.cat([forwards, backwards], dim=1)
            torch.testing.assert_close(found[begin : begin + n], wanted, atol=1e-5, rtol=1e-5)
            begin += n


def test_softmax_of_sets_takes_extreme_scores():
    scores = torch.tensor([[1000.0], [999.0], [-1000.0], [5.0]])
    owners = torch.tensor([2, 2, 0, 2])
    found = softmax_of_sets(scores, owners, 3)
    wanted = torch.cat([scores[[0, 1, 3]].softmax(0), torch.ones(1, 1)])
    torch.testing.assert_close(found[[0, 1, 3, 2]], wanted)
