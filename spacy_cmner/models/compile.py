"""Compile a trained pipeline for use: smaller, faster, the same entities.

Compiling is an explicit step that makes a new pipeline. Nothing is cached behind the user's back,
where a cache could go stale as the weights change.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

import torch
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from thinc.api import Model

from spacy_cmner.errors import Messages
from spacy_cmner.layers.char_table import CharTable
from spacy_cmner.layers.contextual import WordContext
from spacy_cmner.layers.local_global import LocalGlobal
from spacy_cmner.models.char_table import build_char_table_embed
from spacy_cmner.models.input_bounds import measure_bounds
from spacy_cmner.models.onnx_bilstm import compile_bilstm
from spacy_cmner.models.rebuild import Replacement, rebuild
from spacy_cmner.models.shim import TorchShim, shim_of
from spacy_cmner.models.storage import Precision
from spacy_cmner.types import EmbedModel

Runtime = Literal["torch", "onnx"]

# What each architecture becomes, and the name of its layer.
LOCAL_GLOBAL, CONTEXTUAL = "local_global_embed", "contextual_embed"
BILSTM = "bilstm_encoder"
TABLES = {"spacy-cmner.LocalGlobalEmbed.v1": "spacy-cmner.CharTableEmbed.v1"}
GRAPHS = {"spacy-cmner.BiLSTMEncoder.v1": "spacy-cmner.OnnxBiLSTMEncoder.v1"}

# Characters encoded at a time: their images pass through a convolution.
BATCH = 512


def compile_pipeline(
    nlp: Language, *, precision: Precision = "float32", runtime: Runtime = "torch"
) -> Language:
    """Make a pipeline whose local and global character representations are tables.

    Every ``spacy-cmner.LocalGlobalEmbed.v1`` in the config of any component, however deep, becomes
    a ``spacy-cmner.CharTableEmbed.v1`` there and in the model. All else stays as it is.

    nlp (Language): a trained pipeline; it is not changed.
    precision (str): how the weights of the components concerned are stored: float32, float16 or
        int8, a half and a quarter of the size. They are rounded at once, and computed with in
        float32.
    runtime (str): what runs every ``spacy-cmner.BiLSTMEncoder.v1``: torch, or ONNX Runtime, which
        with int8 computes in bytes and is faster for it.
    RETURNS (Language): the new pipeline; if it is rounded, without scores in its meta until it is
        evaluated.
    RAISES: CM318 if no component holds a layer to compile; CM320 if ONNX Runtime is missing; CM332
        for weights that have no finite form in the precision.
    """
    architectures = {**TABLES, **(GRAPHS if runtime == "onnx" else {})}
    names = [name for name, pipe in nlp.components if find_compilable(pipe, runtime)]
    if not names:
        raise Messages.CM318.error(architectures=", ".join(architectures))
    in_bytes = runtime == "onnx" and precision == "int8"
    bounds = measure_bounds(nlp, _is_bilstm) if in_bytes else {}
    replacements = {}
    for name in names:
        config = compile_config(nlp.config["components"][name]["model"], architectures)
        model = cast(TrainablePipe, nlp.get_pipe(name)).model
        compiled_model = compile_model(model, precision, runtime, bounds.get(name, ()))
        replacements[name] = Replacement(config, compiled_model)
    compiled = rebuild(nlp, replacements)
    if precision != "float32":
        compiled.meta["performance"] = {}  # those of the exact weights
    return compiled


def find_compilable(pipe: Any, runtime: Runtime = "torch") -> list[Model]:
    """The layers of a component that can be compiled."""
    model = getattr(pipe, "model", None)
    if not isinstance(model, Model):
        return []
    names = (LOCAL_GLOBAL, BILSTM) if runtime == "onnx" else (LOCAL_GLOBAL,)
    return [node for node in model.walk() if node.name in names and is_in_config(node)]


def _is_bilstm(node: Model) -> bool:
    return node.name == BILSTM and is_in_config(node)


def is_in_config(node: Model) -> bool:
    """Whether the config names the layer, as it must to name what becomes of it; an architecture
    can have layers of its own, as ``spacy-cmner.Mect.v1`` has."""
    return bool(node.attrs.get("in_config", True))


def compile_config(config: Any, architectures: dict[str, str]) -> Any:
    """Name the compiled architectures in the config of a model. They have no settings."""
    if not isinstance(config, dict):
        return config
    if config.get("@architectures") in architectures:
        return {"@architectures": architectures[config["@architectures"]]}
    return {key: compile_config(value, architectures) for key, value in config.items()}


def compile_model(
    model: Model, precision: Precision, runtime: Runtime, bounds: Iterable[float] = ()
) -> Model:
    """A copy of a trained model, with each layer that can be compiled replaced.

    bounds (Iterable[float]): of its BiLSTMs (``input_bounds``), where these compute in bytes.
    """
    compiled = model.copy()
    compilers: dict[str, Callable[[Model], Model]] = {LOCAL_GLOBAL: compile_embed}
    for node in compiled.walk():
        if node.name == CONTEXTUAL:
            compile_words(node)
    if runtime == "onnx":
        limits = iter(bounds)
        compilers[BILSTM] = lambda encoder: compile_bilstm(encoder, next(limits, None))
    for node in list(compiled.walk()):
        if node.name in compilers and is_in_config(node):
            compiled.replace_node(node, compilers[node.name](node))
    for node in compiled.walk():
        for shim in node.shims:
            if isinstance(shim, TorchShim):
                shim.round_to(precision)
    return compiled


def compile_embed(model: EmbedModel) -> EmbedModel:
    """Run a ``LocalGlobalEmbed`` over every character it knows, and the unknown one."""
    module = cast(LocalGlobal, shim_of(model).module)
    settings = {"n_chars": len(module.code_points), "width": module.width}
    table = CharTable(**settings)
    table.code_points = module.code_points.cpu()
    with torch.inference_mode():
        for rows in torch.arange(len(module.code_points)).split(BATCH):
            encoded, _ = module.encode_types(rows.to(module.code_points.device))
            table.vectors[rows] = encoded.cpu()
    embed = build_char_table_embed()
    shim_of(embed).set_module(settings, table)
    embed.set_dim("nO", module.width)
    return embed


def compile_words(model: EmbedModel) -> None:
    """Project the word vectors of a ``ContextualEmbed`` once, instead of every set of words."""
    shim = shim_of(model)
    trained = cast(WordContext, shim.module)
    if trained.project is None:
        return
    settings = {**shim.cfg, "word_width": trained.project.out_features, "set_width": None}
    module = WordContext(**settings)
    weights = trained.state_dict()
    projection = weights.pop("project.weight")
    module.load_state_dict({**weights, "words.weight": weights["words.weight"] @ projection.T})
    shim.set_module(settings, module)
