"""The shim against thinc's own arithmetic, on a linear layer that both can train."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import srsly
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load
from thinc.api import Adam, Linear, Model, NumpyOps, Optimizer
from thinc.types import ArgsKwargs
from thinc.util import torch2xp, xp2torch
from torch import nn

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.bilstm import build_bilstm_encoder
from spacy_cmner.models.shim import PackedRows, TorchShim, pack_rows, torch_model

WIDTH_IN, WIDTH_OUT = 5, 3
CURRENT_DEVICE = "spacy_cmner.models.shim.get_torch_default_device"


class Affine(nn.Module):
    def __init__(self, width_in: int, width_out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.linear(rows))


def forward(model, rows, is_train):
    output, backward = model.shims[0](ArgsKwargs((xp2torch(rows),), {}), is_train)

    def backprop(gradient):
        backward([output], [xp2torch(gradient)])
        return rows

    return torch2xp(output.detach()), backprop


def init(model, X=None, Y=None):  # noqa: N803
    pass


def build(**settings) -> Model:
    model = torch_model("affine", forward, init, Affine, dims={}, attrs={})
    settings = {"width_in": WIDTH_IN, "width_out": WIDTH_OUT, **settings}
    torch.manual_seed(0)
    model.shims[0].set_module(settings, Affine(**settings))
    return model


def twin(model: Model) -> Model:
    """thinc's linear layer with the weights of the module."""
    linear = Linear(nO=WIDTH_OUT, nI=WIDTH_IN).initialize()
    for name, value in weights(model).items():
        linear.set_param({"linear.weight": "W", "linear.bias": "b"}[name], value.copy())
    return linear


def weights(model: Model) -> dict[str, np.ndarray]:
    return {n: p.detach().numpy().copy() for n, p in model.shims[0].module.named_parameters()}


def inputs(seed: int = 0, n: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, WIDTH_IN)).astype("float32")


def step(model: Model, optimizer: Optimizer, seed: int = 0) -> None:
    rows = inputs(seed)
    output, backprop = model.begin_update(rows)
    backprop(output - np.roll(output, 1, axis=0) + 0.3)
    model.finish_update(optimizer)


def assert_same(ours: dict[str, np.ndarray], linear: Model) -> None:
    np.testing.assert_allclose(ours["linear.weight"], linear.get_param("W"), atol=1e-6)
    np.testing.assert_allclose(ours["linear.bias"], linear.get_param("b"), atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"L2": 0.01},
        {"L2": 0.1, "L2_is_weight_decay": False},
        {"beta1": 0.5, "beta2": 0.9, "eps": 1e-6},
    ],
)
def test_a_step_is_thincs_adam(settings):
    ours = build()
    theirs = twin(ours)
    optimizers = [Adam(0.001, grad_clip=0.0, **{"L2": 0.0, **settings}) for _ in range(2)]
    for seed in range(20):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            step(model, optimizer, seed)
            optimizer.step_schedules()
        assert_same(weights(ours), theirs)


def test_a_schedule_reaches_the_module():
    model, optimizer = build(), Adam(0.01)
    optimizer.learn_rate = 0.0
    before = weights(model)
    step(model, optimizer)
    np.testing.assert_array_equal(weights(model)["linear.weight"], before["linear.weight"])


def test_eps_reaches_the_module():
    model = build()
    before = weights(model)
    step(model, Adam(0.001, eps=1e3, L2=0.0))
    np.testing.assert_allclose(weights(model)["linear.weight"], before["linear.weight"], atol=1e-5)


def test_another_optimizer_starts_anew():
    ours = build()
    theirs = twin(ours)
    for _ in range(2):
        optimizers = [Adam(0.001, grad_clip=0.0, L2=0.0, use_averages=True) for _ in range(2)]
        for seed in range(5):
            for model, optimizer in zip((ours, theirs), optimizers, strict=True):
                step(model, optimizer, seed)
        assert_same(weights(ours), theirs)
    with ours.use_params(optimizers[0].averages), theirs.use_params(optimizers[1].averages):
        assert_same(weights(ours), theirs)


def test_a_module_that_was_loaded_in_the_midst_of_training_starts_anew():
    loaded, fresh = build(), build()
    optimizers = [Adam(0.01, use_averages=True) for _ in range(2)]
    for seed in range(5):
        step(loaded, optimizers[0], seed)
    loaded.shims[0].from_bytes(SAVED)
    found = []
    for model, optimizer in zip((loaded, fresh), optimizers, strict=True):
        step(model, optimizer)
        with model.use_params(optimizer.averages):
            found.append([weights(model)["linear.weight"]])
        found[-1].append(weights(model)["linear.weight"])
    np.testing.assert_array_equal(*found)


