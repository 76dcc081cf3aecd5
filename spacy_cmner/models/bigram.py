"""`spacy-cmner.BigramEmbed.v1`: character bigrams, to be concatenated with other embeddings."""

from collections.abc import Callable

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.types import ArgsKwargs

from spacy_cmner.errors import Messages
from spacy_cmner.layers.bigram import Bigrams, bigram_keys
from spacy_cmner.models.local_global import read_codes
from spacy_cmner.models.scaling import deviation
from spacy_cmner.models.shim import shim_of, to_rows, to_torch, torch_model
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.types import EmbedModel, Rows


def build_bigram_embed() -> EmbedModel:
    """Embed each character together with the one that follows it in the sentence.

    The vectors come from the resources at initialisation and are trained further; those of other
    words than pairs of characters are left out. Use it beside an embedding of characters, under
    thinc's ``concatenate.v1``.

    RAISES: CM329 at initialisation if the resources have no pair of characters.
    """
    return torch_model(
        "bigram_embed",
        forward,
        init,
        Bigrams,
        dims={"nO": None},
        attrs={"takes_resources": True},
    )


def init(model: EmbedModel, X: list[Doc] | None = None, Y: Rows | None = None) -> None:
    resources = model.attrs.pop("resources", None) or Resources()
    known = resources.bigrams
    vectors = known.take([row for row, word in enumerate(known.words) if len(word) == 2])
    if not len(vectors):
        raise Messages.CM329.error(words=len(known))
    settings = {"n_bigrams": len(vectors) + 1, "width": vectors.dim}
    module = Bigrams(**settings)
    left, right = (torch.tensor([ord(word[i]) for word in vectors.words]) for i in (0, 1))
    keys, order = bigram_keys(left, right).sort()
    module.keys[1:] = keys
    scaled = torch.from_numpy(vectors.vectors.astype("float32"))[order]
    with torch.no_grad():
        module.embedding.weight[1:] = scaled * (0.5 / deviation(scaled))
        module.embedding.weight[0] = 0.0
    shim_of(model).set_module(settings, module)
    model.set_dim("nO", vectors.dim)


def forward(
    model: EmbedModel, docs: list[Doc], is_train: bool
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim = shim_of(model)
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    ends = (np.cumsum(lengths) - 1)[lengths > 0]
    inputs = (read_codes(docs, shim.device), torch.from_numpy(ends).to(shim.device))
    rows, backward = shim(ArgsKwargs(inputs, {}), is_train)

    def backprop(dY: Rows) -> list[Doc]:
        backward([rows], [to_torch(model, dY)])
        return []

    return to_rows(rows, lengths), backprop
