import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_cmner.layers.bilstm import GPU_OVERHEAD, OVERHEAD, BiLSTM, group_by_length

WIDTH, HIDDEN = 3, 4
LENGTHS = st.lists(st.integers(0, 12), max_size=30).map(lambda x: np.array(x, dtype=np.int64))


def make(depth: int = 1) -> BiLSTM:
    torch.manual_seed(0)
    return BiLSTM(WIDTH, HIDDEN, depth).eval()


def rows_for(lengths: np.ndarray) -> torch.Tensor:
    return torch.randn((int(lengths.sum()), WIDTH), generator=torch.Generator().manual_seed(1))


def torch_lstm(module: BiLSTM) -> nn.LSTM:
    """torch's own bidirectional LSTM with the same weights."""
    depth = len(module.forwards)
    lstm = nn.LSTM(WIDTH, HIDDEN, num_layers=depth, bidirectional=True, batch_first=True)
    state = {}
    for layer in range(depth):
        for suffix, one in (("", module.forwards[layer]), ("_reverse", module.backwards[layer])):
            for name, value in one.state_dict().items():
                state[name.replace("l0", f"l{layer}{suffix}")] = value
    lstm.load_state_dict(state)
    return lstm


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("length", [1, 2, 17])
def test_equals_the_lstm_of_torch(depth, length):
    module = make(depth)
    lengths = np.array([length])
    rows = rows_for(lengths)
    expected, _ = torch_lstm(module)(rows[None])
    torch.testing.assert_close(module(rows, lengths), expected[0])


@given(LENGTHS, st.integers(1, 2))
def test_a_sequence_is_encoded_alone_as_in_its_batch(lengths, depth):
    module = make(depth)
    rows = rows_for(lengths)
    with torch.no_grad():
        together = module(rows, lengths)
        alone = [module(part, np.array([len(part)])) for part in rows.split(lengths.tolist())]
    assert together.shape == (lengths.sum(), 2 * HIDDEN)
    torch.testing.assert_close(together, torch.cat([together[:0], *alone]))


@given(LENGTHS)
def test_gradients_do_not_depend_on_the_batch(lengths):
    module = make()
    rows = rows_for(lengths).requires_grad_()
    module(rows, lengths).pow(2).sum().backward()
    together, rows.grad = rows.grad, torch.zeros_like(rows)
    for part in rows.split(lengths.tolist()):
        module(part, np.array([len(part)])).pow(2).sum().backward()
    torch.testing.assert_close(together, rows.grad)


@given(LENGTHS, st.sampled_from([OVERHEAD, GPU_OVERHEAD]))
def test_groups_partition_the_sequences_that_are_not_empty(lengths, overhead):
    groups = group_by_length(lengths, overhead)
    assert sorted(i for group in groups for i in group) == np.flatnonzero(lengths).tolist()
    in_order = [int(lengths[i]) for group in groups for i in group]
    assert in_order == sorted(in_order, reverse=True)


def test_a_gpu_reads_a_batch_at_once_but_a_long_line_among_many_short_ones():
    sentences = np.arange(1, 61).repeat(4)
    assert len(group_by_length(sentences, GPU_OVERHEAD)) == 1
    lines = np.append(np.full(5_000, 3), 512)
    assert [len(group) for group in group_by_length(lines, GPU_OVERHEAD)] == [1, 5_000]


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6).map(np.array),
    st.sampled_from([0.5, 1.0, 6.0]),
)
def test_no_other_groups_take_less_time(lengths, overhead):
    def time(groups):
        return sum(max(lengths[group]) * (overhead + len(group)) for group in groups)

    found = group_by_length(lengths, overhead=overhead)
    assert time(found) == min(map(time, partitions(range(len(lengths)))))


def partitions(items):
    """All ways to make groups of them."""
    first, *others = items
    if not others:
        yield [[first]]
        return
    for groups in partitions(others):
        yield [[first], *groups]
        for i, group in enumerate(groups):
            yield [*groups[:i], [first, *group], *groups[i + 1 :]]


def test_dropout_is_between_the_layers_too():
    module = make(depth=2).train()
    inputs = []
    module.forwards[1].register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    module(rows_for(np.array([6])), np.array([6]), dropout=0.5)
    assert (inputs[0] == 0).any()


def test_every_parameter_gets_a_gradient():
    module = make(depth=2).train()
    lengths = np.array([3, 0, 5])
    module(rows_for(lengths), lengths, dropout=0.1).pow(2).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_gradients_are_right():
    module = make(depth=2).double()
    lengths = np.array([2, 3])
    rows = rows_for(lengths).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: module(x, lengths), rows)


def test_dropout_is_for_training_only():
    module = make()
    lengths = np.array([6])
    rows = rows_for(lengths)
    plain = module(rows, lengths)
    torch.testing.assert_close(module(rows, lengths, dropout=0.5), plain)
    assert (module.train()(rows, lengths, dropout=0.5) == 0).any()


def test_recurrent_weights_start_orthogonal_and_forget_gates_open():
    lstm = make().backwards[0]
    for gate in lstm.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN))
    assert (lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4)[1].tolist() == [1.0] * HIDDEN
