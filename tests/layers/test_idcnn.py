import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.layers.idcnn import Idcnn

WIDTH, FILTERS = 3, 5


def make(dilations=(1, 2, 1), repeats: int = 4) -> Idcnn:
    torch.manual_seed(0)
    module = Idcnn(WIDTH, FILTERS, list(dilations), repeats).eval()
    for parameter in module.parameters():
        parameter.data.normal_(std=0.3)  # with biases, so that padding would show
    return module


def rows_for(n: int) -> torch.Tensor:
    return torch.randn((n, WIDTH), generator=torch.Generator().manual_seed(1))


@given(st.lists(st.integers(0, 7), max_size=6))
def test_a_sequence_is_encoded_alone_as_in_its_batch(lengths):
    module = make()
    rows = rows_for(sum(lengths))
    with torch.no_grad():
        together = module(rows, np.array(lengths, dtype=np.int64))
        alone = [module(part, np.array([len(part)])) for part in rows.split(lengths or [0])]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize(("dilations", "repeats"), [((1, 2, 1), 4), ((1,), 1), ((3,), 1)])
def test_a_character_sees_as_far_as_the_equations_say(dilations, repeats):
    module = make(dilations, repeats).double()
    reach = 1 + repeats * sum(dilations)
    rows = torch.rand((2 * reach + 7, WIDTH), dtype=torch.double, requires_grad=True)
    for parameter in module.parameters():
        parameter.data.uniform_(0.1, 0.2)  # no path through a ReLU is closed
    middle = reach + 3
    module(rows, np.array([len(rows)]))[middle].sum().backward()
    seen = np.flatnonzero(rows.grad.abs().sum(dim=1))
    assert (seen.min(), seen.max()) == (middle - reach, middle + reach)


def test_equals_the_equations():
    """The same with torch's convolution over one sequence, which pads with zeros itself."""
    module = make(repeats=2)
    rows = rows_for(9)
    hidden = module.widen(rows.T[None])
    for _ in range(2):
        for convolution in module.block:
            hidden = torch.relu(convolution(hidden))
    torch.testing.assert_close(module(rows, np.array([9])), hidden[0].T)


def test_the_block_starts_as_the_identity():
    module = Idcnn(WIDTH, FILTERS, [1, 2, 1], 4).eval()
    rows = rows_for(6)
    once = torch.relu(module.widen(rows.T[None]))[0].T
    torch.testing.assert_close(module(rows, np.array([6])), once)


def test_dropout_is_for_training_only():
    module, rows, lengths = make(), rows_for(8), np.array([8])
    torch.testing.assert_close(module(rows, lengths, dropout=0.5), module(rows, lengths))
    trained = module.train()(rows, lengths, dropout=0.5)
    assert not torch.equal(trained, module(rows, lengths))
