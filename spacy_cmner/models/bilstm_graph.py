"""A trained BiLSTM as a graph of ONNX operators, which computes in floats or in bytes.

In bytes, ONNX Runtime rounds what enters a product by the least and the greatest value of the whole
batch, so that a sentence would come out a little different beside others. Here these two are the
same in every batch. The inputs are cut at a bound, and both its ends stand beside them as two more
features, which nothing weighs. Each direction has two more units, whose gates are open and whose
candidates are 1 and -1: their states at step t are tanh(t) and -tanh(t), which no other unit can
exceed. Nothing reads them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from spacy_cmner.errors import Messages
from spacy_cmner.layers.bilstm import BiLSTM

OPSET, IR_VERSION = 17, 8

# Its sigmoid and its hyperbolic tangent are 1.
SATURATED = 30.0

# of the inputs (4H, width_in), of the states (4H, H), and the biases (8H,)
Weights: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def build_graph(module: BiLSTM, bound: float | None = None) -> bytes:
    """Make a graph from rows (L, G, width_in) and lengths (G,) to encoded (L, G, 2H).

    bound (Optional[float]): the largest absolute value of the rows, by which products are computed
        in bytes; None computes in float32.
    RAISES: CM320 if the packages of the extra are missing.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise Messages.CM320.error(package="onnx") from error
    nodes, tensors = [], []

    def constant(name: str, values: Any) -> str:
        tensors.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    hidden, rows = module.hidden_width, "rows"
    joined = constant("joined", [0, 0, -1])
    if bound is not None:
        ends = [constant(name, np.float32(end)) for name, end in (("low", -bound), ("high", bound))]
        rows = node("Clip", "clipped", rows, *ends)
        sizes = node("Shape", "sizes", rows, end=2)
        sizes = node("Concat", "sizes_of_ends", sizes, constant("two", [2]), axis=0)
        units = [
            constant(name, [value]) for name, value in (("none", 0), ("H", hidden), ("axis", 3))
        ]
    for layer, directions in enumerate(zip(module.forwards, module.backwards, strict=True)):
        weights = [onnx_weights(lstm) for lstm in directions]
        if bound is not None:
            weights = [with_extremes(*arrays) for arrays in weights]
            # What an LSTM puts out is between -1 and 1.
            limit = np.float32(1 if layer else bound)
            ends_of = constant(f"ends{layer}", [-limit, limit])
            ends_of = node("Expand", f"all_ends{layer}", ends_of, sizes)
            rows = node("Concat", f"extended{layer}", rows, ends_of, axis=2)
        left, right = weights
        states = node(
            "LSTM",
            f"states{layer}",  # (L, 2, G, H)
            rows,
            *(
                constant(f"{name}{layer}", np.stack(arrays))
                for name, *arrays in zip(("input", "recurrent", "bias"), left, right, strict=True)
            ),
            "lengths",
            hidden_size=left[1].shape[1],
            direction="bidirectional",
        )
        if bound is not None:
            states = node("Slice", f"own{layer}", states, *units)
        states = node("Transpose", f"apart{layer}", states, perm=[0, 2, 1, 3])
        rows = node("Reshape", f"encoded{layer}", states, joined)
    floats, integers = TensorProto.FLOAT, TensorProto.INT32
    width_in = cast(Any, module.forwards[0]).input_size
    graph = helper.make_graph(
        nodes,
        "bilstm",
        [
            helper.make_tensor_value_info("rows", floats, ["L", "G", width_in]),
            helper.make_tensor_value_info("lengths", integers, ["G"]),
        ],
        [helper.make_tensor_value_info(rows, floats, ["L", "G", 2 * hidden])],
        tensors,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return model.SerializeToString() if bound is None else quantize(model)


def onnx_weights(lstm: Any) -> Weights:
    """Weights of a torch LSTM in ONNX's order of gates: input, output, forget, cell."""
    tensors = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0)
    ordered = []
    for tensor in tensors:
        enter, forget, cell, leave = tensor.detach().cpu().float().chunk(4)
        ordered.append(torch.cat([enter, leave, forget, cell]).numpy())
    return ordered[0], ordered[1], np.concatenate(ordered[2:])


def with_extremes(entering: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> Weights:
    """Add the two features and the two units."""
    hidden = recurrent.shape[1]
    entering, recurrent = (
        np.pad(array.reshape(4, hidden, -1), ((0, 0), (0, 2), (0, 2))).reshape(4 * (hidden + 2), -1)
        for array in (entering, recurrent)
    )
    extremes = np.zeros((8, 2), dtype=np.float32)
    extremes[:4] = SATURATED
    extremes[3, 1] = -SATURATED
    return entering, recurrent, np.hstack([bias.reshape(8, hidden), extremes]).ravel()


def quantize(model: Any) -> bytes:
    """Weights as bytes with a scale for each row; inputs become bytes as they come."""
    try:
        from onnx import helper
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise Messages.CM320.error(package="onnxruntime") from error
    # It warns where it finds no such mark; there is nothing to prepare in an LSTM.
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bilstm.onnx"
        quantize_dynamic(
            model,
            path,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["LSTM"],
            per_channel=True,
            reduce_range=True,  # 7 bits: without VNNI a sum of products of 8 overflows
        )
        return path.read_bytes()
