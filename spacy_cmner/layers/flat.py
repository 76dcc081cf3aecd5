"""The flat-lattice transformer: characters and words attend to each other.

Reference: Li et al. (2020), FLAT: Chinese NER Using Flat-Lattice Transformer; the attention is that
of Dai et al. (2019), Transformer-XL.

A token of the flat lattice is a character or a matched word; h and t are the positions of its
first and last character. With the sinusoid vectors p(d) of a distance d, and x the tokens:

    R_ij = ReLU(W_r [p(h_i − h_j) ⊕ p(h_i − t_j) ⊕ p(t_i − h_j) ⊕ p(t_i − t_j)] + b)
    A_ij = ((W_q x_i + u) · W_k x_j + (W_q x_i + v) · W_p R_ij) / √(width of a head)
    y_i  = W_o Σ_j softmax_j(A_ij) W_v x_j

R has a vector for each pair of tokens: by far the largest tensor of the model, and most of its
time. It is never built here.

1. W_r of a concatenation is a sum of four products, each with the vector of one distance. They are
   computed once for each distance; R_ij is the ReLU of a sum of four such rows.
2. The four distances follow from h_i − h_j and the lengths of both tokens. All tokens of one length
   hence share a table of position keys W_p R with a row for each h_i − h_j and each length of j: in
   sentences of up to C characters with words of k different lengths, (2C − 1)·k rows for a whole
   batch. Queries meet the table in one matrix product, and a pair picks its score from it: a
   number, not a vector.

In the last layer only the characters ask, because nothing reads what words would become there. The
queries go in portions, which bounds the scores in memory whatever the length of a sentence.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import linear, relu

from spacy_cmner.layers.bilstm import GPU_OVERHEAD, group_by_length
from spacy_cmner.layers.sentences import Sentences

# Pairs of tokens that go through a layer together, and position scores that are held at a time.
MAX_PAIRS = 1 << 19
MAX_SCORES = 1 << 22
# For ``group_by_length``, by trial: attention is computed for all places of a portion at once.
OVERHEAD = 1


class Lattices(NamedTuple):
    """G flat lattices, padded: C places for characters, then places for words, K in all."""

    n_characters: int  # C
    tokens: Tensor  # (G, K) row of the token; the rows of the words follow those of characters
    heads: Tensor  # (G, K) place of its first character in the sentence
    lengths: Tensor  # (G, K) its characters
    valid: Tensor  # (G, K) False for padding
    rows: Tensor  # (n,) row of each of the n characters
    slots: Tensor  # (n,) its place in the flattened (G, C)

    def only_characters(self) -> "Lattices":
        """The same without the words."""
        front = slice(self.n_characters)
        return self._replace(
            tokens=self.tokens[:, front],
            heads=self.heads[:, front],
            lengths=self.lengths[:, front],
            valid=self.valid[:, front],
        )


def lay_out(sentences: Sentences, device: torch.device) -> list[Lattices]:
    """Arrange sentences as flat lattices, those of similar length together."""
    _, starts, ends, lengths = sentences
    begins = sentences.begins
    counts = np.bincount(
        np.searchsorted(begins + lengths, starts, side="right"), minlength=len(lengths)
    )
    first_words = np.cumsum(counts) - counts
    lattices = []
    overhead = OVERHEAD if device.type == "cpu" else GPU_OVERHEAD
    for group in portions(lengths + counts, overhead):
        place = np.arange(lengths[group].max())[None]
        is_character = place < lengths[group, None]  # (G, C)
        characters = begins[group, None] + np.where(is_character, place, 0)
        number = np.arange(counts[group].max())[None]
        is_word = number < counts[group, None]  # (G, K − C)
        words = np.where(is_word, first_words[group, None] + number, 0)
        word_heads = np.where(is_word, starts[words] - begins[group, None], 0)
        word_lengths = np.where(is_word, ends[words] - starts[words], 1)
        columns = (
            np.concatenate([characters, lengths.sum() + words], axis=1),
            np.concatenate([np.broadcast_to(place, characters.shape), word_heads], axis=1),
            np.concatenate([np.ones_like(characters), word_lengths], axis=1),
            np.concatenate([is_character, is_word], axis=1),
            characters[is_character],
            np.flatnonzero(is_character),
        )
        tensors = (torch.from_numpy(column).to(device) for column in columns)
        lattices.append(Lattices(place.shape[1], *tensors))
    return lattices


def portions(sizes: np.ndarray, overhead: float) -> Iterator[np.ndarray]:
    """Positions of lattices of similar size that fit into ``MAX_PAIRS`` together.

    sizes (Ints1d): tokens of each lattice.
    overhead (float): see ``group_by_length``.
    """
    for similar in group_by_length(sizes, overhead):
        while len(similar):
            most = max(1, MAX_PAIRS // int(sizes[similar[0]]) ** 2)
            yield similar[:most]
            similar = similar[most:]


def sinusoids(distances: Tensor, width: int) -> Tensor:
    """distances (…) of either sign, to (…, width): sine and cosine in turn."""
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, device=distances.device) / width)
    angles = distances.unsqueeze(-1) * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :width]


class PositionKeys(NamedTuple):
    """The position keys W_p R of all pairs of tokens that a group of lattices may have.

    A row stands for a distance h_i − h_j and one of the k lengths of token j.
    """

    of_length: dict[int, Tensor]  # for each length of token i, (H, E, (2C − 1)·k)
    offsets: Tensor  # (G, K) row of each token j for h_i = 0
    step: int  # k, by which the row grows with h_i


class LatticeAttention(nn.Module):
    """Attention by contents and by the four distances of two tokens, and a residual connection.

    n_heads, head_width (int): H heads of width E.
    random (Optional[nn.Module]): gives further scores, from the heads of queries and keys.
    """

    def __init__(self, n_heads: int, head_width: int, random: nn.Module | None = None) -> None:
        super().__init__()
        self.n_heads, self.head_width = n_heads, head_width
        width = n_heads * head_width
        self.query = nn.Linear(width, width)
        # A bias would add the same to all scores of a query, and softmax would not see it.
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.distances = nn.Linear(4 * width, width)
        self.position_key = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.u = nn.Parameter(torch.empty(n_heads, 1, head_width))
        self.v = nn.Parameter(torch.empty(n_heads, 1, head_width))
        nn.init.normal_(self.u, std=head_width**-0.5)
        nn.init.normal_(self.v, std=head_width**-0.5)
        self.random = random

    def forward(self, queries: Tensor, tokens: Tensor, lattices: Lattices) -> Tensor:
        """queries (G, Q, H·E) for the first Q tokens of the lattices, tokens (G, K, H·E), to
        (G, Q, H·E)."""
        asking = self.split(self.query(queries))  # (G, H, Q, E)
        keys = self.split(self.key(tokens)).transpose(2, 3)  # (G, H, E, K)
        values = self.split(self.value(tokens))
        position_keys = self.position_keys(lattices, queries.shape[1])
        rows = (2 * lattices.n_characters - 1) * position_keys.step
        portion = max(1, MAX_SCORES // (len(queries) * self.n_heads * rows))
        answers = []
        for begin in range(0, queries.shape[1], portion):
            part = slice(begin, min(begin + portion, queries.shape[1]))
            own = asking[:, :, part]
            by_position = self.position_scores(own, position_keys, lattices, part)
            scores = ((own + self.u) @ keys + by_position) / self.head_width**0.5
            if self.random is not None:
                scores = scores + self.random(lattices.heads[:, part], lattices.heads)
            scores = scores.masked_fill(~lattices.valid[:, None, None], -torch.inf)
            answers.append(scores.softmax(dim=3) @ values)
        joined = torch.cat(answers, dim=2).transpose(1, 2).flatten(2)
        return self.norm(queries + self.output(joined))

    def split(self, rows: Tensor) -> Tensor:
        """(G, L, H·E) to (G, H, L, E)."""
        return rows.unflatten(2, (self.n_heads, self.head_width)).transpose(1, 2)

    def position_keys(self, lattices: Lattices, n_queries: int) -> PositionKeys:
        """The position keys for the first ``n_queries`` tokens of the lattices."""
        lengths, which = torch.unique(lattices.lengths, return_inverse=True)  # (k,), (G, K)
        reach = lattices.n_characters - 1
        farthest = reach + int(lengths[-1]) - 1
        waves = sinusoids(
            torch.arange(-farthest, farthest + 1, device=lengths.device),
            self.n_heads * self.head_width,
        )
        hh, ht, th, tt = (linear(waves, weight) for weight in self.distances.weight.chunk(4, dim=1))
        between = torch.arange(-reach, reach + 1, device=lengths.device)[:, None] + farthest
        of_length = {}
        for length in torch.unique(lattices.lengths[:, :n_queries]).tolist():
            summed = hh[between] + ht[between + 1 - lengths]  # (2C − 1, k, H·E)
            summed = summed + th[between + length - 1] + tt[between + length - lengths]
            related = relu(summed + self.distances.bias).flatten(0, 1)
            keys = self.position_key(related).unflatten(1, (self.n_heads, self.head_width))
            of_length[length] = keys.permute(1, 2, 0)
        offsets = (reach - lattices.heads) * len(lengths) + which
        return PositionKeys(of_length, offsets, len(lengths))

    def position_scores(
        self, asking: Tensor, position_keys: PositionKeys, lattices: Lattices, part: slice
    ) -> Tensor:
        """asking (G, H, Q, E), which are ``part`` of the tokens, to (G, H, Q, K)."""
        size = (len(asking), asking.shape[2])
        flat = asking.transpose(0, 1).flatten(1, 2) + self.v  # (H, G·Q, E)
        # Characters stand in the order of their heads, so a portion of them meets few rows.
        n = lattices.n_characters
        first, last = (part.start, part.stop - 1) if part.stop <= n else (0, n - 1)
        met = slice(first * position_keys.step, (last + n) * position_keys.step)
        heads = lattices.heads[:, part, None] - first
        rows = heads * position_keys.step + position_keys.offsets[:, None]
        rows = rows.flatten(0, 1)  # (G·Q, K)
        lengths = lattices.lengths[:, part].flatten()
        scores, order = [], []
        for length, keys in position_keys.of_length.items():
            own = (lengths == length).nonzero().squeeze(1)
            picked = rows[own].expand(self.n_heads, -1, -1)
            scores.append((flat[:, own] @ keys[:, :, met]).gather(2, picked))
            order.append(own)
        ordered = torch.cat(scores, dim=1)[:, torch.cat(order).argsort()]  # (H, G·Q, K)
        return ordered.unflatten(1, size).transpose(0, 1)


class FlatLayer(nn.Module):
    """Attention, then two linear layers at each place; both with a residual connection.

    n_heads, head_width, random: see ``LatticeAttention``.
    factor (int): how many times wider the rows are between the linear layers.
    """

    def __init__(
        self, n_heads: int, head_width: int, factor: int, random: nn.Module | None = None
    ) -> None:
        super().__init__()
        width = n_heads * head_width
        self.attention = LatticeAttention(n_heads, head_width, random)
        self.widen = nn.Linear(width, factor * width)
        self.narrow = nn.Linear(factor * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, tokens: Tensor, lattices: Lattices) -> Tensor:
        """As ``LatticeAttention.forward``."""
        rows = self.attention(queries, tokens, lattices)
        return self.norm(rows + self.narrow(relu(self.widen(rows))))


class Flat(nn.Module):
    """Context encoder with words: ``(N, width_in)`` characters to ``(N, n_heads · head_width)``.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon.
    word_width (int): width of a word vector.
    n_heads, head_width (int): of the attention.
    factor (int): how many times wider the feed-forward layer is in between.
    depth (int): stacked layers.
    """

    def __init__(
        self,
        width_in: int,
        n_words: int,
        word_width: int,
        n_heads: int,
        head_width: int,
        factor: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.width = n_heads * head_width
        self.words = nn.Embedding(n_words, word_width)
        self.from_characters = nn.Linear(width_in, self.width)
        self.from_words = nn.Linear(word_width, self.width)
        self.layers = nn.ModuleList(FlatLayer(n_heads, head_width, factor) for _ in range(depth))

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the characters of the sentences, packed end to end.
        dropout (float): applied to characters, words and the output, in training only.
        """
        vectors = sentences.embed_words(self.words)
        characters = self.from_characters(drop(rows, dropout, training=self.training))
        matched = self.from_words(drop(vectors, dropout, training=self.training))
        tokens = torch.cat([characters, matched])
        encoded = characters
        for lattices in lay_out(sentences, rows.device):
            layer = tokens[lattices.tokens]
            for depth, transform in enumerate(self.layers, start=1):
                is_last = depth == len(self.layers)
                queries = layer[:, : lattices.n_characters] if is_last else layer
                layer = transform(queries, layer, lattices)
            encoded = encoded.index_copy(0, lattices.rows, layer.flatten(0, 1)[lattices.slots])
        return drop(encoded, dropout, training=self.training)
