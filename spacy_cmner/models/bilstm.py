"""`spacy-cmner.BiLSTMEncoder.v1`: the context encoder of the paper as a thinc layer."""

from spacy_cmner.layers.bilstm import BiLSTM
from spacy_cmner.models.encoder_layer import encoder_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.types import EncodeModel


def build_bilstm_encoder(hidden_width: int, depth: int = 1) -> EncodeModel:
    """Encode each sequence of character rows in its context by a bidirectional LSTM.

    The dropout rate of the training loop applies to the input of each layer and to the output.

    hidden_width (int): units in each direction; a row of the output has twice as many.
    depth (int): stacked layers.
    RAISES: CM333 for sizes that are not possible.
    Source: the paper, Methodology (Bi-LSTM); Huang, Xu and Yu (2015).
    """
    check_sizes(hidden_width=hidden_width, depth=depth)
    return encoder_layer(
        "bilstm_encoder", BiLSTM, 2 * hidden_width, hidden_width=hidden_width, depth=depth
    )
