"""The CRF of ``crf.py`` for NumPy arrays, compiled by numba: forward–backward is here.

Sums run in float64. A step of a recursion is a product of a vector and a matrix of weights, each
relative to its largest entry, so that a character costs one logarithm instead of T² exponentials.
Where a product comes out too small to be trusted (scores thousands apart), that step is taken in
log space instead: the result is exact for any finite scores.

In loops, arrays are taken from their tuple beforehand, and steps in log space are left to a loop of
their own: either takes numba longer than the arithmetic.

Functions mirror ``crf.py``, which documents and checks the arguments.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spacy_cmner.jit import jit
from spacy_cmner.layers.crf import BEGIN, INSIDE, LAST, SINGLE, Bools, SpanPaths, TagMasks
from spacy_cmner.layers.crf_best_numba import kbest_paths, viterbi
from spacy_cmner.layers.crf_chain_numba import (
    Floats,
    Ints,
    Rows,
    all_allowed,
    masked,
    prepare_chain,
    prepare_moves,
    prepare_rows,
    rows_between,
    to_float64,
)

# Terms below the smallest float64 (1e-308) vanish; a sum above this has lost nothing by that.
_TRUSTED_SUM = 1e-280
# exp of this times a lost term is still nothing (1e260 * 1e-308).
_TRUSTED_EXPONENT = 600.0


class SweepMessages(NamedTuple):
    """Weights of all partial paths that reach, and include, a tag, from one end of a sentence: the
    messages of forward–backward.

    A row is linear, or, where weights may have underflown to 0, also in logs.

    weights ((L, T) float64): relative to the largest of the row.
    peaks ((L,) float64): the logarithm of that largest weight.
    arriving ((L, T) float64): the same before the emission is multiplied in; linear rows only.
    bases ((L,) float64): the logarithm of the unit of ``arriving``.
    in_logs ((L,) bool): which rows are in logs.
    logs ((L, T) float64): the logarithms of the weights, -inf where no path arrives.
    """

    weights: Floats
    peaks: Floats
    arriving: Floats
    bases: Floats
    in_logs: Bools
    logs: Floats


def loss(
    emissions: npt.NDArray,
    lengths: Ints,
    allowed: Bools,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
) -> tuple[Floats, npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray]:
    rows = prepare_rows(to_float64(emissions), allowed)
    losses, *gradients = _loss(rows, lengths, prepare_chain(transitions, start, end, masks))
    inputs = (emissions, transitions, start, end)
    d_emissions, d_transitions, d_start, d_end = (
        gradient.astype(array.dtype, copy=False)
        for gradient, array in zip(gradients, inputs, strict=True)
    )
    return losses, d_emissions, d_transitions, d_start, d_end


def path_probabilities(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    paths: SpanPaths,
    allowed: Bools | None,
) -> tuple[Floats, Floats]:
    rows, chain = prepare_rows(emissions, allowed), prepare_chain(transitions, start, end, masks)
    order = np.argsort(paths.sentences, kind="stable")
    labels = (paths.tags[order, 0] - BEGIN) // 4
    spans = np.stack([paths.positions[order, 0], paths.positions[order, -1] + 1, labels], axis=1)
    probabilities = np.empty(len(order))
    probabilities[order], log_z = _span_probabilities(rows, lengths, chain, spans)
    return probabilities, log_z


def decode(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> tuple[npt.NDArray[np.int32], Floats]:
    moves = prepare_moves(transitions, masks.transition)
    return viterbi(
        np.ascontiguousarray(emissions),
        lengths,
        all_allowed(emissions, allowed),
        moves,
        masked(start, masks.start),
        masked(end, masks.end),
    )


def kbest(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    k: int,
    allowed: Bools | None,
) -> list[tuple[npt.NDArray[np.int32], Floats]]:
    scores = np.where(all_allowed(emissions, allowed), to_float64(emissions), -np.inf)
    moves = masked(transitions, masks.transition)
    first, last = masked(start, masks.start), masked(end, masks.end)
    sentences = np.split(scores, np.cumsum(lengths))[:-1]
    return [kbest_paths(sentence, moves, first, last, k) for sentence in sentences]


@jit()
def _log_sum_exp(scores, more):
    """log Σ exp(scores + more)."""
    peak = -np.inf
    for i in range(len(scores)):
        peak = max(peak, scores[i] + more[i])
    if peak == -np.inf:
        return peak
    total = 0.0
    for i in range(len(scores)):
        total += np.exp(scores[i] + more[i] - peak)
    return peak + np.log(total)


@jit()
def empty_messages(length, n_tags):
    return SweepMessages(
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty(length, np.bool_),
        np.empty((length, n_tags)),
    )


@jit()
def log_weight(messages, t, j):
    if messages.in_logs[t]:
        return messages.logs[t, j]
    return messages.peaks[t] + np.log(messages.weights[t, j])


@jit(fastmath={"contract", "nnan", "nsz"})
def _pass_on(step, rows, moves, messages):
    """Take linear steps, up to the first that cannot be trusted; that step, or the length."""
    _, tops, relative, allowed = rows
    weights, peaks, arriving, bases, in_logs, _ = messages
    length, n_tags = relative.shape
    sources, targets, block = moves.sources, moves.targets, moves.block
    inner, others, between = moves.inner, moves.others, moves.relative
    sums = np.empty(block.shape[1])
    while step < length:
        t = length - 1 - step if moves.backward else step
        source = t + 1 if moves.backward else t - 1
        for b in range(len(sums)):
            sums[b] = 0.0
        for a in range(len(sources)):
            weight = weights[source, sources[a]]
            for b in range(len(sums)):
                sums[b] += weight * block[a, b]
        for b in range(len(targets)):
            arriving[t, targets[b]] = sums[b]
        for m in range(len(inner)):
            i, k, j = others[2 * m, 0], others[2 * m + 1, 0], inner[m]
            arriving[t, j] = weights[source, i] * between[i, j] + weights[source, k] * between[k, j]
        top, lowest = 0.0, np.inf
        for j in range(n_tags):
            weight = arriving[t, j] * relative[t, j]
            weights[t, j] = weight if allowed[t, j] else 0.0
            top = max(top, weights[t, j])
            lowest = min(lowest, weight if allowed[t, j] else np.inf)
        if not (top > 0.0 and lowest > _TRUSTED_SUM):
            break
        in_logs[t] = False
        scale = 1.0 / top
        for j in range(n_tags):
            weights[t, j] *= scale
        bases[t] = peaks[source] + moves.peak
        peaks[t] = bases[t] + tops[t] + np.log(top)
        step += 1
    return step


@jit()
def sweep(rows, first, moves, messages):
    """Pass messages along one sentence, from its start or from its end, as the moves go."""
    scores, _, _, allowed = rows
    length, n_tags = scores.shape
    weights, peaks, arriving, bases, in_logs, logs = messages
    start, relative_start, between = first.log, first.relative, moves.log
    step = 0
    while step < length:
        t = length - 1 - step if moves.backward else step
        source = t + 1 if moves.backward else t - 1
        if step > 0:
            for i in range(n_tags):
                logs[source, i] = log_weight(messages, source, i)
        peaks[t] = -np.inf
        for j in range(n_tags):
            logs[t, j] = -np.inf
            if allowed[t, j]:
                before = _log_sum_exp(logs[source], between[:, j]) if step > 0 else start[j]
                logs[t, j] = before + scores[t, j]
            peaks[t] = max(peaks[t], logs[t, j])
        lowest = np.inf
        for j in range(n_tags):
            arriving[t, j] = relative_start[j]
            weights[t, j] = 0.0
            if logs[t, j] != -np.inf:
                weights[t, j] = np.exp(logs[t, j] - peaks[t])
                lowest = min(lowest, weights[t, j])
        bases[t] = first.peak
        in_logs[t] = step > 0 or lowest <= _TRUSTED_SUM
        step = _pass_on(step + 1, rows, moves, messages)


@jit()
def log_partition(alpha, length, end):
    """log Z, of the messages from the start of a sentence."""
    t = length - 1
    weights, relative = alpha.weights, end.relative
    total = 0.0
    for j in range(len(relative)):
        total += weights[t, j] * relative[j]
    if total > _TRUSTED_SUM and not alpha.in_logs[t]:
        return alpha.peaks[t] + end.peak + np.log(total)
    logs = np.empty(len(relative))
    for j in range(len(logs)):
        logs[j] = log_weight(alpha, t, j)
    return _log_sum_exp(logs, end.log)


@jit()
def _marginal(t, j, scores, alpha, gamma, log_z):
    """The posterior probability of tag j of one character."""
    exponent = alpha.peaks[t] + gamma.bases[t] - log_z
    if not gamma.in_logs[t] and exponent < _TRUSTED_EXPONENT:
        return np.exp(exponent) * alpha.weights[t, j] * gamma.arriving[t, j]
    return np.exp(log_weight(alpha, t, j) + log_weight(gamma, t, j) - scores[t, j] - log_z)


@jit()
def add_marginals(sign, scores, alpha, gamma, log_z, marginals, start, least):
    """Add ``sign`` times the posterior probability of each tag of each character of a sentence to
    the rows of ``marginals`` from ``start`` on; of O only, where all others together have less than
    ``least``."""
    left, left_units = alpha.weights, alpha.peaks
    right, right_units, in_logs = gamma.arriving, gamma.bases, gamma.in_logs
    length, n_tags = scores.shape
    for t in range(length):
        exponent = left_units[t] + right_units[t] - log_z
        if not in_logs[t] and exponent < _TRUSTED_EXPONENT:
            scale = np.exp(exponent)
            n_wanted = n_tags if 1.0 - scale * left[t, 0] * right[t, 0] >= least else 1
            scale *= sign
            for j in range(n_wanted):
                marginals[start + t, j] += scale * left[t, j] * right[t, j]
    for t in range(length):
        if in_logs[t] or left_units[t] + right_units[t] - log_z >= _TRUSTED_EXPONENT:
            for j in range(n_tags):
                marginals[start + t, j] += sign * _marginal(t, j, scores, alpha, gamma, log_z)


@jit()
def _add_moves(sign, length, alpha, gamma, moves, log_z, d_block, d_transitions):
    """Add ``sign`` times the expected counts of the moves of one sentence.

    Those of the block go to ``d_block``, still to be multiplied by it, or, where that product could
    lose digits, straight to ``d_transitions``.
    """
    left, left_units, right, right_units = alpha.weights, alpha.peaks, gamma.weights, gamma.peaks
    sources, targets, others, relative = moves.sources, moves.targets, moves.others, moves.relative
    log = moves.log
    arriving = np.zeros(d_block.shape[1])
    for t in range(length - 1):
        exponent = left_units[t] + right_units[t + 1] + moves.peak - log_z
        if exponent >= _TRUSTED_EXPONENT:
            continue
        scale = sign * np.exp(exponent)
        for m in range(len(others)):
            i, j = others[m, 0], others[m, 1]
            d_transitions[i, j] += scale * left[t, i] * right[t + 1, j] * relative[i, j]
        for b in range(len(targets)):
            arriving[b] = scale * right[t + 1, targets[b]]
        for a in range(len(sources)):
            weight = left[t, sources[a]]
            if weight != 0.0:
                for b in range(len(arriving)):
                    d_block[a, b] += weight * arriving[b]
    for t in range(length - 1):
        if left_units[t] + right_units[t + 1] + moves.peak - log_z >= _TRUSTED_EXPONENT:
            for i in range(len(log)):
                for j in range(len(log)):
                    log_p = log_weight(alpha, t, i) + log[i, j] + log_weight(gamma, t + 1, j)
                    d_transitions[i, j] += sign * np.exp(log_p - log_z)


@jit()
def _loss(rows, lengths, chain):
    n_tags = rows.scores.shape[1]
    longest = max(1, lengths.max()) if len(lengths) else 1
    any_tag = np.ones((longest, n_tags), np.bool_)
    alpha = empty_messages(longest, n_tags)
    gamma = empty_messages(longest, n_tags)
    losses = np.zeros(len(lengths))
    d_emissions = np.zeros_like(rows.scores)
    d_block = np.zeros_like(chain.forth.block)
    d_transitions = np.zeros((n_tags, n_tags))
    d_start = np.zeros(n_tags)
    d_end = np.zeros(n_tags)
    stop = 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        begin, stop = stop, stop + n
        restricted = rows_between(rows, begin, stop)
        scores = restricted.scores
        free = Rows(scores, restricted.tops, restricted.relative, any_tag[:n])
        for sign, sentence in ((1.0, free), (-1.0, restricted)):
            sweep(sentence, chain.start, chain.forth, alpha)
            log_z = log_partition(alpha, n, chain.end)
            losses[b] += sign * log_z
            if np.isfinite(log_z):
                sweep(sentence, chain.end, chain.back, gamma)
                add_marginals(sign, scores, alpha, gamma, log_z, d_emissions, begin, -np.inf)
                _add_moves(sign, n, alpha, gamma, chain.forth, log_z, d_block, d_transitions)
        d_start += d_emissions[begin]
        d_end += d_emissions[stop - 1]
    sources, targets, block = chain.forth.sources, chain.forth.targets, chain.forth.block
    for a in range(len(sources)):
        for b in range(len(targets)):
            d_transitions[sources[a], targets[b]] += d_block[a, b] * block[a, b]
    return losses, d_emissions, d_transitions, d_start, d_end


@jit()
def _span_probabilities(rows, lengths, chain, spans):
    """Of packed spans ((M, 3) int64), those of one sentence after those of another; and log Z."""
    n_tags = rows.scores.shape[1]
    longest = max(1, lengths.max()) if len(lengths) else 1
    alpha, gamma = empty_messages(longest, n_tags), empty_messages(longest, n_tags)
    probabilities, log_z = np.zeros(len(spans)), np.zeros(len(lengths))
    m, stop = 0, 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        begin, stop = stop, stop + n
        sentence = rows_between(rows, begin, stop)
        sweep(sentence, chain.start, chain.forth, alpha)
        log_z[b] = log_partition(alpha, n, chain.end)
        if m < len(spans) and spans[m, 0] < stop:
            sweep(sentence, chain.end, chain.back, gamma)
        while m < len(spans) and spans[m, 0] < stop:
            first, last, k = spans[m, 0] - begin, spans[m, 1] - 1 - begin, spans[m, 2]
            probabilities[m] = span_probability(
                first, last, k, sentence, alpha, gamma, log_z[b], chain.forth
            )
            m += 1
    return probabilities, log_z


@jit()
def span_probability(first, last, k, rows, alpha, gamma, log_z, moves):
    """The share that the paths through a span of label k have in the weight of all paths."""
    scores, tops, relative, allowed = rows
    if first == last:
        return _marginal(first, 4 * k + SINGLE, scores, alpha, gamma, log_z)
    tag, inside, end = 4 * k + BEGIN, 4 * k + INSIDE, 4 * k + LAST
    log_p = log_weight(alpha, first, tag) - log_z
    for t in range(first + 1, last):
        if not allowed[t, inside]:
            return 0.0
        # The rounded weights that the messages are made of, so that what is certain comes out as 1.
        weight = np.float64(relative[t, inside])
        emission = tops[t] + np.log(weight) if weight > 0.0 else scores[t, inside]
        log_p += moves.log[tag, inside] + emission
        tag = inside
    return np.exp(log_p + moves.log[tag, end] + log_weight(gamma, last, end))