def test_averages_are_thincs_averages():
    ours = build()
    theirs = twin(ours)
    optimizers = [Adam(0.001, grad_clip=0.0, L2=0.0, use_averages=True) for _ in range(2)]
    for seed in range(30):
        for model, optimizer in zip((ours, theirs), optimizers, strict=True):
            step(model, optimizer, seed)
    current = weights(ours)
    with ours.use_params(optimizers[0].averages), theirs.use_params(optimizers[1].averages):
        averaged = weights(ours)
        assert_same(averaged, theirs)
    assert not np.allclose(averaged["linear.weight"], current["linear.weight"], atol=1e-3)
    for name, value in weights(ours).items():
        np.testing.assert_array_equal(value, current[name])


def test_averages_after_many_steps_are_thincs_averages():
    model, optimizer = build(), Adam(0.001, use_averages=True)
    step(model, optimizer)
    for key in optimizer.averages:
        optimizer.nr_update[key] = 200_000
    with model.use_params(optimizer.averages):
        expected = weights(model)
    step(model, optimizer)
    for name, value in weights(model).items():
        NumpyOps().update_averages(expected[name], value, 200_001)
    with model.use_params(optimizer.averages):
        for name, averaged in weights(model).items():
            np.testing.assert_allclose(averaged, expected[name], rtol=1e-6, atol=1e-7)


def test_a_copy_has_averages_of_its_own():
    first = build()
    models, optimizer = [first, first.copy()], Adam(0.1, use_averages=True)
    alone = [build() for _ in models], [Adam(0.1, use_averages=True) for _ in models]
    for seed in range(4):
        for number, model in enumerate(models):
            step(model, optimizer, 10 * number + seed)
            step(alone[0][number], alone[1][number], 10 * number + seed)
    with models[0].use_params(optimizer.averages), models[1].use_params(optimizer.averages):
        averaged = [weights(model) for model in models]
    for found, model, its_own in zip(averaged, *alone, strict=True):
        with model.use_params(its_own.averages):
            for name, value in weights(model).items():
                np.testing.assert_array_equal(found[name], value)


def test_use_params_restores_after_an_error():
    model, optimizer = build(), Adam(0.01, use_averages=True)
    step(model, optimizer)
    before = weights(model)
    with pytest.raises(KeyError), model.use_params(optimizer.averages):
        raise KeyError
    np.testing.assert_array_equal(weights(model)["linear.weight"], before["linear.weight"])


def test_without_averages_the_weights_stay():
    model = build()
    before = weights(model)
    with model.use_params({}):
        np.testing.assert_array_equal(weights(model)["linear.weight"], before["linear.weight"])


def test_without_averages_none_are_kept():
    model, optimizer = build(), Adam(0.01, use_averages=False)
    step(model, optimizer)
    assert optimizer.averages is None


def test_the_gradient_is_clipped_by_its_norm_over_the_module():
    model = build()
    output, backprop = model.begin_update(inputs())
    backprop(np.full_like(output, 100.0))
    seen = {}

    class Recorder(torch.optim.Optimizer):
        def __init__(self):
            super().__init__(model.shims[0].module.parameters(), {})

        def step(self):
            for name, parameter in model.shims[0].module.named_parameters():
                seen[name] = parameter.grad.clone()

    raw = {n: p.grad.clone() for n, p in model.shims[0].module.named_parameters()}
    optimizer = Adam(0.01, grad_clip=2.0)
    model.shims[0]._adam, model.shims[0]._adam_of = Recorder(), optimizer
    model.finish_update(optimizer)
    assert torch.cat([g.ravel() for g in seen.values()]).norm().item() == pytest.approx(2.0)
    ratios = torch.cat([(seen[name] / raw[name]).ravel() for name in raw])
    torch.testing.assert_close(ratios, ratios[:1].expand(len(ratios)))


def test_gradients_accumulate_over_passes_until_the_step():
    once, twice = build(), build()
    output, backprop = once.begin_update(inputs())
    backprop(np.concatenate([output[:3], output[3:]]))
    for part in (inputs()[:3], inputs()[3:]):
        output, backprop = twice.begin_update(part)
        backprop(output)
    for model in (once, twice):
        model.finish_update(Adam(0.01))
        assert all(p.grad is None for p in model.shims[0].module.parameters())
    np.testing.assert_allclose(*(weights(m)["linear.weight"] for m in (once, twice)), rtol=1e-5)


