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

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .crf import Array, Span, TagScheme, crf_marginals, crf_posterior, crf_span_scores

CERTAIN = 1 - 1e-9

# How far rounding may put the probability of a tag below that of an entity it is part of.
_ROUNDING = 1e-4


def crf_decode_spans(
    emissions: Array,
    lengths: Array,
    transitions: Array,
    start: Array,
    end: Array,
    scheme: TagScheme,
    threshold: float,
    allowed: Array | None = None,
) -> tuple[list[Span], npt.NDArray[np.float64]]:
    """The entities, without overlaps, whose probabilities exceed the threshold by the most in sum.

    threshold (float): τ, above 0: entities are searched for among those at least as probable.
    Other arguments and errors as ``crf.crf_span_scores``.
    RETURNS (Tuple[List[Span], NDArray]): the entities in packed positions and in the order of the
        text, and their exact probabilities.
    """
    arrays = (emissions, lengths, transitions, start, end)
    posterior = crf_posterior(*arrays, scheme.masks, allowed)
    tags = crf_marginals(*arrays, scheme.masks, allowed, posterior)
    marginals = tags if isinstance(tags, np.ndarray) else tags.cpu().numpy()
    spans = list(_possible(marginals, scheme, threshold))
    scores = crf_span_scores(*arrays, scheme, spans, allowed, posterior)
    probabilities = scores if isinstance(scores, np.ndarray) else scores.cpu().numpy()
    # What was decided beforehand has a probability of 1 but for rounding, and always stays.
    chosen = choose_apart(spans, np.where(probabilities > CERTAIN, 1, probabilities) - threshold)
    return [spans[i] for i in chosen], probabilities[chosen]


def _possible(marginals: npt.NDArray, scheme: TagScheme, threshold: float) -> Iterator[Span]:
    """All entities that may be as probable as the threshold: none is more so than any of its
    tags."""
    likely = marginals >= threshold - _ROUNDING
    for k, label in enumerate(scheme.labels):
        begin, inside, last, single = likely[:, 1 + 4 * k : 5 + 4 * k].T
        for i in np.flatnonzero(single).tolist():
            yield i, i + 1, label
        for i in np.flatnonzero(begin).tolist():
            # No tag I or E is possible on a sentence's first character, so this ends with it.
            for j in range(i + 1, len(likely)):
                if last[j]:
                    yield i, j + 1, label
                if not inside[j]:
                    break


def choose_apart(spans: Sequence[Span], gains: npt.NDArray[np.float64]) -> list[int]:
    """The spans without overlaps that gain the most in sum: weighted interval scheduling.

    spans (Sequence[Span]): in any order.
    gains (NDArray): one a span; of two equal sums that with more spans is taken.
    RETURNS (List[int]): their numbers, in the order of the text.
    """
    order = sorted((i for i in range(len(spans)) if gains[i] >= 0), key=lambda i: spans[i][1])
    ends = [spans[i][1] for i in order]
    # The best of the first n spans: its gain, and how many came before its last one.
    best = [(0.0, 0)]
    before: list[int] = []
    for n, i in enumerate(order):
        compatible = bisect_right(ends, spans[i][0], hi=n)
        before.append(compatible)
        gain, size = best[compatible]
        best.append(max(best[n], (gain + float(gains[i]), size + 1)))
    chosen = []
    n = len(order)
    while n:
        if best[n] == best[n - 1]:
            n -= 1
        else:
            chosen.append(order[n - 1])
            n = before[n - 1]
    return chosen[::-1]
