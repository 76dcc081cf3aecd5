"""Entities that are probable each, instead of those of the one most probable tag sequence.

The best sequence is right as a whole more often than any other, which is not what entities are
judged by. Among all sets of entities without overlaps, the one with the most

    Σ (p(s) − τ)   over its entities s

is best for an expected count of right entities in which each one that is put out costs τ: a
decision of minimum Bayes risk (Goodman, 1996, Parsing Algorithms and Metrics, on trees). For F1 the
best τ is half of the F1 that is reached (Lipton, Elkan and Narayanaswamy, 2014, Optimal
Thresholding of Classifiers to Maximize F1 Measure): an unsure model gains most, by entities that
each are less probable than not.
"""

import numpy as np
import numpy.typing as npt

from spacy_cmner.layers.crf import Span, TagScheme, check_shapes, require_finite

CERTAIN = 1 - 1e-6


def crf_decode_spans(
    emissions: npt.NDArray,
    lengths: npt.NDArray,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    scheme: TagScheme,
    threshold: float,
    allowed: npt.NDArray | None = None,
) -> tuple[list[Span], npt.NDArray[np.float64]]:
    """The entities, without overlaps, whose probabilities exceed the threshold by the most in sum.

    On the CPU only.

    threshold (float): τ, above 0: entities are searched for among those at least as probable.
    Other arguments and errors as ``crf.crf_span_scores``, NumPy arrays only.
    RETURNS (Tuple[List[Span], NDArray]): the entities in packed positions and in the order of the
        text, and their probabilities, exact but for the rounding of the emissions' type.
    """
    from spacy_cmner.layers.crf_spans_numba import likely_spans

    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, scheme.masks)
    (starts, ends, labels, probabilities), log_z = likely_spans(
        emissions, sizes, transitions, start, end, scheme.masks, threshold, allowed
    )
    require_finite(log_z, emissions, sizes)
    # What was decided beforehand has a probability of 1 but for rounding, and always stays.
    gains = np.where(probabilities > CERTAIN, 1.0, probabilities) - threshold
    chosen = choose_apart(starts, ends, gains)
    names = [scheme.labels[label] for label in labels[chosen].tolist()]
    spans = zip(starts[chosen].tolist(), ends[chosen].tolist(), names, strict=True)
    return list(spans), probabilities[chosen]


def choose_apart(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], gains: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """The spans without overlaps that gain the most in sum: weighted interval scheduling.

    starts, ends, gains (NDArray): (M,) each, in any order.
    RETURNS (NDArray): the numbers of those chosen, in the order of the text; of two equal sums that
        with more spans is taken.
    """
    from spacy_cmner.layers import crf_spans_numba

    return crf_spans_numba.choose_apart(starts, ends, gains)
