"""`spacy-cmner.LatticeLstm.v1`: an LSTM over characters with cells for the words between them."""

from spacy_cmner.layers.lattice_lstm import LatticeLstm
from spacy_cmner.models.lexicon_layer import lexicon_layer
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.models.words import read_words
from spacy_cmner.types import EmbedModel


def build_lattice_lstm(characters: EmbedModel, hidden_width: int = 200) -> EmbedModel:
    """Encode characters by a bidirectional LSTM into which the matched words flow.

    Each word has a cell of its own, from its first character's state, that feeds the cell of its
    last character through a gate; the equations are in ``layers.lattice_lstm``. With glyph vectors
    among the characters this is Lattice + Glyce (configs/lattice_glyce.cfg).

    The gates of a character's cell are coupled everywhere, f = 1 - i, as the paper's are where
    words end. A word of one character has no cell.

    The dropout rate of the training loop applies to characters, words and the output.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    hidden_width (int): units in each direction; a row of the output has twice as many.
    RAISES: CM333 for sizes that are not possible.
    Source: Zhang and Yang (2018), Chinese NER Using Lattice LSTM; Meng et al. (2019), Glyce.
    """
    check_sizes(hidden_width=hidden_width)
    return lexicon_layer(
        "lattice_lstm",
        characters,
        LatticeLstm,
        read_words,
        encodes=True,
        hidden_width=hidden_width,
    )
