"""Pretrained vectors come in any size; networks start best from inputs of one."""

from typing import Any

import numpy as np
import torch


def deviation(values: np.ndarray | torch.Tensor) -> Any:
    """The standard deviation, to divide by: 1 where there is none, as values are too few or all
    alike.

    The arithmetic is that of the library that the values come from, whose results differ in the
    last digits.
    """
    is_flat = not len(values) or values.min() == values.max()
    return 1.0 if is_flat else values.std()
