"""`spacy-cmner.OfflineTransformerModel.v1`: a pretrained transformer from a folder of one's own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from spacy.tokens import Doc
from thinc.api import Model

from spacy_cmner.errors import Messages


def build_offline_transformer(
    name: str | None,
    get_spans: Callable,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[Doc], Any]:
    """Load a transformer for spaCy's `transformer` component without asking the network.

    Medical texts are often worked on where there is none, and where a request that names the model
    would already be too much. The folder is read at initialisation only; a trained pipeline holds
    weights and tokenizer. The arguments are those of ``spacy-transformers.TransformerModel.v3``,
    so that ``nlp.replace_listeners`` knows what to do.

    name (Optional[str]): the folder, with config.json, the weights and the tokenizer's files.
    get_spans (Callable): cuts texts into pieces that the transformer can read.
    tokenizer_config, transformer_config (Dict): further settings of Hugging Face's loaders.
    mixed_precision (bool): whether to compute in half precision where that is safe; on a GPU.
    grad_scaler_config (Dict): see thinc's ``PyTorchGradScaler``.
    RAISES: CM325 without spacy-transformers; at initialisation CM326 if the folder has no
        transformer, CM330 if there is one but not with these settings, CM331 without a folder,
        CM336 if the tokenizer is another model's; there and in use CM335 for a window or stride
        with which it cannot read all of a text.
    """
    try:
        from spacy_transformers.architectures import create_TransformerModel_v3
    except ImportError as error:
        raise Messages.CM325.error() from error
    offline = {"local_files_only": True}
    model = create_TransformerModel_v3(
        name,
        get_spans,
        {"use_fast": True, **tokenizer_config, **offline},
        {**transformer_config, **offline},
        mixed_precision,
        {**grad_scaler_config},
    )
    replace = model.attrs["replace_listener_cfg"]
    model.attrs["replace_listener_cfg"] = partial(replace_listener_config, replace=replace)
    model.init = partial(init, load=model.init)
    model._func = partial(forward, read=model._func)
    return model


def init(model: Any, X: list[Doc] | None = None, Y: Any = None, *, load: Callable) -> None:
    if not model.attrs["has_transformer"]:
        read_folder(model, load)
    check_vocabulary(model)
    check_spans(model)


def forward(
    model: Any, docs: list[Doc], is_train: bool, *, read: Callable
) -> tuple[Any, Callable[[Any], list[Doc]]]:
    check_spans(model)  # a trained pipeline can be loaded with other settings
    return read(model, docs, is_train)


def replace_listener_config(
    config: dict[str, Any], tok2vec: dict[str, Any], *, replace: Callable
) -> dict[str, Any]:
    """The config of a transformer in the place of its listener, wherever that is in ``tok2vec``;
    spacy-transformers knows one that is the whole of it."""
    return replace(config, find_listener(tok2vec) or tok2vec)


def find_listener(config: dict[str, Any]) -> dict[str, Any] | None:
    if "TransformerListener" in config.get("@architectures", ""):
        return config
    blocks = (find_listener(value) for value in config.values() if isinstance(value, dict))
    return next(filter(None, blocks), None)


def read_folder(model: Any, load: Callable) -> None:
    """Without the documents: an error that they or ``get_spans`` make is not the folder's."""
    if model.attrs["name"] is None:
        raise Messages.CM331.error()
    folder = Path(model.attrs["name"])
    if not folder.is_dir():
        raise Messages.CM326.error(path=folder, reason="no such folder")
    try:
        load(model)
    except (OSError, ValueError, SafetensorError) as error:
        raise Messages.CM326.error(path=folder, reason=error) from error
    except TypeError as error:  # what comes of None for a file that is missing, too
        raise Messages.CM330.error(path=folder, reason=error) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        # what the tokenizers library raises for all that is wrong with a vocabulary
        raise Messages.CM326.error(path=folder, reason=error) from error


def check_vocabulary(model: Any) -> None:
    """Whether there is a vector for each wordpiece.

    RAISES: CM336 if there is not.
    """
    pieces, vectors = len(model.tokenizer), model.transformer.config.vocab_size
    if pieces > vectors:
        path = model.attrs["name"]
        raise Messages.CM336.error(path=path, pieces=pieces, vectors=vectors)


def check_spans(model: Any) -> None:
    """Whether the pieces that ``strided_spans`` cuts hold the whole text and can be read.

    RAISES: CM335 if they do not or cannot be.
    """
    settings = getattr(model.attrs["get_spans"], "keywords", {})
    if not settings.keys() >= {"window", "stride"}:
        return  # cut in another way
    tokenizer = model.tokenizer
    limits = [tokenizer.model_max_length]  # what is beyond would be cut off
    positions = getattr(model.transformer.config, "max_position_embeddings", None) or 0
    if positions > 0:  # XLNet has -1, as it needs none
        limits.append(positions)
    limit = min(limits) - tokenizer.num_special_tokens_to_add()
    if not 1 <= settings["stride"] <= settings["window"] <= limit:
        raise Messages.CM335.error(limit=limit, **settings)
