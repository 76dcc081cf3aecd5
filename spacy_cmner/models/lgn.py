"""`spacy-cmner.Lgn.v1`: a graph neural network over characters, words and the sentence."""

from spacy_cmner.layers.lgn import Lgn
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_lgn(
    characters: EmbedModel,
    hidden_width: int = 50,
    n_heads: int = 10,
    head_width: int = 20,
    iterations: int = 4,
) -> EmbedModel:
    """Let characters, words and the whole sentence tell each other what they know, in a graph.

    Words are the edges between their first and last characters; a global node, tied to all,
    carries what is far away. The equations are in ``layers.lgn``.

    Where the paper leaves room: a word's vector is projected to the width of the states, the
    attention is of scaled dot products, and each reading direction has a global node of its own.

    The dropout rate of the training loop applies to characters, words and the output.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    hidden_width (int): of the states in each direction; a row of the output has twice as many.
    n_heads, head_width (int): of the attention.
    iterations (int): how often all states are updated.
    RAISES: CM333 for sizes that are not possible.
    Source: Gui et al. (2019), A Lexicon-Based Graph Neural Network for Chinese NER.
    """
    check_sizes(hidden_width=hidden_width, n_heads=n_heads, head_width=head_width)
    check_sizes(0, iterations=iterations)
    return lexicon_layer(
        "lgn",
        characters,
        Lgn,
        read_words,
        encodes=True,
        hidden_width=hidden_width,
        n_heads=n_heads,
        head_width=head_width,
        iterations=iterations,
    )
