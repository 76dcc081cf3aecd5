"""What ``crf_spans.py`` computes, for NumPy arrays and compiled by numba.

The messages of forward–backward stay relative weights: a logarithm is taken only of those that the
probability of an entity is made of.

Functions mirror ``crf_spans.py``, which documents the arguments.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spacy_cmner.jit import jit
from spacy_cmner.layers.crf import BEGIN, INSIDE, LAST, SINGLE, Bools, TagMasks
from spacy_cmner.layers.crf_chain_numba import (
    Floats,
    Ints,
    prepare_chain,
    prepare_rows,
    rows_between,
    to_float64,
)
from spacy_cmner.layers.crf_numba import (
    add_marginals,
    empty_messages,
    log_partition,
    span_probability,
    sweep,
)

# How far rounding may put the probability of a tag below that of an entity it is part of.
_ROUNDING = 1e-4


class LikelySpans(NamedTuple):
    """Entities of a packed batch, in the order of their starts.

    starts, ends, labels ((M,) int64): packed positions and the numbers of the labels.
    probabilities ((M,) float64): exact but for the rounding of the emissions.
    """

    starts: Ints
    ends: Ints
    labels: Ints
    probabilities: Floats


def likely_spans(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    threshold: float,
    allowed: Bools | None,
) -> tuple[LikelySpans, Floats]:
    """All entities that may be as probable as the threshold, and log Z of the sentences (B,).

    No entity is more probable than any of its tags.
    """
    rows, chain = prepare_rows(emissions, allowed), prepare_chain(transitions, start, end, masks)
    spans, probabilities, log_z = _likely_spans(rows, lengths, chain, threshold)
    starts, ends, labels = np.ascontiguousarray(spans.T)
    return LikelySpans(starts, ends, labels, np.minimum(probabilities[:, 0], 1.0)), log_z


@jit()
def _likely_spans(rows, lengths, chain, least):
    n_tags = rows.scores.shape[1]
    longest = max(1, lengths.max()) if len(lengths) else 1
    alpha, gamma = empty_messages(longest, n_tags), empty_messages(longest, n_tags)
    marginals = np.empty((longest, n_tags))
    spans, probabilities = np.empty((256, 3), np.int64), np.empty((256, 1))
    log_z = np.zeros(len(lengths))
    found, stop = 0, 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        begin, stop = stop, stop + n
        sentence = rows_between(rows, begin, stop)
        sweep(sentence, chain.start, chain.forth, alpha)
        log_z[b] = log_partition(alpha, n, chain.end)
        if not np.isfinite(log_z[b]):
            continue
        sweep(sentence, chain.end, chain.back, gamma)
        marginals[:n] = 0.0
        scores = sentence.scores
        add_marginals(1.0, scores, alpha, gamma, log_z[b], marginals, 0, least - _ROUNDING)
        known = found
        spans, found = _add_possible(marginals, n, least - _ROUNDING, spans, found)
        if len(probabilities) < len(spans):
            probabilities = _longer(probabilities, len(spans))
        for m in range(known, found):
            first, last, k = spans[m, 0], spans[m, 1] - 1, spans[m, 2]
            probabilities[m, 0] = span_probability(
                first, last, k, sentence, alpha, gamma, log_z[b], chain.forth
            )
            spans[m, 0] += begin
            spans[m, 1] += begin
    return spans[:found], probabilities[:found], log_z


@jit()
def _add_possible(marginals, length, least, spans, found):
    """Add the spans of one sentence all of whose tags are likely; the spans and their number."""
    for t in range(length):
        if 1.0 - marginals[t, 0] < least:
            continue
        for k in range(marginals.shape[1] // 4):
            if len(spans) < found + length:
                spans = _longer(spans, 2 * (found + length))
            if marginals[t, 4 * k + SINGLE] >= least:
                spans[found, 0], spans[found, 1], spans[found, 2] = t, t + 1, k
                found += 1
            if marginals[t, 4 * k + BEGIN] >= least:
                for u in range(t + 1, length):
                    if marginals[u, 4 * k + LAST] >= least:
                        spans[found, 0], spans[found, 1], spans[found, 2] = t, u + 1, k
                        found += 1
                    if marginals[u, 4 * k + INSIDE] < least:
                        break
    return spans, found


@jit()
def _longer(rows, size):
    longer = np.empty((size, rows.shape[1]), rows.dtype)
    for m in range(len(rows)):
        for column in range(rows.shape[1]):
            longer[m, column] = rows[m, column]
    return longer


def choose_apart(starts: Ints, ends: Ints, gains: Floats) -> Ints:
    order = np.argsort(ends, kind="stable")
    order = order[gains[order] >= 0]
    before = np.searchsorted(ends[order], starts[order], side="right")
    return order[_choose(before, to_float64(gains[order]))]


@jit()
def _choose(before, gains):
    """before ((M,) int64): how many of the spans, in the order of their ends, end before each."""
    n = len(gains)
    gain, size = np.zeros(n + 1), np.zeros(n + 1, np.int64)  # of the best of the first n spans
    for i in range(n):
        with_it, more = gain[before[i]] + gains[i], size[before[i]] + 1
        better = with_it > gain[i] or (with_it == gain[i] and more > size[i])
        gain[i + 1] = with_it if better else gain[i]
        size[i + 1] = more if better else size[i]
    left = size[n]
    chosen = np.empty(left, np.int64)
    while n:
        n -= 1
        if gain[n + 1] != gain[n] or size[n + 1] != size[n]:
            left -= 1
            chosen[left] = n
            n = before[n]
    return chosen
