"""`spacy-cmner.Flat.v1`: the flat-lattice transformer over any character representation."""

from spacy_cmner.layers.flat import Flat
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_flat(
    characters: EmbedModel,
    n_heads: int = 8,
    head_width: int = 20,
    factor: int = 3,
    depth: int = 1,
) -> EmbedModel:
    """Let the characters and the matched words of a sentence attend to each other.

    The attention knows four distances of two tokens, between their first and last characters, so
    that it can tell whether a word holds a character, touches or crosses another word; the
    equations are in ``layers.flat``. One row a character comes out.

    Other than in the original, dropout is at characters, words and output alone, and bigrams are
    left out: ``spacy-cmner.BigramEmbed.v1`` can stand among the characters.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    n_heads, head_width (int): of the attention; a row of the output is n_heads · head_width wide.
    factor (int): how many times wider the feed-forward layer is in between.
    depth (int): stacked layers; the paper has one.
    RAISES: CM333 for sizes that are not possible.
    Source: Li et al. (2020), FLAT: Chinese NER Using Flat-Lattice Transformer.
    """
    check_sizes(n_heads=n_heads, head_width=head_width, factor=factor, depth=depth)
    return lexicon_layer(
        "flat",
        characters,
        Flat,
        read_words,
        encodes=True,
        n_heads=n_heads,
        head_width=head_width,
        factor=factor,
        depth=depth,
    )
