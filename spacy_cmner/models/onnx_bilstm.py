"""`spacy-cmner.OnnxBiLSTMEncoder.v1`: a trained BiLSTM, compiled for ONNX Runtime.

Its int8 arithmetic is what makes it worth it: a matrix product of bytes takes a fraction of the
time of one of floats. Needs the ``onnx`` extra; only building a graph (``bilstm_graph``) needs the
package ``onnx`` itself, running it needs ``onnxruntime`` alone.
"""

import os
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import srsly
import torch
from thinc.api import Model
from thinc.shims.shim import Shim

from spacy_cmner.errors import Messages
from spacy_cmner.layers.bilstm import BiLSTM, group_by_length
from spacy_cmner.models.bilstm_graph import build_graph
from spacy_cmner.models.shim import PackedRows, pack_rows, shim_of
from spacy_cmner.types import EncodeModel, Rows

# For ``group_by_length``, by trial: a step costs less than one of torch's.
OVERHEAD = 1


def build_onnx_bilstm_encoder() -> EncodeModel:
    """Encode each sequence of character rows in its context, by ONNX Runtime on the CPU.

    Such a layer is not trained: ``models.compile`` makes it from a trained
    ``spacy-cmner.BiLSTMEncoder.v1``.
    """
    return Model("onnx_bilstm_encoder", forward, init=init, shims=[OnnxShim()], dims={"nO": None})


class OnnxShim(Shim):
    """Holds an ONNX graph as bytes and runs it. Sessions are made when they are needed, one for
    each process: their threads do not survive a fork, after which closing one would wait for them
    for ever, so the parent's is kept."""

    def __init__(self) -> None:
        super().__init__(b"")
        self._sessions: dict[int, Any] = {}

    @property
    def session(self) -> Any:
        """RAISES: CM320 if ONNX Runtime is missing, CM321 if it cannot read the graph."""
        process = os.getpid()
        if process not in self._sessions:
            self._sessions[process] = open_session(self._model)
        return self._sessions[process]

    def __call__(self, inputs: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
        """RAISES: CM322 in training."""
        if is_train:
            raise Messages.CM322.error()
        return self.session.run(None, inputs)[0], _no_backprop

    def to_device(self, device_type: str, device_id: int) -> None:
        """Nothing: the graph stays on the CPU."""

    def finish_update(self, optimizer: Any) -> None:
        """Nothing: there is nothing to train."""

    def to_bytes(self) -> bytes:
        return srsly.msgpack_dumps({"graph": self._model, "checksum": zlib.crc32(self._model)})

    def from_bytes(self, data: bytes) -> "OnnxShim":
        try:
            message = srsly.msgpack_loads(data)
            graph, checksum = message["graph"], message["checksum"]
            is_intact = zlib.crc32(graph) == checksum
        except (ValueError, LookupError, TypeError) as error:
            raise Messages.CM321.error(reason=error) from error
        if not is_intact:
            raise Messages.CM321.error(reason="the checksum does not match")
        self.set_graph(graph)
        return self

    def set_graph(self, graph: bytes) -> None:
        self._model = graph
        self._sessions.pop(os.getpid(), None)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_sessions": {}}


def open_session(graph: bytes) -> Any:
    """RAISES: as ``OnnxShim.session``."""
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as ort
    except ImportError as error:
        raise Messages.CM320.error(package="onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (ort.Fail, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented) as error:
        raise Messages.CM321.error(reason=error) from error


def init(model: EncodeModel, X: Rows | None = None, Y: Rows | None = None) -> None:
    """RAISES: CM317, as only compiling makes a graph."""
    if not model.shims[0]._model:
        raise Messages.CM317.error(layer=model.name)


def forward(model: EncodeModel, X: Rows, is_train: bool) -> tuple[Rows, Callable[[Rows], Rows]]:
    lengths = np.array([len(rows) for rows in X], dtype=np.int64)
    run = partial(model.shims[0], is_train=is_train)
    starts = np.cumsum(lengths) - lengths
    encoded: Any = np.empty((lengths.sum(), model.get_dim("nO")), dtype=np.float32)
    rows = model.ops.to_numpy(pack_rows(model.ops, X))
    for group in group_by_length(lengths, OVERHEAD):
        sizes = lengths[group]
        step = np.arange(sizes.max())[:, None]  # (L, 1)
        places = starts[group] + np.minimum(step, sizes - 1)  # (L, G)
        inputs = {"rows": rows.take(places, axis=0), "lengths": sizes.astype(np.int32)}
        output, _ = run(inputs)  # (L, G, 2H)
        valid = step < sizes
        encoded[places[valid]] = output[valid]
    return PackedRows(model.ops.asarray2f(encoded), lengths), _no_backprop


def _no_backprop(gradient: Any) -> Any:
    raise Messages.CM322.error()


def compile_bilstm(encoder: EncodeModel, bound: float | None = None) -> EncodeModel:
    """Turn a trained ``BiLSTMEncoder`` into a graph of ONNX operators.

    bound (Optional[float]): the largest absolute value of its inputs, by which products are
        computed in bytes; None computes in float32.
    RAISES: CM320 if the packages of the extra are missing.
    """
    module = cast(BiLSTM, shim_of(encoder).module)
    compiled = build_onnx_bilstm_encoder()
    cast(OnnxShim, compiled.shims[0]).set_graph(build_graph(module, bound))
    compiled.set_dim("nO", 2 * module.hidden_width)
    return compiled
