import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.storage import pack, unpack

FINITE = st.floats(-1e4, 1e4, width=32)
WEIGHTS = arrays("float32", array_shapes(min_dims=1, max_dims=4, max_side=5), elements=FINITE)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@given(values=WEIGHTS)
def test_rounding_twice_is_rounding_once(values, precision):
    tensors = {"weight": torch.from_numpy(values), "bias": torch.ones(2)}
    once, found = unpack(pack(tensors, precision))
    twice, _ = unpack(pack(once, precision))
    assert found == precision or values.ndim == 1
    assert once["weight"].dtype == torch.float32
    assert torch.equal(once["weight"], twice["weight"])


@given(WEIGHTS)
def test_int8_is_within_a_hundredth_of_the_largest_of_a_row(values):
    tensor = torch.from_numpy(values)
    rounded, _ = unpack(pack({"weight": tensor}, "int8"))
    rows = tensor.reshape(len(tensor), -1)
    error = (rounded["weight"] - tensor).reshape(len(tensor), -1).abs()
    assert (error <= 0.01 * rows.abs().amax(dim=1, keepdim=True) + 1e-7).all()


@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_size(precision, size):
    packed = pack({"weight": torch.randn(50, 8), "ids": torch.arange(7)}, precision)
    assert packed["weight"].element_size() == size
    assert packed["ids"].dtype == torch.int64


@pytest.mark.parametrize(
    ("precision", "values"),
    [("float16", [[1.0, 7e4]]), ("float16", [-7e4]), ("int8", [7e4]), ("int8", [[float("nan")]])],
)
def test_what_has_no_finite_form_is_an_error(precision, values):
    tensors = {"ids": torch.arange(3), "weight": torch.tensor(values)}
    with pytest.raises(CmnerError, match=rf"CM332.*\bweight\b.*{precision}"):
        pack(tensors, precision)
    assert pack(tensors, "float32") == tensors


@pytest.mark.parametrize(
    ("precision", "values"), [("float16", [[65504.0, -1.0]]), ("int8", [[7e4, -1.0]])]
)
def test_the_largest_that_can_be_stored(precision, values):
    restored, _ = unpack(pack({"weight": torch.tensor(values)}, precision))
    torch.testing.assert_close(restored["weight"], torch.tensor(values), rtol=0.01, atol=300)
