"""The equations of the paper, character by character in NumPy, and the whole of the character
representation on the small real resources."""

from itertools import product

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from torch import nn

from spacy_cmner.layers.local_global import (
    GatedIntegration,
    LocalFusion,
    LocalGlobal,
    SequentialEncoder,
    SpatialEncoder,
)
from spacy_cmner.layers.lookup import UNKNOWN
from spacy_cmner.models.local_global import build_local_global_embed, build_module

PARTS = ("char2vec", "spatial", "sequential", "use_global")
SWITCHES = [dict(zip(PARTS, on, strict=True)) for on in product([True, False], repeat=4) if any(on)]
FUSIONS = ("autoencoder", "concat", "sum", "projection")
INTEGRATIONS = ("gated_concat", "gated_add", "concat", "add")
KNOWN = sorted({char for text, _ in tiny.SENTENCES for char in text})
CODES = st.lists(
    st.sampled_from(KNOWN).map(ord) | st.integers(0, 0x10FFFF), min_size=1, max_size=10
)


@pytest.fixture(scope="module")
def make(resources):
    modules = {}

    def make(**changes) -> LocalGlobal:
        key = tuple(sorted(changes.items()))
        if key not in modules:
            torch.manual_seed(0)
            small = {name: value for name, value in tiny.EMBED.items() if name[0] != "@"}
            attrs = build_local_global_embed(**{**small, **changes}).attrs
            modules[key] = build_module(attrs, resources)[0].eval()
        return modules[key]

    return make


