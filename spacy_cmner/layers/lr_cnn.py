"""A pyramid of convolutions over n-grams that takes in words and thinks twice.

Reference: Gui et al. (2019), CNN-Based Chinese NER with Lexicon Rethinking.

Layer l reads two neighbours of the layer below, so that its place m stands for the n-gram of l + 1
characters from m on; a word of that length is attached there, w^l_m (zero where there is none):

    C^l_m = tanh(H^l [X^{l−1}_m ⊕ X^{l−1}_{m+1}])                 X^0: the characters
    i, f  = softmax(σ(W [C^l_m ⊕ w^l_m]))    u = tanh(W_u [C^l_m ⊕ w^l_m])
    X^l_m = i ⊙ u + f ⊙ C^l_m

The top of the pyramid has seen all words, also those that contradict each other. It is fed back and
the layers are computed again, with a third gate:

    i, f, r = softmax(σ(V [C^l_m ⊕ w^l_m ⊕ X^L_m]))    X^l_m = i ⊙ u + f ⊙ C^l_m + r ⊙ X^L_m

In the end each character takes the n-grams of all layers, weighted by attention over the layers.

The n-grams from m on lie on the right of a character. As bidirectional models do, a second pyramid
reads the sentence backwards: its n-grams, and the words attached to them, end at the character.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from spacy_cmner.layers.sentences import Sentences, neighbour_rows


class WordGate(nn.Module):
    """Weighs an n-gram, the word that it is and, when rethinking, what the top layer knew.

    hidden_width (int): H, width of an n-gram.
    word_width (int): of a word vector.
    rethinks (bool): whether it is given the top layer.
    """

    def __init__(self, hidden_width: int, word_width: int, *, rethinks: bool) -> None:
        super().__init__()
        gates, width = (3, 2 * hidden_width) if rethinks else (2, hidden_width)
        self.gates = nn.Linear(width + word_width, gates * hidden_width)
        self.candidate = nn.Linear(hidden_width + word_width, hidden_width)

    def forward(self, grams: Tensor, words: Tensor, *top: Tensor) -> Tensor:
        """grams (N, H), words (N, word_width) and, when rethinking, top (N, H), to (N, H)."""
        candidate = torch.tanh(self.candidate(torch.cat([grams, words], dim=1)))
        offered = torch.stack([candidate, grams, *top], dim=1)  # (N, 2 or 3, H)
        gates = torch.sigmoid(self.gates(torch.cat([grams, words, *top], dim=1)))
        return (gates.view_as(offered).softmax(dim=1) * offered).sum(dim=1)


class Pyramid(nn.Module):
    """One reading direction: ``(N, width_in)`` characters to ``(N, hidden_width)``.

    width_in, word_width, hidden_width (int): of characters, words and n-grams.
    depth (int): L layers, for n-grams of 2 to L + 1 characters.
    rethink (int): how many times the top layer is fed back.
    """

    def __init__(
        self, width_in: int, word_width: int, hidden_width: int, depth: int, rethink: int
    ) -> None:
        super().__init__()
        self.rethink = rethink
        widths = [width_in] + [hidden_width] * (depth - 1)
        self.convolutions = nn.ModuleList(nn.Linear(2 * width, hidden_width) for width in widths)
        self.gates = nn.ModuleList(
            WordGate(hidden_width, word_width, rethinks=False) for _ in range(depth)
        )
        self.rethinking_gates = nn.ModuleList(
            WordGate(hidden_width, word_width, rethinks=True) for _ in range(depth * (rethink > 0))
        )
        # A bias would be the same for all layers, and softmax would not see it.
        self.attention = nn.Linear(hidden_width, 1, bias=False)

    def forward(self, characters: Tensor, neighbours: Tensor, words: list[Tensor]) -> Tensor:
        """characters (N, width_in); neighbours (N,): place of the next character to read, N if
        there is none; words: for each layer, the vectors (N, word_width) of its words."""
        layers = self.read(characters, neighbours, words, self.gates)
        for _ in range(self.rethink):
            layers = self.read(characters, neighbours, words, self.rethinking_gates, layers[-1])
        scales = torch.stack(layers, dim=1)  # (N, L, H)
        return (self.attention(scales).softmax(dim=1) * scales).sum(dim=1)

    def read(
        self,
        characters: Tensor,
        neighbours: Tensor,
        words: list[Tensor],
        gates: nn.ModuleList,
        *top: Tensor,
    ) -> list[Tensor]:
        """Compute all layers once."""
        layers = []
        rows = characters
        for convolution, gate, vectors in zip(self.convolutions, gates, words, strict=True):
            pairs = torch.cat([rows, neighbour_rows(rows, neighbours)], dim=1)
            rows = gate(torch.tanh(convolution(pairs)), vectors, *top)
            layers.append(rows)
        return layers


class LrCnn(nn.Module):
    """Context encoder with words: ``(N, width_in)`` characters to ``(N, 2 · hidden_width)``.

    width_in (int): width of the character representations.
    n_words (int): words of the lexicon; those of more than depth + 1 characters have no n-gram.
    word_width (int): width of a word vector.
    hidden_width, depth, rethink (int): see ``Pyramid``.
    """

    def __init__(
        self,
        width_in: int,
        n_words: int,
        word_width: int,
        hidden_width: int,
        depth: int,
        rethink: int,
    ) -> None:
        super().__init__()
        self.width = 2 * hidden_width
        self.depth = depth
        self.words = nn.Embedding(n_words, word_width)
        self.forwards = Pyramid(width_in, word_width, hidden_width, depth, rethink)
        self.backwards = Pyramid(width_in, word_width, hidden_width, depth, rethink)

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """Encode.

        rows (N, width_in): the characters of the sentences, packed end to end.
        dropout (float): applied to characters, words and the output, in training only.
        """
        n = len(rows)
        vectors = sentences.embed_words(self.words)
        rows, vectors = (drop(each, dropout, training=self.training) for each in (rows, vectors))
        following, previous = sentences.neighbours(rows.device)
        sizes = sentences.ends - sentences.starts
        encoded = []
        for pyramid, neighbours, places in (
            (self.forwards, following, sentences.starts),
            (self.backwards, previous, sentences.ends - 1),
        ):
            layers = []
            for size in range(2, self.depth + 2):
                own = np.flatnonzero(sizes == size)
                where, which = (torch.from_numpy(i).to(rows.device) for i in (places[own], own))
                empty = vectors.new_zeros((n, vectors.shape[1]))
                layers.append(empty.index_copy(0, where, vectors[which]))
            encoded.append(pyramid(rows, neighbours, layers))
        return drop(torch.cat(encoded, dim=1), dropout, training=self.training)
