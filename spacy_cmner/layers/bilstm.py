"""A bidirectional LSTM over sequences packed end to end.

Reference: Huang, Xu and Yu (2015), Bidirectional LSTM-CRF Models for Sequence Tagging.

The two directions are two LSTMs; the backward one reads an index-reversed copy. Sequences run in
groups of similar length, which on a CPU beats packed sequences.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

# What a step of torch's LSTM takes on a CPU beside its sequences, as so many of them: by trial,
# with 40 to 384 units.
OVERHEAD = 6
# The same on a GPU, by estimate: starting its kernels takes as long as multiplying for so many.
GPU_OVERHEAD = 1000


class Group(NamedTuple):
    """Where G sequences of similar length stand in the packed rows, as arrays or tensors. L is the
    longest."""

    forwards: Any  # (G, L) row that the forward direction reads at each step
    backwards: Any  # (G, L) row that the backward direction reads at each step
    left: Any  # (n,) step of the flattened forward output, for each of the n characters
    right: Any  # (n,) the same for the backward output
    rows: Any  # (n,) the characters' rows


def group_by_length(lengths: np.ndarray, overhead: float) -> list[np.ndarray]:
    """Group sequences of similar length, longest first, so that all of them take the least time.

    A group of G sequences is padded to the longest, and each of its steps takes a time of
    ``overhead`` + G. The best groups hold neighbours in the order of length and do not part equal
    ones, so they are found by dynamic programming over the different lengths.

    lengths (Ints1d): length of each sequence; empty sequences are in no group.
    overhead (float): what a step takes however few the sequences, as so many sequences. The more,
        the fewer the groups; yet a long sequence among many short ones stays apart from them.
    RETURNS (List[Ints1d]): positions in ``lengths``.
    """
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    if not len(order):
        return []
    negative, begins = np.unique(-lengths[order], return_index=True)
    sizes = -negative  # each once, the longest first
    ends = np.append(begins[1:], len(order))
    least = np.zeros(len(sizes) + 1)  # for the sequences of the first so many sizes
    first = np.zeros(len(sizes), dtype=np.int64)  # of the group that ends with each size
    for last, end in enumerate(ends):
        before = slice(last + 1)
        costs = least[before] + sizes[before] * (overhead + end - begins[before])
        first[last] = costs.argmin()
        least[last + 1] = costs[first[last]]
    groups: list[np.ndarray] = []
    last = len(sizes) - 1
    while last >= 0:
        groups.append(order[begins[first[last]] : ends[last]])
        last = first[last] - 1
    return groups[::-1]


def locate(group: np.ndarray, lengths: np.ndarray, starts: np.ndarray) -> Group:
    """The indices that bring a group's sequences into and out of padded form."""
    length, start = lengths[group, None], starts[group, None]  # (G, 1)
    step = np.arange(length.max())[None]  # (1, L)
    valid = step < length
    slot = np.arange(len(group))[:, None] * step.shape[1]
    return Group(
        forwards=start + np.minimum(step, length - 1),
        backwards=start + np.maximum(length - 1 - step, 0),
        left=(slot + step)[valid],
        right=(slot + length - 1 - step)[valid],
        rows=(start + step)[valid],
    )


def initialize_lstm(lstm: nn.LSTM) -> None:
    """Orthogonal recurrent weights and an open forget gate (Jozefowicz et al., 2015)."""
    for name, param in lstm.named_parameters():
        if name.startswith("weight_hh"):
            for gate in param.data.chunk(4):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(param)
        else:
            nn.init.zeros_(param)
            if name.startswith("bias_ih"):
                param.data.chunk(4)[1].fill_(1.0)


class BiLSTM(nn.Module):
    """Context encoder: ``(N, width_in)`` characters to ``(N, 2 * hidden_width)``.

    width_in (int): width of the character representations.
    hidden_width (int): units in each direction.
    depth (int): stacked layers.
    """

    def __init__(self, width_in: int, hidden_width: int, depth: int = 1) -> None:
        super().__init__()
        self.hidden_width = hidden_width
        widths = [width_in] + [2 * hidden_width] * (depth - 1)
        self.forwards = nn.ModuleList(nn.LSTM(w, hidden_width, batch_first=True) for w in widths)
        self.backwards = nn.ModuleList(nn.LSTM(w, hidden_width, batch_first=True) for w in widths)
        for module in (*self.forwards, *self.backwards):
            initialize_lstm(module)

    def forward(
        self,
        rows: Tensor,
        lengths: np.ndarray,
        dropout: float = 0.0,
        backward_rows: Tensor | None = None,
    ) -> Tensor:
        """Encode.

        rows (N, width_in): the sequences packed end to end.
        lengths (B,): their lengths; they sum to N, zeros allowed.
        dropout (float): applied to the input of every layer and to the output, in training only.
        backward_rows (N, width_in): what the first layer reads backwards, if not ``rows``.
        """
        starts = np.cumsum(lengths) - lengths
        groups = [
            Group(
                *(torch.from_numpy(index).to(rows.device) for index in locate(g, lengths, starts))
            )
            for g in group_by_length(lengths, GPU_OVERHEAD if rows.is_cuda else OVERHEAD)
        ]
        if not groups:
            # The sum keeps the result in the graph, so that backward() works as ever.
            return rows.new_zeros((0, 2 * self.hidden_width)) + rows.sum()
        unsort = torch.cat([group.rows for group in groups]).argsort()
        for forward_lstm, backward_lstm in zip(self.forwards, self.backwards, strict=True):
            rows = drop(rows, dropout, training=self.training)
            if backward_rows is None:
                right_rows = rows
            else:
                right_rows = drop(backward_rows, dropout, training=self.training)
                backward_rows = None
            encoded = []
            for group in groups:
                left, _ = forward_lstm(rows[group.forwards])  # (G, L, H)
                right, _ = backward_lstm(right_rows[group.backwards])
                both = (left.flatten(0, 1)[group.left], right.flatten(0, 1)[group.right])
                encoded.append(torch.cat(both, dim=1))  # (n, 2H)
            rows = torch.cat(encoded)[unsort]
        return drop(rows, dropout, training=self.training)