def with_noise(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def affine(layer: nn.Linear, vector: np.ndarray) -> np.ndarray:
    return array(layer.weight) @ vector + array(layer.bias)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def convolve(layer: nn.Conv2d, image: np.ndarray, groups: int = 1, stride: int = 1) -> np.ndarray:
    """Each group of filters reads its own group of channels; image (channels, height, width)."""
    weight = array(layer.weight)
    windows = sliding_window_view(image, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    windows = windows.reshape(groups, -1, *windows.shape[1:])
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    read = np.einsum("gcyxhw,gfchw->gfyx", windows, weight)
    return read.reshape(-1, *read.shape[2:]) + array(layer.bias)[:, None, None]


@pytest.mark.parametrize("stride", [1, 2])
def test_glyphs_are_read_by_the_convolutions_of_glyce(stride):
    module = with_noise(SpatialEncoder(2, 64, stride))
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (3, 2, 11, 11), dtype=torch.uint8, generator=generator)
    encoded = array(module(images))
    assert encoded.shape == (3, module.width) == (3, 64)
    for row, image in zip(encoded, images.numpy(), strict=True):
        strokes = convolve(module.strokes, image / 255, stride=stride)
        middle = strokes.shape[1] // 2
        rest = strokes.shape[1] - middle  # quarters overlap where the middle is a line
        quarters = [
            strokes[:, y, x].max(axis=(1, 2))
            for y, x in product((slice(rest), slice(middle, None)), repeat=2)
        ]
        quarters = relu(np.stack(quarters, axis=1).reshape(64, 2, 2))
        squeezed = relu(convolve(module.squeeze, quarters, groups=8))
        expected = relu(convolve(module.quarters, squeezed, groups=16))
        np.testing.assert_allclose(row, expected.ravel(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("parts", [[3, 0, 0], [1, 2, 3], [2, 2, 0], [0, 0, 0]])
def test_components_are_read_three_at_a_time(parts):
    module = with_noise(SequentialEncoder(4, 5))
    with torch.no_grad():
        module.parts.weight[0] = 0.0
        module.convolution.bias.fill_(-3.0)  # what is not masked would be the largest
    vectors = array(module.parts.weight)[[0, *parts, 0]]
    weight, bias = array(module.convolution.weight), array(module.convolution.bias)
    read = [
        np.tanh(np.einsum("kc,fck->f", vectors[i : i + 3], weight) + bias)
        for i in range(max(1, np.count_nonzero(parts)))
    ]
    (row,) = array(module(torch.tensor([parts], dtype=torch.int16)))
    np.testing.assert_allclose(row, np.max(read, axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", FUSIONS)
def test_fusion(method):
    module = with_noise(LocalFusion(method, [2, 3], 4))
    parts = [torch.randn(6, 2), torch.randn(6, 3)]
    fused = array(module(parts)[0])
    assert fused.shape == (6, module.width)
    for row, first, second in zip(fused, *map(array, parts), strict=True):
        joined = np.concatenate([first, second])
        if method == "sum":
            expected = affine(module.project[0], first) + affine(module.project[1], second)
        else:
            expected = joined if method == "concat" else affine(module.encode, joined)
        if method == "autoencoder":
            expected = np.tanh(expected)
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", INTEGRATIONS)
def test_integration(method):
    module = with_noise(GatedIntegration(method, 3, 5))
    locals_, globals_ = torch.randn(6, 3), torch.randn(6, 5)
    integrated = array(module(locals_, globals_))
    assert integrated.shape == (6, module.width)
    for row, local, global_ in zip(integrated, array(locals_), array(globals_), strict=True):
        if method.endswith("add"):
            global_ = affine(module.project, global_)
        if method.startswith("gated"):
            both = np.concatenate([local, global_])
            local = sigmoid(affine(module.local_gate, both)) * local
            global_ = sigmoid(affine(module.global_gate, both)) * global_
        expected = local + global_ if method.endswith("add") else np.append(local, global_)
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6)


def by_occurrence(module: LocalGlobal, codes: torch.Tensor) -> torch.Tensor:
    """Each occurrence computed alone: what ``forward`` saves by computing each type once."""
    return torch.cat([module.encode_types(module.find_rows(code[None]))[0] for code in codes])


def assert_paths_agree(module: LocalGlobal, codes: list[int]) -> None:
    codes = torch.tensor(codes)
    weights = torch.randn((len(codes), module.width), generator=torch.Generator().manual_seed(2))
    results = []
    for encode in (lambda: module(codes)[0], lambda: by_occurrence(module, codes)):
        module.zero_grad()
        rows = encode()
        if rows.requires_grad:
            (rows * weights).sum().backward()
        results.append((rows.detach(), {n: p.grad for n, p in module.named_parameters()}))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-4)
    assert results[0][0].shape == (len(codes), module.width)


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: "+".join(p for p in s if s[p]))
def test_once_a_type_equals_once_an_occurrence(make, switches):
    module = make(**switches)

    @settings(max_examples=20)
    @given(CODES)
    def check(codes):
        assert_paths_agree(module, codes)

    check()


@pytest.mark.parametrize(
    "fusion, integration, width",
    [
        ("autoencoder", "gated_concat", 16 + 20),
        ("concat", "gated_concat", (64 + 6 + 8) + 20),
        ("sum", "concat", 16 + 20),
        ("projection", "gated_add", 16),
        ("concat", "add", 64 + 6 + 8),
    ],
)
def test_width(make, fusion, integration, width):
    module = make(fusion=fusion, integration=integration)
    assert module(torch.tensor([ord("肺")]))[0].shape == (1, module.width) == (1, width)


@pytest.mark.parametrize("part", ["spatial", "use_global", None])
def test_projected_width(make, part):
    switches = {name: name == part for name in PARTS} if part else {}
    module = make(width=7, **switches)
    assert module.width == 7
    assert_paths_agree(module, [ord(char) for char in "右肺疼痛、右肺😀"])


def test_unknown_characters_share_row_0(make):
    module = make()
    unknown = torch.tensor([0, ord("鑫"), 0x1F600, 0x10FFFF])
    assert module.find_rows(unknown).tolist() == [UNKNOWN] * 4
    rows = module.find_rows(torch.tensor([ord(char) for char in KNOWN]))
    assert sorted(rows.tolist()) == list(range(1, len(KNOWN) + 1))


@given(CODES)
def test_a_known_character_finds_its_own_row(codes):
    module = LocalGlobal(4, **NO_TABLES)
    module.code_points = torch.tensor([-1, 5, 70, 0x10FFFF])
    rows = module.find_rows(torch.tensor(codes)).tolist()
    expected = {5: 1, 70: 2, 0x10FFFF: 3}
    assert rows == [expected.get(code, UNKNOWN) for code in codes]


NO_TABLES = {
    "char_width": 2,
    "fonts": None,
    "image_size": 8,
    "channels": 64,
    "stride": 1,
    "n_components": None,
    "n_parts": 1,
    "component_width": 2,
    "fusion": "concat",
    "local_width": 2,
    "word_width": None,
    "integration": "concat",
}


def test_occurrences_of_a_type_never_differ_in_training(make):
    module = make().train()
    rows, _ = module(torch.tensor([ord("肺")] * 5))
    module.eval()
    assert (rows == rows[0]).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_only_the_autoencoder_has_a_reconstruction_error(make, fusion):
    _, error = make(fusion=fusion)(torch.tensor([ord("肺"), ord("肝")]))
    assert error.shape == (1,)
    assert (error.item() > 0, error.requires_grad) == (fusion == "autoencoder",) * 2


def test_reconstruction_error_counts_each_type_once(make):
    module = make()
    once = module(torch.tensor([ord("肺"), ord("肝")]))[1]
    often = module(torch.tensor([ord("肺")] * 7 + [ord("肝")]))[1]
    torch.testing.assert_close(once, often)


def test_the_target_of_the_reconstruction_is_held_fixed(make):
    fusion = make().fusion
    parts = torch.randn((2, 78), generator=torch.Generator().manual_seed(3)).requires_grad_()
    hidden, error = fusion([parts])
    expected = (fusion.decode(hidden) - parts.detach()).pow(2).mean()
    torch.testing.assert_close(error[0], expected)
    inputs = (parts, fusion.decode.weight)
    gradients = torch.autograd.grad(error, inputs, retain_graph=True)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, inputs))


