"""Is the difference between two systems' F1 more than chance?

Two tests over documents, since the entities of one document are not independent:

- the paired bootstrap: how the difference would vary over other samples of documents
  (Koehn, 2004, "Statistical Significance Tests for Machine Translation Evaluation";
  Berg-Kirkpatrick et al., 2012, "An Empirical Investigation of Statistical Significance in NLP");
- approximate randomisation: how large it would be if the systems were interchangeable
  (Noreen, 1989; Yeh, 2000, "More accurate tests for the statistical significance of result
  differences").

Both need only three numbers of a document and system. Documents with the same numbers are
interchangeable, so a sample is drawn of groups of them: the same distribution, in far fewer
draws, because most documents are alike.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spacy_cmner.data.records import Entity
from spacy_cmner.errors import Messages

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_CHUNK = 1 << 22  # numbers drawn at once: 32 MB
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Significance:
    """The F1 of system A less that of system B, and what chance can do.

    difference (float): on the data themselves, from -1 to 1.
    low (float): lower end of its 95 % confidence interval, from the bootstrap's percentiles.
    high (float): upper end.
    p_bootstrap (float): two-sided; how often the bootstrap's difference lies as far from the
        observed one as that lies from 0.
    p_randomisation (float): two-sided; how often a difference as large arises where the systems'
        predictions are exchanged at random. Both p-values count the observation itself as a
        sample, so they are never 0.
    """

    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_randomisation: float


def count_documents(gold: Sequence[Set[Entity]], predicted: Sequence[Set[Entity]]) -> Ints:
    """The sufficient statistics of F1.

    RETURNS (Ints2d): (documents, 2): how many entities are correct; how many are gold or
        predicted, correct ones counted twice.
    """
    rows = [
        (len(expected & found), len(expected) + len(found))
        for expected, found in zip(gold, predicted, strict=True)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def compare_f1(a: Ints, b: Ints, *, samples: int = 10_000, seed: int = 0) -> Significance:
    """Test whether the F1 of two systems differs on the same documents.

    a (Ints2d): what ``count_documents`` gives for system A.
    b (Ints2d): the same for system B, over the same documents and gold.
    samples (int): how many samples each test draws.
    seed (int): the same seed gives the same figures.
    RAISES: CM508 if the systems were counted on different numbers of documents, or without
        samples.
    """
    if len(a) != len(b) or samples < 1:
        raise Messages.CM508.error(a=len(a), b=len(b), samples=samples)
    groups, sizes = np.unique(np.hstack([a, b]), axis=0, return_counts=True)
    observed = float(_difference(sizes @ groups))
    rng = np.random.default_rng(seed)
    resampled = _sample(groups, samples, lambda n: _resample(rng, sizes, n) @ groups)
    exchanged = _sample(groups, samples, lambda n: _exchange(rng, groups, sizes, n))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Significance(
        observed,
        float(low),
        float(high),
        _p_value(resampled - observed, observed),
        _p_value(exchanged, observed),
    )


def _sample(groups: Ints, samples: int, draw: Callable[[int], Ints]) -> Floats:
    """The difference in each sample, drawn in chunks that fit the memory."""
    step = max(1, _CHUNK // max(1, len(groups)))
    sizes = [min(step, samples - start) for start in range(0, samples, step)]
    return np.concatenate([_difference(draw(size)) for size in sizes])


def _resample(rng: np.random.Generator, sizes: Ints, samples: int) -> Ints:
    """How often each group is drawn when all documents are drawn with replacement: (samples, G)."""
    total = sizes.sum()
    if not total:
        return np.zeros((samples, 0), dtype=np.int64)
    return rng.multinomial(total, sizes / total, size=samples)


def _exchange(rng: np.random.Generator, groups: Ints, sizes: Ints, samples: int) -> Ints:
    """The sums (samples, 4) after the systems' counts are exchanged in half of the documents."""
    exchanged = rng.binomial(sizes, 0.5, size=(samples, len(sizes)))  # (samples, G)
    swapped = np.hstack([groups[:, 2:], groups[:, :2]])
    return sizes @ groups + exchanged @ (swapped - groups)


def _difference(sums: Ints) -> Floats:
    """F1 of A less F1 of B, of sums (…, 4)."""
    correct, entities = sums[..., [0, 2]], sums[..., [1, 3]]
    f1 = 2 * correct / np.maximum(entities, 1)
    return f1[..., 0] - f1[..., 1]


def _p_value(differences: Floats, observed: float) -> float:
    extreme = np.count_nonzero(np.abs(differences) >= abs(observed) - _ROUNDING)
    return float(extreme + 1) / (len(differences) + 1)
