"""`spacy-cmner.CrfTagger.v1`: emissions over any character encoder, and a linear-chain CRF.

The model's output is the emissions; the transition scores are parameters of a node of their own.
The functions below join both with the CRF of ``layers.crf``: as numpy arrays, or for large batches
on a GPU as torch tensors.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Doc
from thinc.api import Linear, Model
from thinc.layers.resizable import resize_linear_weighted
from thinc.types import Floats2d, Ragged
from thinc.util import torch2xp, xp2torch

from spacy_cmner.layers import crf
from spacy_cmner.layers.crf_spans import crf_decode_spans
from spacy_cmner.models import evidence as soft
from spacy_cmner.models.shim import PackedRows, pack_rows
from spacy_cmner.types import Tok2VecModel

TRANSITIONS = ("transitions", "start", "end")

# Below this the copy to the CPU and the compiled CRF there take less time than the GPU needs to
# start its many small kernels (benchmarks/crf_speed.py).
GPU_MIN_CHARACTERS = 8192

# The score that a tag added after training starts from: too low to change what is predicted, but
# not too low to be learnt.
NEW_TAG = -10.0


def build_crf_tagger(
    tok2vec: Tok2VecModel, nO: int | None = None, evidence: list[str] | None = None
) -> Model[list[Doc], Ragged]:
    """Tag characters: emissions from any ``tok2vec``, decoded by a CRF over BIOES tags.

    The emissions are one Ragged array over the batch, (N, T): a sequence's rows follow each other.

    tok2vec (Model[List[Doc], List[Floats2d]]): character encoder, one row a character.
    nO (Optional[int]): number of tags T; the component sets it from its labels.
    evidence (Optional[List[str]]): labels of hits whose bias is learned, see ``models.evidence``.
    Source: the paper, Methodology (tags output); Lafferty et al. (2001).
    """
    output: Model[Floats2d, Floats2d] = Linear(nO=nO)
    transitions = build_transitions(nO)
    layers: list[Model] = [tok2vec, output, transitions]
    refs: dict[str, Model | None] = {
        "tok2vec": tok2vec,
        "output_layer": output,
        "transitions": transitions,
    }
    if evidence is not None:
        layers.append(soft.build_evidence(evidence, nO))
        refs["evidence"] = layers[-1]
    return Model(
        "crf_tagger",
        forward,
        init=init,
        layers=layers,
        dims={"nO": nO},
        refs=refs,
        attrs={"resize_output": resize_output},
    )


def build_transitions(nO: int | None) -> Model[Ragged, Ragged]:
    """The scores of the CRF: of moves between tags, (T, T), of the first and the last tag, (T,).

    Emissions pass it unchanged, as moves count in the loss and in decoding only.
    """
    return Model(
        "crf_transitions",
        forward_transitions,
        init=init_transitions,
        dims={"nO": nO},
        params=dict.fromkeys(TRANSITIONS),
    )


def forward_transitions(
    model: Model, emissions: Ragged, is_train: bool
) -> tuple[Ragged, Callable[[Ragged], Ragged]]:
    return emissions, lambda d_emissions: d_emissions


def init_transitions(model: Model, X: Ragged | None = None, Y: Any = None) -> None:
    n_tags = model.get_dim("nO")
    model.set_param("transitions", model.ops.alloc2f(n_tags, n_tags))
    model.set_param("start", model.ops.alloc1f(n_tags))
    model.set_param("end", model.ops.alloc1f(n_tags))


def init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:
    tok2vec, output, *scores = model.layers
    tok2vec.initialize(X=X)
    width = tok2vec.maybe_get_dim("nO")
    if width is None and X is not None:
        width = tok2vec.predict(X)[0].shape[1]
    if width is not None:
        output.set_dim("nI", width)
    if output.has_dim("nI") and output.has_dim("nO"):
        output.initialize()
    for layer in scores:
        layer.initialize()


def resize_output(model: Model, nO: int) -> Model:
    """Make room for more tags at the end; the weights of the present ones are kept.

    The layers are replaced by new ones, since optimizers keep moments of a fixed shape for each.
    """
    output, transitions = model.layers[1:3]
    model.layers[1] = resize_linear_weighted(output, nO, fill_defaults={"b": NEW_TAG})
    model.layers[2] = resize_transitions(transitions, nO)
    model.set_ref("output_layer", model.layers[1])
    model.set_ref("transitions", model.layers[2])
    if learns_evidence(model):
        model.layers[3] = soft.resize(model.layers[3], nO)
        model.set_ref("evidence", model.layers[3])
    model.set_dim("nO", nO, force=True)
    return model


def resize_transitions(old: Model[Ragged, Ragged], nO: int) -> Model[Ragged, Ragged]:
    new = build_transitions(nO)
    new.ops = old.ops  # the current ones may be those of another device
    if old.has_param("transitions"):
        new.initialize()
        for name in TRANSITIONS:
            scores: Any = new.get_param(name)
            known: Any = old.get_param(name)
            scores[tuple(map(slice, known.shape))] = known
    return new


def forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[Ragged, Callable[[Ragged], list[Doc]]]:
    tok2vec, output = model.layers[:2]
    encoded, backprop_tok2vec = tok2vec(docs, is_train)
    lengths = model.ops.asarray1i([len(rows) for rows in encoded])
    rows: Any = pack_rows(model.ops, encoded)
    if not is_train:
        # As the layer does, but numpy's product takes a third of the time of thinc's.
        weights, bias = (output.get_param(name) for name in ("W", "b"))
        return Ragged(rows @ weights.T + bias, lengths), _no_backprop
    emissions, backprop_output = output(rows, is_train)

    def backprop(d_emissions: Ragged) -> list[Doc]:
        d_rows = backprop_output(d_emissions.dataXd)
        return backprop_tok2vec(PackedRows(d_rows, model.ops.to_numpy(d_emissions.lengths)))

    return Ragged(emissions, lengths), backprop


def _no_backprop(d_emissions: Ragged) -> list[Doc]:
    raise RuntimeError("Call the model with is_train=True to train it.")


def listens(model: Model) -> bool:
    """Whether a layer takes its output from a component upstream. ``nlp.replace_listeners`` may
    change that at any time."""
    return any(hasattr(node, "upstream_name") for node in model.walk())


def learns_evidence(model: Model) -> bool:
    """Whether the tagger has biases for hits that are learned."""
    return bool(model.has_ref("evidence"))


def add_evidence(
    model: Model, emissions: Ragged, scheme: crf.TagScheme, evidence: soft.Evidence
) -> Ragged:
    """The emissions with the bias of what dictionaries and rules found.

    evidence (Evidence): its positions are those of the packed batch.
    RAISES: CM319 for a hit whose label is unknown.
    """
    if not len(evidence.characters):
        return emissions
    learned = model.get_ref("evidence") if learns_evidence(model) else None
    scores: Any = emissions.dataXd
    bias: Any = soft.compute_bias(learned, scheme, evidence, len(scores))
    return Ragged(scores + model.ops.asarray(bias), emissions.lengths)


def scale_scores(model: Model, factor: float) -> None:
    """Multiply the score that a trained tagger gives to each tag sequence: emissions, moves and
    learned biases. Their order stays, their probabilities change."""
    nodes = [model.get_ref(name) for name in ("output_layer", "transitions")]
    if learns_evidence(model):
        nodes.append(model.get_ref("evidence"))
    for node in nodes:
        for name in node.param_names:
            scores: Any = node.get_param(name)
            node.set_param(name, scores * np.float32(factor))


class CrfArrays(NamedTuple):
    """The first five arguments of the functions in ``layers.crf``, of one library."""

    emissions: Any  # (N, T)
    lengths: Any  # (B,)
    transitions: Any  # (T, T)
    start: Any  # (T,)
    end: Any  # (T,)


def loss_and_gradient(
    model: Model,
    emissions: Ragged,
    scheme: crf.TagScheme,
    allowed: np.ndarray,
    evidence: soft.Evidence | None = None,
) -> tuple[float, Ragged]:
    """The CRF's negative log-likelihood, a mean over the sequences.

    Adds the gradient of the transition scores, and of learned biases, to the model and returns
    that of the emissions.

    allowed (Array): (N, T) bool, the tags that the annotation leaves open at each character.
    evidence (Optional[Evidence]): added to the emissions, see ``add_evidence``.
    """
    n = max(len(emissions.lengths), 1)
    if evidence is not None:
        emissions = add_evidence(model, emissions, scheme, evidence)
    arrays = _crf_arrays(model, emissions)
    loss, d_emissions, *d_transitions = crf.crf_loss(
        arrays.emissions,
        arrays.lengths,
        _like(allowed, arrays.emissions),
        arrays.transitions,
        arrays.start,
        arrays.end,
        scheme.masks,
    )
    for name, gradient in zip(TRANSITIONS, d_transitions, strict=True):
        model.get_ref("transitions").inc_grad(name, _to_xp(model, gradient) / n)
    gradient = _to_xp(model, d_emissions) / n
    if evidence is not None and learns_evidence(model):
        soft.add_gradient(model.get_ref("evidence"), evidence, model.ops.to_numpy(gradient))
    return float(loss.sum()) / n, Ragged(gradient, emissions.lengths)


def decode(
    model: Model, emissions: Ragged, scheme: crf.TagScheme, allowed: np.ndarray | None = None
) -> np.ndarray:
    """The best legal tags, (N,), among those that ``allowed`` (N, T) leaves open."""
    arrays = _crf_arrays(model, emissions)
    mask = None if allowed is None else _like(allowed, arrays.emissions)
    tags, _ = crf.crf_decode(*arrays, scheme.masks, allowed=mask)
    return tags if isinstance(tags, np.ndarray) else tags.cpu().numpy()


def decode_spans(
    model: Model,
    emissions: Ragged,
    scheme: crf.TagScheme,
    threshold: float,
    allowed: np.ndarray | None = None,
) -> tuple[list[crf.Span], list[float]]:
    """The entities that are probable each, and their probabilities: see ``layers.crf_spans``."""
    arrays = _host_arrays(model, emissions)
    spans, probabilities = crf_decode_spans(*arrays, scheme, threshold, allowed=allowed)
    return spans, probabilities.tolist()


def score_spans(
    model: Model,
    emissions: Ragged,
    scheme: crf.TagScheme,
    spans: Sequence[crf.Span],
    allowed: np.ndarray | None = None,
) -> list[float]:
    """The exact probability of each entity, as ``decode`` finds them in the packed batch."""
    arrays = _crf_arrays(model, emissions)
    mask = None if allowed is None else _like(allowed, arrays.emissions)
    return crf.crf_span_scores(*arrays, scheme, spans, allowed=mask).tolist()


def decode_kbest(
    model: Model,
    emissions: Ragged,
    scheme: crf.TagScheme,
    k: int,
    allowed: np.ndarray | None = None,
) -> list[list[tuple[np.ndarray, float]]]:
    """For each sequence its k best legal tag sequences with their log-probabilities, best first;
    fewer where there are fewer."""
    arrays = _host_arrays(model, emissions)
    log_z = crf.crf_log_partition(*arrays, scheme.masks, allowed=allowed)
    found = crf.crf_kbest(*arrays, scheme.masks, k, allowed=allowed)
    return [  # what is certain may come out above 0 by rounding
        [(tags, min(float(score - total), 0.0)) for tags, score in zip(*paths, strict=True)]
        for paths, total in zip(found, log_z, strict=True)
    ]


def _crf_arrays(model: Model, emissions: Ragged) -> CrfArrays:
    """Emissions, lengths and the scores of moves, on the device where the CRF is faster."""
    if isinstance(emissions.dataXd, np.ndarray) or len(emissions.dataXd) < GPU_MIN_CHARACTERS:
        return _host_arrays(model, emissions)
    scores: list[Any] = [xp2torch(a) for a in (emissions.dataXd, *_transitions(model))]
    return CrfArrays(scores[0], model.ops.to_numpy(emissions.lengths), *scores[1:])


def _host_arrays(model: Model, emissions: Ragged) -> CrfArrays:
    arrays = (emissions.dataXd, emissions.lengths, *_transitions(model))
    return CrfArrays(*(model.ops.to_numpy(array) for array in arrays))


def _transitions(model: Model) -> list:
    return [model.get_ref("transitions").get_param(name) for name in TRANSITIONS]


def _like(mask: Any, array: Any) -> Any:
    return mask if isinstance(array, np.ndarray) else xp2torch(mask, device=array.device)


def _to_xp(model: Model, array: Any) -> Any:
    converted: Any = array if isinstance(array, np.ndarray) else torch2xp(array)
    return model.ops.asarray(converted, dtype="float32")