def test_a_step_without_gradients_changes_nothing():
    model = build()
    before, optimizer = weights(model), Adam(0.01, L2=0.1, use_averages=True)
    model.finish_update(optimizer)
    np.testing.assert_array_equal(weights(model)["linear.weight"], before["linear.weight"])
    assert not optimizer.averages


@pytest.mark.parametrize("settings", [{"beta1": 0.0}, {"beta2": 0.0}, {"use_radam": True}])
def test_only_adam(settings):
    with pytest.raises(CmnerError, match=r"CM312"):
        step(build(), Optimizer(0.01, **{"beta1": 0.9, "beta2": 0.999, **settings}))


def test_a_function_may_collect_the_gradients():
    """What ``Language.rehearse`` passes in the place of an optimizer."""
    model = build()
    output, backprop = model.begin_update(inputs())
    backprop(np.ones_like(output))
    collected = {}

    def collect(key, value, gradient):
        collected[key] = (value, gradient)
        return value, gradient

    model.finish_update(collect)
    optimizer = Adam(0.01)
    before = weights(model)
    for key, (value, gradient) in collected.items():
        assert gradient.any()
        optimizer(key, value, gradient)
    assert len(collected) == 2
    assert not np.allclose(weights(model)["linear.weight"], before["linear.weight"])


def test_threads_share_a_module_with_dropout():
    model = build(dropout=0.5)
    rows = inputs(n=64)
    expected = model.predict(rows)
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: model.predict(rows), range(400)):
            np.testing.assert_array_equal(result, expected)


def test_prediction_keeps_nothing_for_gradients():
    assert not build().shims[0].predict(ArgsKwargs((xp2torch(inputs()),), {})).requires_grad


def test_dropout_works_in_updates_only():
    model = build(dropout=0.5)
    output, _ = model.begin_update(inputs(n=64))
    assert (output == 0).any()
    assert (model.predict(inputs(n=64)) != 0).all()


def restored(data: bytes) -> Model:
    model = torch_model("affine", forward, init, Affine, dims={}, attrs={})
    model.shims[0].from_bytes(data)
    return model


@pytest.mark.parametrize(
    "clone",
    [
        lambda model: restored(model.shims[0].to_bytes()),
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: model.copy(),
        copy.deepcopy,
    ],
    ids=["bytes", "pickle", "copy", "deepcopy"],
)
def test_clones_are_equal_but_not_the_same(clone):
    model, optimizer = build(), Adam(0.01, use_averages=True)
    step(model, optimizer)
    other = clone(model)
    expected = model.predict(inputs())
    np.testing.assert_array_equal(other.predict(inputs()), expected)
    step(other, Adam(0.01, use_averages=True))
    assert not np.array_equal(other.predict(inputs()), expected)
    np.testing.assert_array_equal(model.predict(inputs()), expected)


def test_a_pickle_holds_nothing_of_a_training():
    model = build()
    sizes = [len(pickle.dumps(model.shims[0]))]
    step(model, Adam(0.01, use_averages=True))
    sizes.append(len(pickle.dumps(model.shims[0])))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("clone", [lambda model: model.copy(), copy.deepcopy])
def test_the_weights_of_a_copied_lstm_are_put_together(monkeypatch, clone):
    """Or cuDNN would do it at each call, with a warning: nothing to see without a GPU."""
    model = build_bilstm_encoder(hidden_width=3, depth=2).initialize(X=[inputs()])
    together = []
    monkeypatch.setattr(nn.LSTM, "flatten_parameters", lambda lstm: together.append(lstm))
    copied = [m for m in clone(model).shims[0].module.modules() if isinstance(m, nn.LSTM)]
    assert len(copied) == 4 and {*map(id, together)} == {*map(id, copied)}


def test_a_module_belongs_where_its_model_was_made(monkeypatch):
    """Not where things are made when it is built or read, in another thread perhaps."""
    model = torch_model("affine", forward, init, Affine, dims={}, attrs={})
    monkeypatch.setattr(CURRENT_DEVICE, lambda: torch.device("meta"))
    model.shims[0].from_bytes(SAVED)
    assert {p.device.type for p in model.shims[0].module.parameters()} == {"cpu"}
    later = torch_model("affine", forward, init, Affine, dims={}, attrs={})
    later.shims[0].from_bytes(SAVED)
    assert {p.device.type for p in later.shims[0].module.parameters()} == {"meta"}


