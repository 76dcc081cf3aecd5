"""`spacy-cmner.BiLSTMEncoder.v1`: the context encoder of the paper as a thinc layer."""

from collections.abc import Callable

import numpy as np
from thinc.types import ArgsKwargs
from thinc.util import torch2xp, xp2torch

from spacy_cmner.layers.bilstm import BiLSTM
from spacy_cmner.models.shim import torch_model
from spacy_cmner.types import EncodeModel, Rows


def build_bilstm_encoder(hidden_width: int, depth: int = 1) -> EncodeModel:
    """Encode each sequence of character rows in its context by a bidirectional LSTM.

    The dropout rate of the training loop applies to the input of each layer and to the output.

    hidden_width (int): units in each direction; a row of the output has twice as many.
    depth (int): stacked layers.
    Source: the paper, Methodology (Bi-LSTM); Huang, Xu and Yu (2015).
    """
    return torch_model(
        "bilstm_encoder",
        forward,
        init,
        BiLSTM,
        dims={"nI": None, "nO": 2 * hidden_width},
        attrs={"hidden_width": hidden_width, "depth": depth, "dropout_rate": 0.0},
    )


def init(model: EncodeModel, X: Rows | None = None, Y: Rows | None = None) -> None:
    if model.has_dim("nI") is None and X is not None:
        model.set_dim("nI", X[0].shape[1])
    settings = {
        "width_in": model.get_dim("nI"),
        "hidden_width": model.attrs["hidden_width"],
        "depth": model.attrs["depth"],
    }
    model.shims[0].set_module(settings, BiLSTM(**settings))


def forward(model: EncodeModel, X: Rows, is_train: bool) -> tuple[Rows, Callable[[Rows], Rows]]:
    shim = model.shims[0]
    lengths = np.asarray([len(rows) for rows in X])
    rows = xp2torch(model.ops.flatten(X), requires_grad=is_train, device=shim.device)
    dropout = model.attrs["dropout_rate"] if is_train else 0.0
    inputs = ArgsKwargs((rows, lengths), {"dropout": dropout})
    encoded, backward = shim(inputs, is_train)

    def backprop(dY: Rows) -> Rows:
        gradient = xp2torch(model.ops.flatten(dY), device=shim.device)
        backward(ArgsKwargs(((encoded,),), {"grad_tensors": (gradient,)}))
        return model.ops.unflatten(torch2xp(rows.grad), lengths)

    return model.ops.unflatten(torch2xp(encoded.detach()), lengths), backprop
