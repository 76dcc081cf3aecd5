"""Sentences packed end to end, and the words found in them: what every lexicon model reads."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn


class Sentences(NamedTuple):
    """B sentences of N characters in all, in which M words of two or more characters were found.

    words (M,): numbers of the words, in the order of the sentences.
    starts, ends (M,): packed positions of their first characters, and after their last.
    lengths (B,): characters of the sentences; zeros allowed.
    """

    words: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    lengths: np.ndarray

    @property
    def begins(self) -> np.ndarray:
        """(B,) packed positions where the sentences begin."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def owners(self) -> np.ndarray:
        """(N,) the sentence of each character."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def embed_words(self, table: nn.Embedding) -> Tensor:
        """(M, width) the vectors of the words."""
        return table(torch.from_numpy(self.words).to(table.weight.device))

    def neighbours(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """The place after and the place before each of the N characters; N where a sentence ends.

        For ``neighbour_rows``.
        """
        full = self.lengths[self.lengths > 0]
        n = int(full.sum())
        following, previous = np.arange(1, n + 1), np.arange(-1, n - 1)
        following[np.cumsum(full) - 1] = n
        previous[np.cumsum(full) - full] = n
        return torch.from_numpy(following).to(device), torch.from_numpy(previous).to(device)


def neighbour_rows(rows: Tensor, neighbours: Tensor) -> Tensor:
    """The row of each place's neighbour (see ``Sentences.neighbours``); zeros if it has none."""
    return torch.cat([rows, rows.new_zeros((1, rows.shape[1]))])[neighbours]


def spread(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The characters of spans: a row for each character of each span.

    starts, ends (M,): positions of the spans' first characters, and after their last.
    RETURNS (Tuple[Ints1d, Ints1d]): (P,) number of the span and (P,) position of the character.
    """
    lengths = ends - starts
    holders = np.repeat(np.arange(len(starts)), lengths)
    offsets = np.arange(len(holders)) - (np.cumsum(lengths) - lengths)[holders]
    return holders, starts[holders] + offsets
