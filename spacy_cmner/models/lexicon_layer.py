"""The glue of the lexicon models: characters and the words found among them, to one module.

A lexicon model is a torch module over the rows of its character representation, with an embedding
``words`` of the lexicon, and a function that says which of the word occurrences it reads how.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import ArgsKwargs
from torch import nn

from spacy_cmner.models.scaling import deviation
from spacy_cmner.models.shim import TorchShim, shim_of, to_rows, to_torch
from spacy_cmner.models.words import WordMatcher
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.types import EmbedModel, Rows

# What the module is called with after the rows, for a batch packed end to end.
Read: TypeAlias = Callable[[WordMatcher, list[Doc], torch.device], tuple[Any, ...]]


def lexicon_layer(
    name: str,
    characters: EmbedModel,
    build: Callable[..., nn.Module],
    read: Read,
    *,
    encodes: bool = False,
    **settings: Any,
) -> EmbedModel:
    """Wrap a module that reads character rows together with the words of the sentences.

    The words, their counts and vectors come from the lexicon of the resources at initialisation;
    they are saved with the model, which trains the vectors further.

    name (str): of the layer.
    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves.
    build (Callable[..., nn.Module]): makes the module from ``width_in``, ``n_words``,
        ``word_width`` and ``settings``. The module has an ``nn.Embedding`` called ``words``, whose
        first ``n_words`` rows are filled here, and the ``width`` of its output.
    read (Callable): the module's further arguments.
    encodes (bool): whether the module is a context encoder as well, and so is called with the
        ``dropout`` rate of the training loop.
    settings (Any): saved with the weights.
    """
    attrs: dict[str, Any] = {"matcher": WordMatcher(), "takes_resources": True}
    if encodes:
        attrs["dropout_rate"] = 0.0
    return Model(
        name,
        partial(forward, read=read),
        init=partial(init, settings=settings),
        layers=[characters],
        shims=[TorchShim(build)],
        dims={"nO": None},
        attrs=attrs,
    )


def init(
    model: EmbedModel,
    X: list[Doc] | None = None,
    Y: Rows | None = None,
    *,
    settings: dict[str, Any],
) -> None:
    shim, characters = shim_of(model), model.layers[0]
    resources = model.attrs.pop("resources", None) or Resources()
    characters.initialize(X=X)
    vectors = resources.lexicon.vectors
    model.attrs["matcher"] = WordMatcher(vectors.words, resources.lexicon.counts)
    settings = {
        "width_in": characters.get_dim("nO"),
        "n_words": len(vectors),
        "word_width": vectors.dim,
        **settings,
    }
    module: Any = shim.build(**settings)
    scaled = vectors.vectors.astype("float32") / deviation(vectors.vectors)
    module.words.weight.data[: len(vectors)] = torch.from_numpy(scaled)
    shim.set_module(settings, module)
    model.set_dim("nO", module.width)


def forward(
    model: EmbedModel, docs: list[Doc], is_train: bool, *, read: Read
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim, characters = shim_of(model), model.layers[0]
    embedded, backprop_characters = characters(docs, is_train)
    lengths = [len(rows) for rows in embedded]
    rows = to_torch(model, embedded, requires_grad=is_train)
    inputs = read(model.attrs["matcher"], docs, shim.device)
    options = {}
    if "dropout_rate" in model.attrs:
        options["dropout"] = model.attrs["dropout_rate"] if is_train else 0.0
    output, backward = shim(ArgsKwargs((rows, *inputs), options), is_train)

    def backprop(dY: Rows) -> list[Doc]:
        backward([output], [to_torch(model, dY)])
        return backprop_characters(to_rows(rows.grad, lengths))

    return to_rows(output, lengths), backprop
