"""The cross-transformer: a stream of characters and words, and one of their components.

Reference: Wu et al. (2021), MECT: Multi-Metadata Embedding based Cross-Transformer for Chinese
Named Entity Recognition; the attention within is that of FLAT (``layers.flat``), the random one
that of Tay et al. (2021), Synthesizer.

With C the flat lattice of characters and words, and R the component vectors of the characters, each
stream asks the other for what it knows:

    A_C = scores of C's queries against R's keys,  A_R = scores of R's queries against C's keys
    y_C = softmax(A_C + B_C) V_R,                  y_R = softmax(A_R + B_R) V_C

both with FLAT's four distances, and the rows of a character from both are joined. B is learned and
does not look at the tokens. The original has a number for each pair of positions of its longest
training sentence; here it is the product of two thin factors (Synthesizer's factorized form), whose
rows are used again from the start beyond the last position, so sentences may have any length.

Words have no components: R has only the characters, and only their rows ask.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from spacy_cmner.layers.flat import FlatLayer, lay_out
from spacy_cmner.layers.sentences import Sentences


class RandomAttention(nn.Module):
    """Scores that depend on two positions only, learned from a random start.

    n_heads (int): H heads.
    positions (int): P positions with rows of their own; position P has the row of 0 again.
    rank (int): width of the two factors.
    """

    def __init__(self, n_heads: int, positions: int = 512, rank: int = 8) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.empty(n_heads, positions, rank))
        self.keys = nn.Parameter(torch.empty(n_heads, positions, rank))
        nn.init.normal_(self.queries, std=rank**-0.5)
        nn.init.normal_(self.keys, std=rank**-0.5)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """Positions asking (G, Q) and asked (G, K), to (G, H, Q, K)."""
        positions = self.queries.shape[1]
        queries = self.queries[:, asking % positions]  # (H, G, Q, rank)
        keys = self.keys[:, asked % positions]
        return (queries @ keys.transpose(2, 3)).transpose(0, 1)


class Mect(nn.Module):
    """Context encoder with words and components: ``(N, width_in)`` characters to
    ``(N, 2 · n_heads · head_width)``.

    width_in (int): width of the character representations with their component vectors.
    component_width (int): how much of it, at its end, are the component vectors.
    n_words (int): words of the lexicon.
    word_width (int): width of a word vector.
    n_heads, head_width, factor (int): see ``FlatLayer``.
    """

    def __init__(
        self,
        width_in: int,
        n_words: int,
        word_width: int,
        component_width: int,
        n_heads: int,
        head_width: int,
        factor: int,
    ) -> None:
        super().__init__()
        width = n_heads * head_width
        self.width = 2 * width
        self.widths = [width_in - component_width, component_width]
        self.words = nn.Embedding(n_words, word_width)
        self.from_characters = nn.Linear(self.widths[0], width)
        self.from_words = nn.Linear(word_width, width)
        self.from_components = nn.Linear(component_width, width)
        self.ask_components = FlatLayer(n_heads, head_width, factor, RandomAttention(n_heads))
        self.ask_lattice = FlatLayer(n_heads, head_width, factor, RandomAttention(n_heads))

    def forward(self, rows: Tensor, sentences: Sentences, dropout: float = 0.0) -> Tensor:
        """See ``Flat.forward``."""
        vectors = sentences.embed_words(self.words)
        rows, vectors = (drop(each, dropout, training=self.training) for each in (rows, vectors))
        characters, components = rows.split(self.widths, dim=1)
        tokens = torch.cat([self.from_characters(characters), self.from_words(vectors)])
        components = self.from_components(components)
        encoded = torch.cat([tokens[: len(rows)], components], dim=1)
        for lattices in lay_out(sentences, rows.device):
            lattice = tokens[lattices.tokens]
            front = lattices.only_characters()
            parts = components[front.tokens]
            from_components = self.ask_components(lattice[:, : lattices.n_characters], parts, front)
            from_lattice = self.ask_lattice(parts, lattice, lattices)
            both = torch.cat([from_components, from_lattice], dim=2)
            encoded = encoded.index_copy(0, lattices.rows, both.flatten(0, 1)[lattices.slots])
        return drop(encoded, dropout, training=self.training)
