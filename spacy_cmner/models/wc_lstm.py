"""`spacy-cmner.WcLstm.v1`: an LSTM that reads a word beside each character."""

from spacy_cmner.layers.wc_lstm import Strategy, WcLstm
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_wc_lstm(
    characters: EmbedModel, hidden_width: int = 200, strategy: Strategy = "attention"
) -> EmbedModel:
    """Encode characters and the words just read by a bidirectional LSTM.

    Forwards, a character comes with the matched words that end at it, backwards with those that
    begin at it. However many they are, a strategy makes one vector of them, so that sequences of
    any number can be computed together; the equations are in ``layers.wc_lstm``. A character
    at which no word of two or more characters ends, or begins, comes with a learned vector, NONE.

    The dropout rate of the training loop applies to the input of the LSTM and to the output.

    The paper explores four strategies: shortest, longest, average and (self-)attention; cnn is a
    fifth beside them.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    hidden_width (int): units in each direction; a row of the output has twice as many.
    strategy (str): shortest, longest, average, cnn or attention.
    RAISES: CM333 for sizes that are not possible.
    Source: Liu et al. (2019), An Encoding Strategy Based Word-Character LSTM for Chinese NER.
    """
    check_sizes(hidden_width=hidden_width)
    return lexicon_layer(
        "wc_lstm",
        characters,
        WcLstm,
        read_words,
        encodes=True,
        hidden_width=hidden_width,
        strategy=strategy,
    )
