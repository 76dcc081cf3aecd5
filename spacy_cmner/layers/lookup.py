"""Integer keys to table rows, on the device where the keys are."""

import torch
from torch import Tensor

UNKNOWN = 0  # row of every key that the table does not have


def find_rows(keys: Tensor, queries: Tensor) -> Tensor:
    """Find keys by binary search.

    keys (V,): the key of each row, ascending.
    queries (N,): the keys to find.
    RETURNS (Tensor): (N,) rows, ``UNKNOWN`` for what is not among the keys.
    """
    rows = torch.searchsorted(keys, queries).clamp(max=len(keys) - 1)
    return torch.where(keys[rows] == queries, rows, UNKNOWN)
