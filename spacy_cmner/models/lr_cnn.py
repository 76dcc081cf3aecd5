"""`spacy-cmner.LrCnn.v1`: convolutions over n-grams and words, with rethinking."""

from spacy_cmner.layers.lr_cnn import LrCnn
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_lr_cnn(
    characters: EmbedModel, hidden_width: int = 128, depth: int = 4, rethink: int = 2
) -> EmbedModel:
    """Encode characters by convolutions over ever longer n-grams, each with the word that it is.

    What the top layer has found is fed back to the lower ones, so that they weigh words that
    contradict each other anew. The equations are in ``layers.lr_cnn``.

    Other than in the paper, a second pyramid reads the sentence backwards, because an n-gram lies
    on one side of the character that it belongs to.

    The dropout rate of the training loop applies to characters, words and the output.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    hidden_width (int): filters of a layer in each reading direction; a row of the output has
        twice as many.
    depth (int): layers; words of up to depth + 1 characters are used.
    rethink (int): how many times the top layer is fed back.
    RAISES: CM333 for sizes that are not possible.
    Source: Gui et al. (2019), CNN-Based Chinese NER with Lexicon Rethinking.
    """
    check_sizes(hidden_width=hidden_width, depth=depth)
    check_sizes(0, rethink=rethink)
    return lexicon_layer(
        "lr_cnn",
        characters,
        LrCnn,
        read_words,
        encodes=True,
        hidden_width=hidden_width,
        depth=depth,
        rethink=rethink,
    )
