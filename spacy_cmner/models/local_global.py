"""`spacy-cmner.LocalGlobalEmbed.v1`: the paper's character representation as a thinc layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.types import ArgsKwargs
from torch import nn
from torch.nn.functional import interpolate

from spacy_cmner.errors import Messages
from spacy_cmner.layers.local_global import SPATIAL_KERNEL, Fusion, Integration, LocalGlobal
from spacy_cmner.models.scaling import deviation
from spacy_cmner.models.shim import shim_of, to_rows, to_torch, torch_model
from spacy_cmner.models.sizes import check_sizes
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.resources.vectors import Vectors
from spacy_cmner.tokenizer import code_points
from spacy_cmner.types import EmbedModel, Rows

# Deviation of the Char2Vec embeddings at initialisation.
CHAR2VEC_DEVIATION = 0.5


def build_local_global_embed(
    char2vec: bool = True,
    spatial: bool = True,
    sequential: bool = True,
    use_global: bool = True,
    fusion: Fusion = "autoencoder",
    integration: Integration = "gated_concat",
    local_width: int = 128,
    reconstruction_weight: float = 0.1,
    image_size: int = 12,
    channels: int = 128,
    stride: int = 1,
    n_components: int = 4,
    component_width: int = 30,
    width: int | None = None,
) -> EmbedModel:
    """Embed each character by what it is, looks like, is made of and does in medical words.

    The local representation fuses up to three vectors of a character: its trained embedding
    (Char2Vec), its images in several fonts and the sequence of its components. The global
    representation is the count-weighted mean of the vectors of the domain words that hold the
    character, apart for its place in them (begin, middle, end, alone). The tables come from the
    resources at initialisation and are saved with the model.

    char2vec, spatial, sequential, use_global (bool): switch the parts on or off (Table 4).
    fusion (str): autoencoder, concat, sum or projection (Table 5).
    integration (str): gated_concat, gated_add, concat or add (Table 6).
    local_width (int): width of the local representation, except with concat (Figure 3).
    reconstruction_weight (float): λ, the weight of the autoencoder's loss.
    image_size (int): side length in pixels to which the images are reduced.
    channels, stride (int): filters and stride of the spatial encoder's first convolution.
    n_components (int): K, the components read of a character, radical first.
    component_width (int): width of a component's embedding and of the sequential vector.
    width (Optional[int]): project the whole to this width, which makes what reads it faster; a
        compiled table holds the projected vectors.
    RAISES: CM314 if all parts are off, CM315 for channels that the spatial encoder cannot group,
        CM333 for sizes that are not possible; those of a part that is off do not matter. CM337 at
        initialisation if the resources have no vector of a character.
    Source: the paper, Methodology.
    """
    if not (char2vec or spatial or sequential or use_global):
        raise Messages.CM314.error()
    check_sizes(or_none=True, width=width)
    if spatial:
        check_sizes(SPATIAL_KERNEL, image_size=image_size)
        check_sizes(channels=channels, stride=stride)
        if channels % 64:
            raise Messages.CM315.error(channels=channels)
    if sequential:
        check_sizes(n_components=n_components, component_width=component_width)
    if fusion != "concat" and (char2vec or spatial or sequential):
        check_sizes(local_width=local_width)
    return torch_model(
        "local_global_embed",
        forward,
        init,
        LocalGlobal,
        dims={"nO": None},
        attrs={
            "char2vec": char2vec,
            "spatial": spatial,
            "sequential": sequential,
            "use_global": use_global,
            "fusion": fusion,
            "integration": integration,
            "local_width": local_width,
            "image_size": image_size,
            "channels": channels,
            "stride": stride,
            "n_components": n_components,
            "component_width": component_width,
            "width": width,
            "reconstruction_weight": reconstruction_weight,
            "auxiliary_losses": {},
            "takes_resources": True,
        },
    )


def init(model: EmbedModel, X: list[Doc] | None = None, Y: Rows | None = None) -> None:
    """Build the tables from the resources the component has set, else from those that ship."""
    resources = model.attrs.pop("resources", None) or Resources()
    module, settings = build_module(model.attrs, resources)
    shim_of(model).set_module(settings, module)
    model.set_dim("nO", module.width)


def build_module(attrs: dict[str, Any], resources: Resources) -> tuple[LocalGlobal, dict]:
    """The module with its tables filled: one row for each character that any table in use
    knows."""
    known: set[str] = set()
    settings: dict[str, Any] = {
        "char_width": None,
        "fonts": None,
        "image_size": attrs["image_size"],
        "channels": attrs["channels"],
        "stride": attrs["stride"],
        "n_components": None,
        "n_parts": 1,
        "component_width": attrs["component_width"],
        "fusion": attrs["fusion"],
        "local_width": attrs["local_width"],
        "word_width": None,
        "integration": attrs["integration"],
        "width": attrs["width"],
    }
    if attrs["char2vec"]:
        known.update(word for word in resources.vectors.words if len(word) == 1)
        if not known:
            raise Messages.CM337.error(words=len(resources.vectors))
        settings["char_width"] = resources.vectors.dim
    if attrs["spatial"]:
        known.update(resources.glyphs.chars)
        settings["fonts"] = len(resources.glyphs.fonts)
    if attrs["sequential"]:
        components = resources.components.with_k(attrs["n_components"])
        known.update(components.chars)
        settings.update(n_components=components.ids.shape[1], n_parts=len(components.parts))
    if attrs["use_global"]:
        known.update(*resources.lexicon.vectors.words)
        settings["word_width"] = resources.lexicon.vectors.dim
    chars = sorted(known)
    settings["n_chars"] = len(chars) + 1
    module = LocalGlobal(**settings)
    row = {char: i for i, char in enumerate(chars, start=1)}
    module.code_points[1:] = torch.tensor([ord(char) for char in chars])
    if module.char2vec is not None:
        fill_char2vec(module.char2vec, row, resources.vectors)
    if attrs["spatial"]:
        glyphs = resources.glyphs
        size = (attrs["image_size"], attrs["image_size"])
        images = interpolate(torch.from_numpy(glyphs.images).float(), size=size, mode="area")
        module.images[[row[char] for char in glyphs.chars]] = images.round().to(torch.uint8)
    if attrs["sequential"]:
        ids = torch.from_numpy(components.ids.astype("int16"))
        module.components[[row[char] for char in components.chars]] = ids
    if attrs["use_global"]:
        words = resources.lexicon.char_table(chars).reshape(len(chars), -1)
        module.words[1:] = torch.from_numpy(words / deviation(words[words != 0]))
    return module, settings


def fill_char2vec(embedding: nn.Embedding, row: dict[str, int], pretrained: Vectors) -> None:
    """Pretrained vectors where there are any, scaled to the deviation of the others' random
    ones."""
    rows, sources = [], []
    for i, word in enumerate(pretrained.words):
        if word in row:
            rows.append(row[word])
            sources.append(i)
    vectors = torch.from_numpy(pretrained.vectors[sources].astype("float32"))
    with torch.no_grad():
        nn.init.normal_(embedding.weight, std=CHAR2VEC_DEVIATION)
        embedding.weight[rows] = vectors * (CHAR2VEC_DEVIATION / deviation(vectors))


def read_codes(docs: list[Doc], device: torch.device) -> torch.Tensor:
    """The code points (N,) of a batch, whose tokens must be single characters."""
    codes = code_points(docs)
    if codes is None:
        raise Messages.CM316.error(text=docs[0].text[:30])
    return torch.from_numpy(codes).to(device)


def forward(
    model: EmbedModel, docs: list[Doc], is_train: bool
) -> tuple[Rows, Callable[[Rows], list[Doc]]]:
    shim = shim_of(model)
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    codes = read_codes(docs, shim.device)
    (rows, error), backward = shim(ArgsKwargs((codes,), {}), is_train)

    def backprop(dY: Rows) -> list[Doc]:
        if not rows.requires_grad:
            return []
        outputs, gradients = [rows], [to_torch(model, dY)]
        if error.requires_grad:
            # The tagger's loss is a mean over the batch and so is this one.
            model.attrs["auxiliary_losses"]["reconstruction"] = float(error.detach())
            outputs.append(error)
            gradients.append(error.new_full((1,), model.attrs["reconstruction_weight"]))
        backward(outputs, gradients)
        return []

    return to_rows(rows, lengths), backprop
