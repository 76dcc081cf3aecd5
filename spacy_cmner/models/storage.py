"""How weights are written to a file: exactly, or rounded to take less room.

Rounding saves room on disk only: what is read back is float32, as what is computed with. Weights
that were rounded once come back the same however often they are written again.
"""

from typing import Literal

import torch

from spacy_cmner.errors import Messages

Precision = Literal["float32", "float16", "int8"]
Tensors = dict[str, torch.Tensor]

# Ends the name of the scales of an int8 matrix; no parameter of a module can have such a name.
SCALE = ":scale"
LARGEST = 127


def pack(tensors: Tensors, precision: Precision) -> Tensors:
    """Weights as they are stored. Tensors of integers stay as they are.

    float16: every value rounded. int8: matrices and tables as integers with a scale for each row,
    the rest as float16.

    RAISES: CM332 for values that have no finite form there: float16 ends at 65,504.
    """
    packed: Tensors = {}
    for name, tensor in tensors.items():
        if precision == "float32" or not tensor.is_floating_point():
            packed[name] = tensor
        elif precision == "float16" or tensor.ndim < 2:
            packed[name] = tensor.half()
        else:
            packed[name], packed[name + SCALE] = quantize(tensor)
    if precision != "float32":
        for name, tensor in packed.items():
            if not tensor.isfinite().all():
                raise Messages.CM332.error(name=name.removesuffix(SCALE), precision=precision)
    return packed


def unpack(packed: Tensors) -> tuple[Tensors, Precision]:
    """Stored weights as float32, and how they were stored."""
    scales = {name.removesuffix(SCALE) for name in packed if name.endswith(SCALE)}
    is_half = any(tensor.dtype == torch.float16 for tensor in packed.values())
    precision: Precision = "int8" if scales else "float16" if is_half else "float32"
    tensors: Tensors = {}
    for name, tensor in packed.items():
        if name in scales:
            scale = packed[name + SCALE].float()
            tensors[name] = tensor.float() * scale.reshape(-1, *[1] * (tensor.ndim - 1))
        elif not name.endswith(SCALE):
            tensors[name] = tensor.float() if tensor.dtype == torch.float16 else tensor
    return tensors, precision


def quantize(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round to integers from -127 to 127 times a scale for each row of the first dimension.

    The scale is a bfloat16: its product with an integer is exact, so rounding twice is rounding
    once.
    """
    rows = tensor.flatten(1)
    scale = (rows.abs().amax(dim=1) / LARGEST).bfloat16()
    divisor = torch.where(scale == 0, 1, scale).float().unsqueeze(1)
    integers = (rows / divisor).round().clamp(-LARGEST, LARGEST).to(torch.int8)
    return integers.reshape(tensor.shape), scale
