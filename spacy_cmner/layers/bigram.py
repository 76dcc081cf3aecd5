"""Embeddings of character bigrams, the classic extra feature of character taggers.

Reference: Chen et al. (2015), Long Short-Term Memory Neural Networks for Chinese Word
Segmentation; used beside characters by Zhang and Yang (2018), Chinese NER Using Lattice LSTM.
"""

import torch
from torch import Tensor, nn

from spacy_cmner.layers.lookup import find_rows

CODE_POINT_BITS = 21


def bigram_keys(left: Tensor, right: Tensor) -> Tensor:
    """One integer for each pair of code points."""
    return (left << CODE_POINT_BITS) | right


class Bigrams(nn.Module):
    """Each character together with the next one: code points ``(N,)`` to ``(N, width)``.

    n_bigrams (int): rows of the table, row 0 for every unknown bigram.
    width (int): of an embedding.
    """

    keys: Tensor

    def __init__(self, n_bigrams: int, width: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.arange(-1, n_bigrams - 1))
        self.embedding = nn.Embedding(n_bigrams, width)

    def forward(self, codes: Tensor, ends: Tensor) -> Tensor:
        """codes (N,): sequences packed end to end; ends (B,): position of each one's last
        character, whose bigram is unknown."""
        following = torch.zeros_like(codes)
        following[:-1] = codes[1:]
        keys = bigram_keys(codes, following)
        keys[ends] = -1
        return self.embedding(find_rows(self.keys, keys))
