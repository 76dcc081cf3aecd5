"""`spacy-cmner.IdcnnEncoder.v1`: iterated dilated convolutions as a context encoder."""

from collections.abc import Sequence

from spacy_cmner.layers.idcnn import Idcnn
from spacy_cmner.models.encoder_layer import encoder_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.types import EncodeModel


def build_idcnn_encoder(
    filters: int = 300, dilations: Sequence[int] = (1, 2, 1), repeats: int = 4
) -> EncodeModel:
    """Encode each sequence of character rows in its context by iterated dilated convolutions.

    A block of convolutions with growing dilation sees a wide context with few weights, and is
    applied several times with the same weights; the equations are in ``layers.idcnn``. The block
    starts as the identity.

    Other than in the paper, the loss after every repeat of the block is left out, as a tok2vec
    layer has one output, and so is the penalty on what dropout changes.

    The dropout rate of the training loop applies to the input and to the output.

    filters (int): of each convolution, and the width of a row of the output.
    dilations (Sequence[int]): of the convolutions of the block.
    repeats (int): how often the block is applied.
    RAISES: CM333 for sizes that are not possible.
    Source: Strubell et al. (2017), Fast and Accurate Entity Recognition with Iterated Dilated
        Convolutions.
    """
    check_sizes(filters=filters, dilations=dilations)
    check_sizes(0, repeats=repeats)
    return encoder_layer(
        "idcnn_encoder",
        Idcnn,
        filters,
        filters=filters,
        dilations=list(dilations),
        repeats=repeats,
    )
