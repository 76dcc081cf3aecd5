"""Soft evidence: what dictionaries and rules found in a text, as a bias to the CRF's emissions.

A hit of a label speaks for the tags B, I, E or S of that label on its characters. How much it
counts is given, or learnt with the CRF: a parameter for each label of a hit, place in it and tag,
so that a list also says something of labels that are not its own. Either way it is a part of the
emissions, so scores, marginals and the best readings are exact with it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from thinc.api import Model
from thinc.types import Floats2d

from spacy_cmner.automaton import Ints
from spacy_cmner.errors import Messages
from spacy_cmner.layers.crf import BEGIN, TagScheme

BIAS = "bias"

EvidenceModel = Model[Floats2d, Floats2d]


class Evidence(NamedTuple):
    """Hits spread over their characters, in any order; hits may overlap, and count together.

    characters (Ints): (H,) position of a character of a hit.
    places (Ints): (H,) where in the hit it stands: begin 0, inside 1, end 2, alone 3.
    labels (NDArray[str]): (H,) the label of the hit.
    weights (Floats1d): (H,) the given bias of the hit.
    """

    characters: Ints
    places: Ints
    labels: npt.NDArray[np.str_]
    weights: npt.NDArray[np.float32]


def build_evidence(labels: Sequence[str], nO: int | None) -> EvidenceModel:
    """The learned biases (4 K, T): of K labels of hits, four places each, to T tags.

    Emissions pass it unchanged, as the hits are not part of the documents that the model reads.

    labels (Sequence[str]): the labels of hits, whether or not they are also labels of entities.
    """
    return Model(
        "crf_evidence",
        forward,
        init=init,
        dims={"nO": nO},
        params={BIAS: None},
        attrs={"labels": list(labels)},
    )


def forward(
    model: EvidenceModel, emissions: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    return emissions, lambda d_emissions: d_emissions


def init(model: EvidenceModel, X: Any = None, Y: Any = None) -> None:
    shape = (4 * len(model.attrs["labels"]), model.get_dim("nO"))
    model.set_param(BIAS, model.ops.alloc2f(*shape))


def resize(old: EvidenceModel, nO: int) -> EvidenceModel:
    """Make room for more tags at the end, with no bias to them."""
    new = build_evidence(old.attrs["labels"], nO)
    new.ops = old.ops  # as in ``crf_tagger.resize_transitions``
    if old.has_param(BIAS):
        new.initialize()
        scores: Any = new.get_param(BIAS)
        known: Any = old.get_param(BIAS)
        scores[:, : known.shape[1]] = known
    return new


def compute_bias(
    learned: EvidenceModel | None, scheme: TagScheme, evidence: Evidence, length: int
) -> npt.NDArray[np.float32]:
    """What the evidence adds to the emissions of a packed batch.

    learned (Optional[Model]): the learned biases, if there are any.
    length (int): characters of the batch.
    RETURNS (NDArray): (length, T).
    RAISES: CM319 for a hit whose label is known neither to the scheme nor to the learned biases.
    """
    bias = np.zeros((length, scheme.n_tags), dtype=np.float32)
    own = _find(evidence.labels, scheme.labels)
    known = own >= 0
    tags = BEGIN + 4 * own + evidence.places
    np.add.at(bias, (evidence.characters[known], tags[known]), evidence.weights[known])
    if learned is not None:
        rows, chosen = _rows(learned, evidence)
        values = learned.ops.to_numpy(learned.get_param(BIAS))
        np.add.at(bias, evidence.characters[chosen], values[rows[chosen]])
        known |= chosen
    if not known.all():
        raise Messages.CM319.error(
            label=str(evidence.labels[~known][0]), labels=", ".join(scheme.labels)
        )
    return bias


def add_gradient(
    learned: EvidenceModel, evidence: Evidence, d_emissions: npt.NDArray[np.float32]
) -> None:
    """Add the gradient of the learned biases to the model.

    d_emissions (NDArray): (N, T) gradient of the emissions that the bias was added to.
    """
    gradient = np.zeros(learned.get_param(BIAS).shape, dtype=np.float32)
    rows, chosen = _rows(learned, evidence)
    np.add.at(gradient, rows[chosen], d_emissions[evidence.characters[chosen]])
    on_device: Any = learned.ops.asarray(cast(Any, gradient))
    learned.inc_grad(BIAS, on_device)


def _rows(learned: EvidenceModel, evidence: Evidence) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The parameter of each row of the evidence, and which rows have one."""
    numbers = _find(evidence.labels, learned.attrs["labels"])
    return 4 * numbers + evidence.places, numbers >= 0


def _find(labels: npt.NDArray[np.str_], known: Sequence[str]) -> Ints:
    """The number of each label among those known, -1 for others."""
    numbers = {label: number for number, label in enumerate(known)}
    names, inverse = np.unique(labels, return_inverse=True)
    return np.array([numbers.get(str(name), -1) for name in names], dtype=np.int64)[inverse]
