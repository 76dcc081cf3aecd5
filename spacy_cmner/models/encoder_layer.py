"""The glue of the context encoders: a torch module over sequences packed end to end."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from thinc.types import ArgsKwargs
from torch import nn

from spacy_cmner.models.shim import shim_of, to_rows, to_torch, torch_model
from spacy_cmner.types import EncodeModel, Rows


def encoder_layer(
    name: str, build: Callable[..., nn.Module], width: int, **settings: Any
) -> EncodeModel:
    """Wrap a module that reads ``(N, width_in)`` rows and the lengths of their sequences.

    The dropout rate of the training loop is passed on to it.

    name (str): of the layer.
    build (Callable[..., nn.Module]): makes the module from ``width_in`` and ``settings``; it is
        called with rows, lengths and ``dropout``.
    width (int): of a row of its output.
    settings (Any): saved with the weights.
    """
    return torch_model(
        name,
        forward,
        partial(init, settings=settings),
        build,
        dims={"nI": None, "nO": width},
        attrs={"dropout_rate": 0.0},
    )


def init(
    model: EncodeModel,
    X: Rows | None = None,
    Y: Rows | None = None,
    *,
    settings: dict[str, Any],
) -> None:
    if model.has_dim("nI") is None and X is not None:
        model.set_dim("nI", X[0].shape[1])
    shim = shim_of(model)
    settings = {"width_in": model.get_dim("nI"), **settings}
    shim.set_module(settings, shim.build(**settings))


def forward(model: EncodeModel, X: Rows, is_train: bool) -> tuple[Rows, Callable[[Rows], Rows]]:
    shim = shim_of(model)
    lengths = np.array([len(rows) for rows in X], dtype=np.int64)
    rows = to_torch(model, X, requires_grad=is_train)
    dropout = model.attrs["dropout_rate"] if is_train else 0.0
    inputs = ArgsKwargs((rows, lengths), {"dropout": dropout})
    encoded, backward = shim(inputs, is_train)

    def backprop(dY: Rows) -> Rows:
        backward([encoded], [to_torch(model, dY)])
        return to_rows(rows.grad, lengths)

    return to_rows(encoded, lengths), backprop
