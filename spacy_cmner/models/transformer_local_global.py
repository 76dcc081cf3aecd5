"""`spacy-cmner.TransformerLocalGlobal.v1`: a transformer's vectors, and what a character is."""

from collections.abc import Callable

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import ArgsKwargs

from spacy_cmner.layers.local_global import GatedIntegration, Integration
from spacy_cmner.models.shim import TorchShim, shim_of, to_rows, to_torch
from spacy_cmner.types import EmbedModel, Rows, Tok2VecModel


def build_transformer_local_global(
    transformer: Tok2VecModel,
    characters: EmbedModel,
    integration: Integration = "gated_concat",
) -> Tok2VecModel:
    """Fuse a transformer's vectors of characters in their text with the characters' own.

    A transformer knows a character by its contexts alone. How it looks, what it is made of and
    where it stands in medical words join it here, under the gate that integrates the local with
    the global representation in the paper: each of the two is weighed by what both say.

    transformer (Model[List[Doc], List[Floats2d]]): one row a character, such as
        ``spacy-transformers.TransformerListener.v1``.
    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves, such as
        ``spacy-cmner.LocalGlobalEmbed.v1``.
    integration (str): gated_concat, gated_add, concat or add. Adding gives rows of the width of
        ``characters``.
    Source: the paper, Methodology (gated integration).
    """
    return Model(
        "transformer_local_global",
        forward,
        init=init,
        layers=[transformer, characters],
        shims=[TorchShim(GatedIntegration)],
        dims={"nO": None},
        attrs={"integration": integration},
    )


def init(model: Tok2VecModel, X: list[Doc] | None = None, Y: Rows | None = None) -> None:
    transformer, characters = model.layers
    transformer.initialize(X=X)
    characters.initialize(X=X)
    width = transformer.maybe_get_dim("nO")
    if width is None and X is not None:
        width = transformer.predict(X)[0].shape[1]
    settings = {
        "method": model.attrs["integration"],
        "local_width": characters.get_dim("nO"),
        "global_width": width,
    }
    module = GatedIntegration(**settings)
    shim_of(model).set_module(settings, module)
    model.set_dim("nO", module.width)


def forward(
    model: Tok2VecModel, docs: list[Doc], is_train: bool
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim = shim_of(model)
    transformer, characters = model.layers
    own, backprop_own = characters(docs, is_train)
    contextual, backprop_contextual = transformer(docs, is_train)
    lengths = [len(doc) for doc in docs]
    inputs = tuple(to_torch(model, rows, requires_grad=is_train) for rows in (own, contextual))
    output, backward = shim(ArgsKwargs(inputs, {}), is_train)

    def backprop(dY: Rows) -> list[Doc]:
        backward([output], [to_torch(model, dY)])
        d_own, d_contextual = (to_rows(rows.grad, lengths) for rows in inputs)
        backprop_own(d_own)
        return backprop_contextual(d_contextual)

    return to_rows(output, lengths), backprop