def test_no_characters_give_no_rows_and_no_error(make):
    module = make()
    module.zero_grad()
    rows, error = module(torch.zeros(0, dtype=torch.int64))
    assert rows.shape == (0, module.width)
    assert error.tolist() == [0.0]
    (rows.sum() + error).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def test_every_parameter_gets_a_gradient(make):
    module = make()
    module.zero_grad()
    rows, error = module(torch.tensor([ord(char) for char in KNOWN]))
    (rows.pow(2).sum() + error).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_tables_hold_the_resources(make, resources):
    module = make()
    row = module.find_rows(torch.tensor([ord("肺")]))
    glyphs, components = resources.glyphs, resources.components
    ink = torch.from_numpy(glyphs.images[glyphs.rows["肺"]]).float().mean(dim=(1, 2))
    torch.testing.assert_close(module.images[row[0]].float().mean(dim=(1, 2)), ink, rtol=0, atol=1)
    parts = [components.parts[i] for i in module.components[row[0]] if i]
    assert tuple(parts) == components.parts_of("肺")[:3]
    table = resources.lexicon.char_table(sorted(KNOWN))
    words = table[sorted(KNOWN).index("肺")].ravel() / table[table != 0].std()
    np.testing.assert_allclose(module.words[row[0]], words, rtol=1e-5)
    vectors = resources.vectors
    vector = vectors.vectors[vectors.words.index("肺")] * (0.5 / vectors.vectors.std(ddof=1))
    np.testing.assert_allclose(array(module.char2vec.weight[row[0]]), vector, rtol=1e-5)
    assert not module.images[UNKNOWN].any() and not module.words[UNKNOWN].any()
