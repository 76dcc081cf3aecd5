"""`spacy-cmner.OnnxBiLSTMEncoder.v1`: a trained BiLSTM, compiled for ONNX Runtime.

Its int8 arithmetic is what makes it worth it: a matrix product of bytes takes a fraction of the
time of one of floats. Needs the ``onnx`` extra; only building a graph needs the package ``onnx``
itself, running it needs ``onnxruntime`` alone.

The values that pass through the LSTM are rounded to a byte by the largest among those of one call.
Entities may therefore differ a little from those of the trained encoder and, unlike anywhere else
in this package, from one batch to another.
"""

import os
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import srsly
import torch
from thinc.api import Model
from thinc.shims.shim import Shim

from spacy_cmner.errors import Messages
from spacy_cmner.layers.bilstm import BiLSTM, group_by_length
from spacy_cmner.models.shim import PackedRows, pack_rows, shim_of
from spacy_cmner.models.storage import Precision
from spacy_cmner.types import EncodeModel, Rows

OPSET, IR_VERSION = 17, 8

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
        valid = np.flatnonzero(step < sizes)
        encoded[places.ravel()[valid]] = output.reshape(-1, encoded.shape[1]).take(valid, axis=0)
    return PackedRows(model.ops.asarray2f(encoded), lengths), _no_backprop


def _no_backprop(gradient: Any) -> Any:
    raise Messages.CM322.error()


def compile_bilstm(encoder: EncodeModel, precision: Precision) -> EncodeModel:
    """Turn a trained ``BiLSTMEncoder`` into a graph of ONNX operators.

    precision (str): with int8 the products are computed in bytes, otherwise in float32.
    RAISES: CM320 if the packages of the extra are missing.
    """
    module = cast(BiLSTM, shim_of(encoder).module)
    compiled = build_onnx_bilstm_encoder()
    graph = build_graph(module)
    shim = cast(OnnxShim, compiled.shims[0])
    shim.set_graph(quantize(graph) if precision == "int8" else graph)
    compiled.set_dim("nO", 2 * module.hidden_width)
    return compiled


def build_graph(module: BiLSTM) -> bytes:
    """rows (L, G, width_in) and lengths (G,), to encoded (L, G, 2H)."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise Messages.CM320.error(package="onnx") from error
    nodes, weights = [], [numpy_helper.from_array(np.array([0, 0, -1]), "joined")]
    rows = "rows"
    for layer, directions in enumerate(zip(module.forwards, module.backwards, strict=True)):
        names = [f"{name}{layer}" for name in ("input", "recurrent", "bias")]
        left, right = map(onnx_weights, directions)
        for name, *arrays in zip(names, left, right, strict=True):
            weights.append(numpy_helper.from_array(np.stack(arrays), name))
        states, apart, encoded = (f"{name}{layer}" for name in ("states", "apart", "encoded"))
        nodes += [
            helper.make_node(
                "LSTM",
                [rows, *names, "lengths"],
                [states],  # (L, 2, G, H)
                hidden_size=module.hidden_width,
                direction="bidirectional",
            ),
            helper.make_node("Transpose", [states], [apart], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [apart, "joined"], [encoded]),
        ]
        rows = encoded
    width = cast(Any, module.forwards[0]).input_size
    graph = helper.make_graph(
        nodes,
        "bilstm",
        [
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["L", "G", width]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["G"]),
        ],
        [
            helper.make_tensor_value_info(
                rows, TensorProto.FLOAT, ["L", "G", 2 * module.hidden_width]
            )
        ],
        weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    # Quantizing warns where it finds no such mark; there is nothing to prepare in an LSTM.
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return model.SerializeToString()


def onnx_weights(lstm: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of a torch LSTM in ONNX's order of gates: input, output, forget, cell."""
    tensors = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0)
    ordered = []
    for tensor in tensors:
        enter, forget, cell, leave = tensor.detach().cpu().float().chunk(4)
        ordered.append(torch.cat([enter, leave, forget, cell]).numpy())
    return ordered[0], ordered[1], np.concatenate(ordered[2:])


def quantize(graph: bytes) -> bytes:
    """Weights as bytes with a scale for each row; inputs become bytes as they come."""
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise Messages.CM320.error(package="onnxruntime") from error
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bilstm.onnx"
        quantize_dynamic(
            onnx.load_from_string(graph),
            path,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["LSTM"],
            per_channel=True,
            reduce_range=True,  # 7 bits: without VNNI a sum of products of 8 overflows
        )
        return path.read_bytes()
