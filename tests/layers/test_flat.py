"""The oracle is the paper's equations, pair by pair, with the position tensor written out."""

import numpy as np
import pytest
import torch
from torch.nn.functional import relu

from spacy_cmner.layers import flat
from spacy_cmner.layers.flat import Flat, LatticeAttention, Lattices, lay_out, sinusoids
from spacy_cmner.layers.sentences import Sentences

HEADS, WIDTH = 2, 4


def make(depth: int = 1, head_width: int = WIDTH) -> Flat:
    torch.manual_seed(0)
    return Flat(
        width_in=5,
        n_words=7,
        word_width=3,
        n_heads=HEADS,
        head_width=head_width,
        factor=3,
        depth=depth,
    ).eval()


# Three sentences of 6, 0 and 4 characters; words overlap, lie inside others and reach both ends.
LENGTHS = np.array([6, 0, 4])
WORDS = np.array([0, 1, 2, 3, 4, 1, 6])
STARTS = np.array([0, 1, 0, 2, 3, 6, 7])
ENDS = np.array([2, 3, 4, 6, 6, 8, 10])
ROWS = torch.randn((10, 5), generator=torch.Generator().manual_seed(1))


def literal_attention(layer: LatticeAttention, queries, tokens, heads, tails):
    """One sentence: tokens (K, width), of which the first Q ask."""
    n_queries, n_tokens = len(queries), len(tokens)
    width = HEADS * WIDTH
    relations = torch.empty((n_queries, n_tokens, width))
    for i in range(n_queries):
        for j in range(n_tokens):
            distances = [
                heads[i] - heads[j],
                heads[i] - tails[j],
                tails[i] - heads[j],
                tails[i] - tails[j],
            ]
            waves = torch.cat([sinusoids(torch.tensor([d]), width)[0] for d in distances])
            relations[i, j] = relu(layer.distances(waves))
    asking = layer.query(queries)
    keys, values = layer.key(tokens), layer.value(tokens)
    position_keys = layer.position_key(relations)
    answers = torch.empty((n_queries, width))
    for head in range(HEADS):
        own = slice(head * WIDTH, (head + 1) * WIDTH)
        for i in range(n_queries):
            scores = torch.stack(
                [
                    (asking[i, own] + layer.u[head, 0]) @ keys[j, own]
                    + (asking[i, own] + layer.v[head, 0]) @ position_keys[i, j, own]
                    for j in range(n_tokens)
                ]
            )
            answers[i, own] = (scores / WIDTH**0.5).softmax(0) @ values[:, own]
    return layer.norm(queries + layer.output(answers))


def literal_flat(module: Flat, rows, words, starts, ends):
    tokens = torch.cat([module.from_characters(rows), module.from_words(module.words(words))])
    heads = [*range(len(rows)), *starts]
    tails = [*range(len(rows)), *(end - 1 for end in ends)]
    for layer in module.layers:
        hidden = literal_attention(layer.attention, tokens, tokens, heads, tails)
        widened = relu(layer.widen(hidden))
        tokens = layer.norm(hidden + layer.narrow(widened))
    return tokens[: len(rows)]


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("max_scores", [1, flat.MAX_SCORES])
@pytest.mark.parametrize("max_pairs", [1, flat.MAX_PAIRS])
def test_equals_the_equations_pair_by_pair(monkeypatch, depth, max_scores, max_pairs):
    monkeypatch.setattr(flat, "MAX_SCORES", max_scores)
    monkeypatch.setattr(flat, "MAX_PAIRS", max_pairs)
    module = make(depth)
    with torch.no_grad():
        found = module(ROWS, Sentences(WORDS, STARTS, ENDS, LENGTHS))
        words = torch.from_numpy(WORDS)
        first = literal_flat(module, ROWS[:6], words[:5], STARTS[:5], ENDS[:5])
        second = literal_flat(module, ROWS[6:], words[5:], STARTS[5:] - 6, ENDS[5:] - 6)
    torch.testing.assert_close(found, torch.cat([first, second]), atol=1e-5, rtol=1e-5)


def test_gradients_equal_those_of_the_equations():
    module = make(depth=2)
    rows = ROWS[:6].clone().requires_grad_()
    weights = torch.randn((6, HEADS * WIDTH), generator=torch.Generator().manual_seed(2))
    literal = literal_flat(module, rows, torch.from_numpy(WORDS[:5]), STARTS, ENDS[:5]) * weights
    wanted = torch.autograd.grad(literal.sum(), [rows, *module.parameters()])
    found = module(rows, Sentences(WORDS[:5], STARTS[:5], ENDS[:5], LENGTHS[:1])) * weights
    gradients = torch.autograd.grad(found.sum(), [rows, *module.parameters()])
    for one, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lengths", [[], [0, 0]])
def test_nothing_to_read(lengths):
    none = np.zeros(0, dtype=np.int64)
    found = make()(
        torch.zeros((0, 5)), Sentences(none, none, none, np.array(lengths, dtype=np.int64))
    )
    assert found.shape == (0, HEADS * WIDTH)


def test_without_words():
    none = np.zeros(0, dtype=np.int64)
    module = make()
    found = module(ROWS[:3], Sentences(none, none, none, np.array([3])))
    wanted = literal_flat(module, ROWS[:3], torch.zeros(0, dtype=torch.long), none, none)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_no_tensor_has_a_vector_for_each_pair():
    n, width = 200, 20
    largest = 0

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            output = function(*args, **(kwargs or {}))
            if isinstance(output, torch.Tensor):
                largest = max(largest, output.untyped_storage().nbytes())
            return output

    starts = np.arange(n - 2)
    with torch.no_grad(), Sizes():
        sentences = Sentences(starts % 7, starts, starts + 2, np.array([n]))
        make(head_width=width)(torch.randn((n, 5)), sentences)
    position_tensor = 4 * n * (2 * n - 2) * HEADS * width
    assert largest < position_tensor / 8


def test_lattices_hold_every_sentence_once():
    found = lay_out(Sentences(WORDS, STARTS, ENDS, LENGTHS), torch.device("cpu"))
    assert sorted(torch.cat([each.rows for each in found]).tolist()) == list(range(10))
    assert sum(int(each.valid.sum()) for each in found) == 10 + len(WORDS)
    assert isinstance(found[0], Lattices)
