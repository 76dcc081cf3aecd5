"""`spacy-cmner.CharTableEmbed.v1`: a trained character representation, compiled into a table."""

from collections.abc import Callable

import numpy as np
from spacy.tokens import Doc
from thinc.types import ArgsKwargs

from spacy_cmner.errors import Messages
from spacy_cmner.layers.char_table import CharTable
from spacy_cmner.models.local_global import read_codes
from spacy_cmner.models.shim import shim_of, to_rows, torch_model
from spacy_cmner.types import EmbedModel, Rows


def build_char_table_embed() -> EmbedModel:
    """Embed each character by looking its finished representation up.

    Such a layer is not trained: ``models.compile`` makes it from a trained
    ``spacy-cmner.LocalGlobalEmbed.v1``, and it stays as it is when the layers above it are trained
    further. A character that the compiled layer had in none of its tables has the representation
    that it had there, which is that of the unknown character.
    """
    return torch_model("char_table_embed", forward, init, CharTable, dims={"nO": None}, attrs={})


def init(model: EmbedModel, X: list[Doc] | None = None, Y: Rows | None = None) -> None:
    """RAISES: CM317, as only compiling makes a table."""
    if not shim_of(model).is_built:
        raise Messages.CM317.error(layer=model.name)


def forward(
    model: EmbedModel, docs: list[Doc], is_train: bool
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim = shim_of(model)
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    rows = shim.predict(ArgsKwargs((read_codes(docs, shim.device),), {}))
    return to_rows(rows, lengths), lambda dY: []
