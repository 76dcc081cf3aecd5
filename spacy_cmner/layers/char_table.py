"""Finished character representations, one row a character.

What ``LocalGlobal`` says of a character never depends on its sentence, so once it is trained the
encoders can be run over all characters they know, and only their results be kept.
"""

import torch
from torch import Tensor, nn

from spacy_cmner.layers.lookup import find_rows


class CharTable(nn.Module):
    """Unicode code points to finished representations. It has no parameters to train.

    n_chars (int): rows of the table, row 0 for every character that it does not know.
    width (int): of a representation.
    """

    code_points: Tensor
    vectors: Tensor

    def __init__(self, n_chars: int, width: int) -> None:
        super().__init__()
        self.register_buffer("code_points", torch.arange(-1, n_chars - 1))
        self.register_buffer("vectors", torch.zeros((n_chars, width)))

    def forward(self, codes: Tensor) -> Tensor:
        """codes (N,) code points, to (N, width)."""
        return self.vectors[find_rows(self.code_points, codes)]
