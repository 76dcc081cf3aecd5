"""Iterated dilated convolutions over sequences packed end to end.

Reference: Strubell et al. (2017), Fast and Accurate Entity Recognition with Iterated Dilated
Convolutions. With D_δ a convolution of width 3 and dilation δ, and r the ReLU:

    i = D_1(x)                                     from the width of the input to the filters
    B(b) = r(D_1(r(D_2(r(D_1(b))))))               the block, dilations 1, 2, 1
    b⁽⁰⁾ = i,   b⁽ᵏ⁾ = B(b⁽ᵏ⁻¹⁾),   k = 1 … K      one set of weights for all K repeats

The output is b⁽ᴷ⁾. A character sees 1 + 4K characters to each side.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import relu

WIDTH = 3


class Idcnn(nn.Module):
    """Context encoder: ``(N, width_in)`` characters to ``(N, filters)``.

    Around each sequence lie as many zeros as the widest convolution sees to one side, and they
    are zeros again after each convolution, so no sequence sees its neighbour or the batch's width.

    width_in (int): width of the character representations.
    filters (int): of each convolution.
    dilations (List[int]): of the convolutions of the block.
    repeats (int): K, how often the block is applied.
    """

    def __init__(self, width_in: int, filters: int, dilations: list[int], repeats: int) -> None:
        super().__init__()
        self.filters = filters
        self.repeats = repeats
        self.gap = max([1, *dilations]) * (WIDTH // 2)
        self.widen = nn.Conv1d(width_in, filters, WIDTH, padding="same")
        convolutions = [
            nn.Conv1d(filters, filters, WIDTH, dilation=dilation, padding="same")
            for dilation in dilations
        ]
        for convolution in convolutions:
            nn.init.dirac_(convolution.weight)  # the identity
        self.block = nn.ModuleList(convolutions)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, rows: Tensor, lengths: np.ndarray, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the sequences packed end to end.
        lengths (B,): their lengths; they sum to N, zeros allowed.
        dropout (float): applied to the input and to the output, in training only.
        """
        shift = self.gap * np.repeat(np.arange(1, len(lengths) + 1), lengths)
        places = torch.from_numpy(np.arange(len(rows)) + shift).to(rows.device)  # (N,)
        n_places = len(rows) + self.gap * (len(lengths) + 1)
        inside = rows.new_zeros(n_places).index_fill(0, places, 1.0)

        rows = drop(rows, dropout, training=self.training)
        spread = rows.new_zeros((n_places, rows.shape[1])).index_copy(0, places, rows)
        hidden = self.widen(spread.T[None]) * inside  # (1, filters, n_places)
        for _ in range(self.repeats):
            for convolution in self.block:
                hidden = relu(convolution(hidden)) * inside
        return drop(hidden[0].T[places], dropout, training=self.training)
