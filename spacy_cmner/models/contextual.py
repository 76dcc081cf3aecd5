"""`spacy-cmner.ContextualEmbed.v1`: any character representation, with the sentence's words."""

from collections.abc import Callable

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import ArgsKwargs
from thinc.util import torch2xp, xp2torch

from spacy_cmner.layers.contextual import WordContext
from spacy_cmner.models.shim import TorchShim
from spacy_cmner.models.words import WordMatcher, places
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.types import EmbedModel, Rows


def build_contextual_embed(characters: EmbedModel) -> EmbedModel:
    """Add to each character the lexicon words that stand in the sentence, under one gate.

    The words, their counts and vectors come from the lexicon of the resources at initialisation;
    they are saved with the model, which trains the vectors further.

    characters (Model[List[Doc], List[Floats2d]]): represents the characters themselves, such as
        ``spacy-cmner.LocalGlobalEmbed.v1``.
    Source: the paper's global representation with the word sets of SoftLexicon (Ma et al., 2020).
    """
    return Model(
        "contextual_embed",
        forward,
        init=init,
        layers=[characters],
        shims=[TorchShim(WordContext)],
        dims={"nO": None},
        attrs={"matcher": WordMatcher(), "takes_resources": True},
    )


def init(model: EmbedModel, X: list[Doc] | None = None, Y: Rows | None = None) -> None:
    shim, characters = model.shims[0], model.layers[0]
    resources = model.attrs.pop("resources", None) or Resources()
    if shim.is_built:
        return
    characters.initialize(X=X)
    vectors = resources.lexicon.vectors
    model.attrs["matcher"] = WordMatcher(vectors.words, vectors.counts)
    settings = {
        "width_in": characters.get_dim("nO"),
        "n_words": len(vectors),
        "word_width": vectors.dim,
    }
    module = WordContext(**settings)
    scaled = vectors.vectors.astype("float32") / vectors.vectors.std()
    module.words.weight.data.copy_(torch.from_numpy(scaled))
    shim.set_module(settings, module)
    model.set_dim("nO", module.width)


def forward(
    model: EmbedModel, docs: list[Doc], is_train: bool
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim, characters = model.shims[0], model.layers[0]
    embedded, backprop_characters = characters(docs, is_train)
    lengths = [len(rows) for rows in embedded]
    rows = xp2torch(model.ops.flatten(embedded), requires_grad=is_train, device=shim.device)
    words, slots, weights = word_sets(model, docs)
    inputs = [torch.from_numpy(array).to(shim.device) for array in (words, slots, weights)]
    output, backward = shim(ArgsKwargs((rows, *inputs), {}), is_train)

    def backprop(dY: Rows) -> list[Doc]:
        gradient = xp2torch(model.ops.flatten(dY), device=shim.device)
        backward(ArgsKwargs(((output,),), {"grad_tensors": (gradient,)}))
        return backprop_characters(model.ops.unflatten(torch2xp(rows.grad), lengths))

    return model.ops.unflatten(torch2xp(output.detach()), lengths), backprop


def word_sets(model: EmbedModel, docs: list[Doc]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The words, slots and weights that ``WordContext`` takes, for a batch packed end to end."""
    matcher: WordMatcher = model.attrs["matcher"]
    found = places(matcher(docs))
    slots = 4 * found.characters + found.places
    weights = matcher.counts[found.words]
    totals = np.bincount(slots, weights=weights)
    return found.words, slots, (weights / totals[slots]).astype("float32")
