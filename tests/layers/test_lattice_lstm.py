import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import sigmoid, tanh

from spacy_cmner.layers.lattice_lstm import LatticeDirection, LatticeLstm
from spacy_cmner.layers.sentences import Sentences

N_WORDS, WORD_WIDTH, WIDTH, HIDDEN = 5, 3, 4, 6


def make() -> LatticeLstm:
    torch.manual_seed(0)
    module = LatticeLstm(WIDTH, N_WORDS, WORD_WIDTH, HIDDEN).double().eval()
    for parameter in module.parameters():
        parameter.data.normal_(std=0.7)  # biases too
    return module


def literal(
    module: LatticeDirection,
    rows: torch.Tensor,
    words: list[tuple[torch.Tensor, int, int]],
) -> torch.Tensor:
    """The equations, one character and one word at a time. A word is (vector, first, last)."""
    hiddens, cells = [torch.zeros(HIDDEN).double()], [torch.zeros(HIDDEN).double()]
    for j, x in enumerate(rows):
        gates = module.character_input(x) + hiddens[-1] @ module.character_state
        i, o, candidate = sigmoid(gates[:HIDDEN]), sigmoid(gates[HIDDEN:-HIDDEN]), gates[-HIDDEN:]
        candidate = tanh(candidate)
        numerator, denominator = i.exp() * candidate, i.exp()
        ending = [(vector, first) for vector, first, last in words if last == j]
        for vector, first in ending:
            h_b, c_b = hiddens[first + 1], cells[first + 1]
            word = module.word_input(vector) + h_b @ module.word_state
            i_w, f_w, c_w = word.split(HIDDEN)
            c_w = sigmoid(f_w) * c_b + sigmoid(i_w) * tanh(c_w)
            gate = sigmoid(module.gate_input(x) + c_w @ module.gate_cell).exp()
            numerator = numerator + gate * c_w
            denominator = denominator + gate
        cell = numerator / denominator if ending else (1 - i) * cells[-1] + i * candidate
        cells.append(cell)
        hiddens.append(o * tanh(cell))
    return torch.stack(hiddens[1:])


@st.composite
def batches(draw) -> tuple[list[int], list[tuple[int, int, int, int]]]:
    """Lengths of sequences, and words in them as (number, sequence, first, last)."""
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    words = []
    for sequence, length in enumerate(lengths):
        pairs = [(b, e) for b in range(length) for e in range(b + 1, length)]
        if pairs:
            chosen = draw(st.lists(st.sampled_from(pairs), max_size=6, unique=True))
            words += [(draw(st.integers(0, N_WORDS - 1)), sequence, *pair) for pair in chosen]
    return lengths, draw(st.permutations(words))


@given(batches())
def test_a_batch_equals_the_equations_taken_literally(batch):
    lengths, found = batch
    module = make()
    rows = torch.randn((sum(lengths), WIDTH)).double()
    words, sequences, firsts, lasts = np.array(found, dtype=np.int64).reshape(-1, 4).T
    begins = (np.cumsum(lengths) - lengths)[sequences]
    encoded = module(rows, Sentences(words, begins + firsts, begins + lasts + 1, np.array(lengths)))
    expected = []
    for sequence, part in enumerate(rows.split(lengths)):
        own = [(module.words.weight[w], b, e) for w, s, b, e in found if s == sequence]
        last = len(part) - 1
        mirrored = [(vector, last - e, last - b) for vector, b, e in own]
        if len(part):
            left = literal(module.forwards, part, own)
            right = literal(module.backwards, part.flip(0), mirrored).flip(0)
            expected.append(torch.cat([left, right], dim=1))
    torch.testing.assert_close(encoded, torch.cat([encoded[:0], *expected]))


def test_gradients_are_right():
    module = make()
    rows = torch.randn((5, WIDTH), dtype=torch.double, requires_grad=True)
    words, starts, ends = np.array([(0, 0, 2), (1, 0, 3), (2, 1, 3), (0, 3, 5)]).T
    sentences = Sentences(words, starts, ends, np.array([3, 2]))
    assert torch.autograd.gradcheck(lambda x: module(x, sentences), rows)


def test_dropout_is_for_training_only():
    module = make()
    rows = torch.randn((4, WIDTH)).double()
    inputs = rows, Sentences(*np.array([(0, 0, 2), (1, 1, 4)]).T, np.array([4]))
    torch.testing.assert_close(module(*inputs, dropout=0.5), module(*inputs))
    assert (module.train()(*inputs, dropout=0.5) == 0).any()