def test_a_module_built_after_a_move_is_where_its_model_is(monkeypatch):
    monkeypatch.setattr(CURRENT_DEVICE, lambda: torch.device("meta"))
    model = torch_model("affine", forward, init, Affine, dims={}, attrs={})
    model.to_cpu()
    model.shims[0].from_bytes(SAVED)
    assert model.predict(inputs()).shape == (7, WIDTH_OUT)


def test_what_is_not_initialised_survives_bytes_and_says_so():
    shim = TorchShim(Affine)
    other = TorchShim(Affine).from_bytes(shim.to_bytes())
    assert not other.is_built and not pickle.loads(pickle.dumps(shim)).is_built
    with other.use_params({}):
        pass
    with pytest.raises(CmnerError, match=r"CM311.*Affine"):
        other.predict(ArgsKwargs((inputs(),), {}))


def test_weights_are_safetensors():
    model = build()
    message = srsly.msgpack_loads(model.shims[0].to_bytes())
    assert message["settings"] == {"width_in": WIDTH_IN, "width_out": WIDTH_OUT}
    tensors = load(message["state"])
    assert {name: tuple(t.shape) for name, t in tensors.items()} == {
        "linear.weight": (WIDTH_OUT, WIDTH_IN),
        "linear.bias": (WIDTH_OUT,),
    }


SAVED = build().shims[0].to_bytes()


@given(st.integers(0, len(SAVED) - 1))
def test_truncated_weights(length):
    with pytest.raises(CmnerError, match=r"CM313.*Affine"):
        TorchShim(Affine).from_bytes(SAVED[:length])


@given(st.integers(0, len(SAVED) - 1), st.integers(0, 255))
@example(SAVED.index(b"width_in") + len(b"width_in"), 0)
def test_a_damaged_byte_is_named_or_harmless(place, value):
    damaged = SAVED[:place] + bytes([value]) + SAVED[place + 1 :]
    model, expected = build(), build().predict(inputs())
    try:
        model.shims[0].from_bytes(damaged)
    except CmnerError as error:
        assert "CM313" in str(error)
    np.testing.assert_array_equal(model.predict(inputs()), expected)


def test_weights_saved_before_there_was_a_checksum():
    message = srsly.msgpack_loads(SAVED)
    del message["checksum"]
    model = build()
    model.shims[0].from_bytes(srsly.msgpack_dumps(message))
    np.testing.assert_array_equal(model.predict(inputs()), build().predict(inputs()))


@pytest.mark.parametrize(
    "settings",
    [
        {"width_in": WIDTH_IN + 1, "width_out": WIDTH_OUT},
        {"width_in": WIDTH_IN},
        {"width_in": "wide", "width_out": WIDTH_OUT},
        {"width_in": WIDTH_IN, "width_out": WIDTH_OUT, "depth": 2},
        [],
    ],
)
def test_weights_of_another_module(settings):
    message = {**srsly.msgpack_loads(SAVED), "settings": settings}
    with pytest.raises(CmnerError, match=r"CM313"):
        TorchShim(Affine).from_bytes(srsly.msgpack_dumps(message))


def test_a_failed_load_leaves_the_module_as_it_was():
    model = build()
    expected = model.predict(inputs())
    with pytest.raises(CmnerError, match=r"CM313"):
        model.shims[0].from_bytes(SAVED[:-1])
    np.testing.assert_array_equal(model.predict(inputs()), expected)


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    change=st.sampled_from(["none", "order", "less", "more", "copies"]),
)
def test_packing_is_flattening(lengths, change):
    ops = NumpyOps()
    packed = np.arange(sum(lengths) * 4, dtype="float32").reshape(-1, 4)
    rows = PackedRows(packed, np.array(lengths))
    assert [len(part) for part in rows] == lengths
    changed = {
        "none": rows,
        "order": rows[::-1],
        "less": rows[1:] or [packed],
        "more": [*rows, rows[0]],
        "copies": [part.copy() for part in rows],
    }[change]
    np.testing.assert_array_equal(pack_rows(ops, changed), np.concatenate(changed))


def test_packing_what_lies_packed_copies_nothing():
    packed = np.ones((7, 3), dtype="float32")
    assert pack_rows(NumpyOps(), PackedRows(packed, [2, 0, 5])) is packed
    assert pack_rows(NumpyOps(), PackedRows(packed[:0], [])).shape == (0, 3)


def test_it_can_be_imported_where_nothing_forks():
    """As on Windows; spaCy imports it for every blank pipeline."""
    code = "import os, torch; del os.register_at_fork; import spacy_cmner.models.shim"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
