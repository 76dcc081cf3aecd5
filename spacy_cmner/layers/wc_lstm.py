"""A bidirectional LSTM that reads a word beside each character.

Reference: Liu et al. (2019), An Encoding Strategy Based Word-Character LSTM for Chinese NER. Each
direction reads the words that it has just finished: with c_i the character's representation,
W→_i the matched words that end at it, W←_i those that begin at it, and s a strategy that makes one
vector of a set of words,

    →h_i = LSTM([c_i; s(W→_i)], →h_{i-1})
    ←h_i = LSTM([c_i; s(W←_i)], ←h_{i+1})
    h_i = [→h_i; ←h_i]

An empty set holds the word NONE. The paper explores four strategies: the shortest word; the
longest; the average; self-attention, Σ a_w e(w) with a = softmax(u · tanh(V e(w))). A fifth beside
them, cnn, is a convolution of width 3 over the words from short to long, max-pooled.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from spacy_cmner.layers.bilstm import BiLSTM
from spacy_cmner.layers.sentences import Sentences

Strategy = Literal["shortest", "longest", "average", "cnn", "attention"]


class WordSets(NamedTuple):
    """One word set a character, none empty, packed end to end; W words in all.

    words (W,): numbers of the words, in each set from short to long.
    owners (W,): the character of each word's set.
    firsts (N,): where each set begins.
    lasts (N,): its last word.
    """

    words: Tensor
    owners: Tensor
    firsts: Tensor
    lasts: Tensor


def make_sets(
    words: np.ndarray,
    owners: np.ndarray,
    sizes: np.ndarray,
    n_characters: int,
    none: int,
    device: torch.device,
) -> WordSets:
    """Sort words into the sets of their characters.

    words (M,): numbers of the words.
    owners (M,): the character of each.
    sizes (M,): their lengths in characters.
    none (int): number of the word that an empty set gets.
    """
    missing = np.setdiff1d(np.arange(n_characters), owners)
    words = np.append(words, np.full_like(missing, none))
    owners = np.append(owners, missing)
    order = np.lexsort((np.append(sizes, np.zeros_like(missing)), owners))
    words, owners = words[order], owners[order]
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    lasts = np.flatnonzero(np.diff(owners, append=n_characters))
    return WordSets(*(torch.from_numpy(each).to(device) for each in (words, owners, firsts, lasts)))


class WordSetEncoder(nn.Module):
    """Makes one vector of each set of words.

    width (int): of a word vector and of the result.
    strategy: shortest, longest, average, cnn or attention.
    """

    def __init__(self, width: int, strategy: Strategy) -> None:
        super().__init__()
        self.strategy = strategy
        if strategy == "cnn":
            self.convolve = nn.Linear(3 * width, width)
        elif strategy == "attention":
            self.hidden = nn.Linear(width, width, bias=False)
            self.score = nn.Linear(width, 1, bias=False)

    def forward(self, vectors: Tensor, sets: WordSets) -> Tensor:
        """vectors (W, width) of the words of the sets, to (N, width)."""
        if self.strategy == "shortest":
            return vectors[sets.firsts]
        if self.strategy == "longest":
            return vectors[sets.lasts]
        if self.strategy == "average":
            sizes = (sets.lasts - sets.firsts + 1).unsqueeze(1)
            return self._sum(vectors, sets) / sizes
        if self.strategy == "cnn":
            return self._convolve(vectors, sets)
        scores = self.score(torch.tanh(self.hidden(vectors))).squeeze(1)  # (W,)
        weights = torch.exp(scores - self._reduce_max(scores.detach(), sets)[sets.owners])
        totals = self._sum(weights, sets)
        return self._sum(vectors * (weights / totals[sets.owners]).unsqueeze(1), sets)

    def _convolve(self, vectors: Tensor, sets: WordSets) -> Tensor:
        before, after = vectors.roll(1, dims=0), vectors.roll(-1, dims=0)
        before = before.index_fill(0, sets.firsts, 0.0)
        after = after.index_fill(0, sets.lasts, 0.0)
        hidden = torch.tanh(self.convolve(torch.cat([before, vectors, after], dim=1)))
        return self._reduce_max(hidden, sets)

    @staticmethod
    def _sum(values: Tensor, sets: WordSets) -> Tensor:
        zeros = values.new_zeros((len(sets.firsts), *values.shape[1:]))
        return zeros.index_add(0, sets.owners, values)

    @staticmethod
    def _reduce_max(values: Tensor, sets: WordSets) -> Tensor:
        owners = sets.owners.reshape(-1, *[1] * (values.dim() - 1)).expand_as(values)
        zeros = values.new_zeros((len(sets.firsts), *values.shape[1:]))
        return zeros.scatter_reduce(0, owners, values, "amax", include_self=False)


class WcLstm(nn.Module):
    """Characters and words to ``(N, 2 * hidden_width)``.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon; the row after theirs is NONE.
    word_width (int): width of a word vector.
    hidden_width (int): units in each direction.
    strategy: see ``WordSetEncoder``.
    """

    def __init__(
        self, width_in: int, n_words: int, word_width: int, hidden_width: int, strategy: Strategy
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words + 1, word_width)
        self.encode_set = WordSetEncoder(word_width, strategy)
        self.lstm = BiLSTM(width_in + word_width, hidden_width)
        self.width = 2 * hidden_width

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the characters of the sentences, packed end to end.
        dropout (float): applied to the input of the LSTM and to the output, in training only.
        """
        words, starts, ends, lengths = sentences
        none = self.words.num_embeddings - 1
        inputs = []
        for owners in (ends - 1, starts):
            sets = make_sets(words, owners, ends - starts, len(rows), none, rows.device)
            inputs.append(torch.cat([rows, self.encode_set(self.words(sets.words), sets)], dim=1))
        return self.lstm(inputs[0], lengths, dropout, backward_rows=inputs[1])
