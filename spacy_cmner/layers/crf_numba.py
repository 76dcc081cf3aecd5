"""The CRF of ``crf.py`` for NumPy arrays: forward–backward and Viterbi compiled by numba.

Sums run in float64. One step of the forward recursion is a product of a vector and a matrix of
probabilities, relative to the largest entry of each, so that it needs T exponentials instead of T².
Where such a sum comes out too small to be trusted (scores thousands apart), that entry is summed
again in log space: the result is exact for any finite scores.

Functions mirror ``crf.py``, which documents and checks the arguments.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .crf import Bools, SpanPaths, TagMasks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Terms below the smallest float64 (1e-308) vanish; a sum above this has lost nothing by that.
_TRUSTED_SUM = 1e-280
# exp of this times a lost term is still nothing (1e260 * 1e-308).
_TRUSTED_EXPONENT = 600.0


class Moves(NamedTuple):
    """Scores of the moves from the row's tag to the column's.

    log ((T, T) float64): -inf where illegal.
    relative ((T, T) float64): exp(log - peak).
    peak (float): the largest legal score.
    first, stop ((T,) uint64): all legal columns of a row lie in range(first, stop). Unsigned, as
        numba vectorises a loop only where an index cannot be negative.
    """

    log: Floats
    relative: Floats
    peak: float
    first: npt.NDArray[np.uint64]
    stop: npt.NDArray[np.uint64]


def loss(
    emissions: npt.NDArray,
    lengths: Ints,
    allowed: Bools,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
) -> tuple[Floats, npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray]:
    losses, *gradients = _loss(
        _float64(emissions),
        lengths,
        np.ascontiguousarray(allowed),
        _float64(transitions),
        _masked(start, masks.start),
        _masked(end, masks.end),
        masks.transition,
    )
    inputs = (emissions, transitions, start, end)
    d_emissions, d_transitions, d_start, d_end = (
        gradient.astype(array.dtype, copy=False)
        for gradient, array in zip(gradients, inputs, strict=True)
    )
    return losses, d_emissions, d_transitions, d_start, d_end


def log_partition(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> Floats:
    return _messages(emissions, lengths, transitions, start, end, masks, allowed)[2]


def marginals(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> tuple[npt.NDArray, Floats]:
    alpha, gamma, log_z = _messages(emissions, lengths, transitions, start, end, masks, allowed)
    with np.errstate(invalid="ignore"):  # no path: reported by the caller
        log_p = alpha + gamma - emissions - np.repeat(log_z, lengths)[:, None]
    return np.exp(log_p).astype(emissions.dtype, copy=False), log_z


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
    alpha, gamma, log_z = _messages(emissions, lengths, transitions, start, end, masks, allowed)
    sentences, positions, tags, valid = paths
    steps = _float64(emissions)[positions[:, 1:], tags[:, 1:]]
    steps += transitions[tags[:, :-1], tags[:, 1:]]
    if allowed is not None:
        steps[~allowed[positions[:, 1:], tags[:, 1:]]] = -np.inf
    inner = np.where(valid[:, 1:], steps, 0.0).sum(axis=1)
    last = (positions[:, -1], tags[:, -1])
    with np.errstate(invalid="ignore"):  # no path: reported by the caller
        log_p = alpha[positions[:, 0], tags[:, 0]] + inner + gamma[last] - emissions[last]
        log_p -= log_z[sentences]
    return np.exp(log_p), log_z


def decode(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> tuple[npt.NDArray[np.int32], Floats]:
    return _viterbi(
        _float64(emissions),
        lengths,
        _all_allowed(emissions, allowed),
        _float64(transitions),
        _masked(start, masks.start),
        _masked(end, masks.end),
        masks.transition,
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
    scores = np.where(_all_allowed(emissions, allowed), _float64(emissions), -np.inf)
    moves = _masked(transitions, masks.transition)
    first, last = _masked(start, masks.start), _masked(end, masks.end)
    sentences = np.split(scores, np.cumsum(lengths))[:-1]
    return [_kbest(sentence, moves, first, last, k) for sentence in sentences]


def _messages(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> tuple[Floats, Floats, Floats]:
    return _forward_backward(
        _float64(emissions),
        lengths,
        _all_allowed(emissions, allowed),
        _float64(transitions),
        _masked(start, masks.start),
        _masked(end, masks.end),
        masks.transition,
    )


def _float64(array: npt.NDArray) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)


def _masked(scores: npt.NDArray, mask: Bools) -> Floats:
    return np.where(mask, _float64(scores), -np.inf)


def _all_allowed(emissions: npt.NDArray, allowed: Bools | None) -> Bools:
    if allowed is None:
        return np.ones(emissions.shape, dtype=np.bool_)
    return np.ascontiguousarray(allowed)


@njit(cache=True, nogil=True)
def _moves(transitions, mask):
    """Prepare ``Moves`` from raw scores and the mask of legal ones."""
    n_tags = len(mask)
    peak = -np.inf
    for i in range(n_tags):
        for j in range(n_tags):
            if mask[i, j]:
                peak = max(peak, transitions[i, j])
    log = np.full((n_tags, n_tags), -np.inf)
    relative = np.zeros((n_tags, n_tags))
    first = np.zeros(n_tags, np.uint64)
    stop = np.zeros(n_tags, np.uint64)
    for i in range(n_tags):
        for j in range(n_tags):
            if mask[i, j]:
                log[i, j] = transitions[i, j]
                relative[i, j] = np.exp(transitions[i, j] - peak)
                if stop[i] == 0:
                    first[i] = j
                stop[i] = j + 1
    return Moves(log, relative, peak, first, stop)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _step(source, moves, wanted, emission, weights, target):
    """target[j] = emission[j] + log Σ_i exp(source[i] + moves.log[i, j]) for the wanted j.

    The others become -inf. Leaves exp(source - peak) in ``weights`` and returns the peak, which is
    the largest of ``source``.
    """
    peak = -np.inf
    for i in range(len(source)):
        peak = max(peak, source[i])
        target[i] = 0.0
    for i in range(len(source)):
        weights[i] = 0.0
        if source[i] != -np.inf:
            weight = weights[i] = np.exp(source[i] - peak)
            for j in range(moves.first[i], moves.stop[i]):
                target[j] += weight * moves.relative[i, j]
    for j in range(len(target)):
        if not wanted[j]:
            target[j] = -np.inf
        elif target[j] > _TRUSTED_SUM:
            target[j] = emission[j] + peak + moves.peak + np.log(target[j])
        else:
            target[j] = emission[j] + _log_sum_exp(source, moves.log[:, j])
    return peak


@njit(cache=True, nogil=True)
def _sweep(emissions, allowed, first, moves, backward, logs, weights, peaks):
    """Messages along one sentence, from its start or, ``backward``, from its end.

    logs[t, j] becomes the log weight of all partial paths that reach, and include, tag j at t.
    weights[t] and peaks[t] become the same as exp(logs[t] - peaks[t]), for all but the last step.
    """
    length, n_tags = emissions.shape
    forwards = 1 if not backward else -1
    t = 0 if not backward else length - 1
    for j in range(n_tags):
        logs[t, j] = first[j] + emissions[t, j] if allowed[t, j] else -np.inf
    for _ in range(length - 1):
        source = t
        t += forwards
        peaks[source] = _step(
            logs[source], moves, allowed[t], emissions[t], weights[source], logs[t]
        )


@njit(cache=True, nogil=True)
def _add_expectations(
    sign, emissions, allowed, start, end, forth, back,
    alpha, alpha_weights, alpha_peaks, gamma, gamma_weights, gamma_peaks,
    d_emissions, d_relative, d_transitions,
):  # fmt: skip
    """Forward–backward over one sentence: log Z, and ``sign`` times the expected counts.

    Counts of moves go to ``d_relative``, still to be multiplied by ``forth.relative``, or, where
    that product could lose digits, straight to ``d_transitions``.
    """
    length, n_tags = emissions.shape
    _sweep(emissions, allowed, start, forth, False, alpha, alpha_weights, alpha_peaks)
    log_z = _log_sum_exp(alpha[length - 1], end)
    if not np.isfinite(log_z):
        return log_z
    _sweep(emissions, allowed, end, back, True, gamma, gamma_weights, gamma_peaks)
    for t in range(length):
        for j in range(n_tags):
            if allowed[t, j]:
                p = np.exp(alpha[t, j] + gamma[t, j] - emissions[t, j] - log_z)
                d_emissions[t, j] += sign * p
    for t in range(length - 1):
        exponent = alpha_peaks[t] + gamma_peaks[t + 1] + forth.peak - log_z
        if exponent < _TRUSTED_EXPONENT:
            scale = sign * np.exp(exponent)
            for i in range(n_tags):
                weight = scale * alpha_weights[t, i]
                if weight != 0.0:
                    for j in range(forth.first[i], forth.stop[i]):
                        d_relative[i, j] += weight * gamma_weights[t + 1, j]
        else:
            for i in range(n_tags):
                for j in range(forth.first[i], forth.stop[i]):
                    log_p = alpha[t, i] + forth.log[i, j] + gamma[t + 1, j] - log_z
                    d_transitions[i, j] += sign * np.exp(log_p)
    return log_z


@njit(cache=True, nogil=True)
def _loss(emissions, lengths, allowed, transitions, start, end, mask):
    n_tags = emissions.shape[1]
    forth = _moves(transitions, mask)
    back = _moves(transitions.T, mask.T)
    longest = max(1, lengths.max()) if len(lengths) else 1
    any_tag = np.ones((longest, n_tags), np.bool_)
    alpha, alpha_weights = np.empty((2, longest, n_tags))
    gamma, gamma_weights = np.empty((2, longest, n_tags))
    alpha_peaks, gamma_peaks = np.empty((2, longest))
    losses = np.zeros(len(lengths))
    d_emissions = np.zeros_like(emissions)
    d_relative = np.zeros((n_tags, n_tags))
    d_transitions = np.zeros((n_tags, n_tags))
    d_start = np.zeros(n_tags)
    d_end = np.zeros(n_tags)
    begin = 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n > 0:
            scores = emissions[begin : begin + n]
            gradient = d_emissions[begin : begin + n]
            for sign in (1.0, -1.0):
                permitted = any_tag[:n] if sign > 0 else allowed[begin : begin + n]
                losses[b] += sign * _add_expectations(
                    sign, scores, permitted, start, end, forth, back,
                    alpha[:n], alpha_weights[:n], alpha_peaks[:n],
                    gamma[:n], gamma_weights[:n], gamma_peaks[:n],
                    gradient, d_relative, d_transitions,
                )  # fmt: skip
            d_start += gradient[0]
            d_end += gradient[n - 1]
        begin += n
    d_transitions += d_relative * forth.relative
    return losses, d_emissions, d_transitions, d_start, d_end


@njit(cache=True, nogil=True)
def _forward_backward(emissions, lengths, allowed, transitions, start, end, mask):
    """Log messages from the start and from the end, both including the tag's own emission."""
    forth = _moves(transitions, mask)
    back = _moves(transitions.T, mask.T)
    alpha, gamma, weights = np.empty((3, *emissions.shape))
    peaks = np.empty(len(emissions))
    log_z = np.zeros(len(lengths))
    begin = 0
    for b in range(len(lengths)):
        if lengths[b] > 0:
            s = slice(begin, begin + lengths[b])
            _sweep(emissions[s], allowed[s], start, forth, False, alpha[s], weights[s], peaks[s])
            _sweep(emissions[s], allowed[s], end, back, True, gamma[s], weights[s], peaks[s])
            log_z[b] = _log_sum_exp(alpha[begin + lengths[b] - 1], end)
        begin += lengths[b]
    return alpha, gamma, log_z


@njit(cache=True, nogil=True)
def _best(scores, moves_to):
    """The lowest index of the largest sum, and that sum."""
    best, best_score = 0, -np.inf
    for i in range(len(scores)):
        if scores[i] + moves_to[i] > best_score:
            best, best_score = i, scores[i] + moves_to[i]
    return best, best_score


@njit(cache=True, nogil=True)
def _viterbi(emissions, lengths, allowed, transitions, start, end, mask):
    """Keep the best score of each tag, no pointers: the way back finds them again in O(T)."""
    n_tags = emissions.shape[1]
    moves = _moves(transitions, mask)
    moves_to = np.ascontiguousarray(moves.log.T)
    tags = np.zeros(len(emissions), np.int32)
    scores = np.zeros(len(lengths))
    delta = np.full(emissions.shape, -np.inf)
    begin = 0
    for b in range(len(lengths)):
        stop = begin + lengths[b]
        for t in range(begin, stop):
            row = delta[t]
            if t == begin:
                row[:] = start
            else:
                for i in range(n_tags):
                    reached = delta[t - 1, i]
                    if reached > -np.inf:
                        for j in range(moves.first[i], moves.stop[i]):
                            row[j] = max(row[j], reached + moves.log[i, j])
            for j in range(n_tags):
                row[j] = row[j] + emissions[t, j] if allowed[t, j] else -np.inf
        if stop > begin:
            tags[stop - 1], scores[b] = _best(delta[stop - 1], end)
            for t in range(stop - 2, begin - 1, -1):
                tags[t] = _best(delta[t], moves_to[tags[t + 1]])[0]
        begin = stop
    return tags, scores


@njit(cache=True, nogil=True)
def _insert(scores, pointers, score, pointer):
    """Put a candidate into a list of the best ones, sorted from the best; False if too bad."""
    place = len(scores) - 1
    if not score > scores[place]:
        return False
    while place > 0 and score > scores[place - 1]:
        scores[place] = scores[place - 1]
        pointers[place] = pointers[place - 1]
        place -= 1
    scores[place] = score
    pointers[place] = pointer
    return True


@njit(cache=True, nogil=True)
def _kbest(emissions, transitions, start, end, k):
    """Viterbi that keeps k predecessors per tag; a pointer is ``tag * k + rank``.

    Scores of what is illegal or not allowed are -inf.
    """
    length, n_tags = emissions.shape
    if length == 0:
        return np.zeros((1, 0), np.int32), np.zeros(1)
    delta = np.full((length, n_tags, k), -np.inf)
    pointers = np.zeros((length, n_tags, k), np.int64)
    delta[0, :, 0] = start + emissions[0]
    for t in range(1, length):
        for j in range(n_tags):
            for i in range(n_tags):
                for r in range(k):
                    score = delta[t - 1, i, r] + transitions[i, j] + emissions[t, j]
                    if not _insert(delta[t, j], pointers[t, j], score, i * k + r):
                        break
    scores = np.full(k, -np.inf)
    pointer = np.zeros(k, np.int64)
    for i in range(n_tags):
        for r in range(k):
            if not _insert(scores, pointer, delta[-1, i, r] + end[i], i * k + r):
                break
    found = (scores > -np.inf).sum()
    paths = np.zeros((found, length), np.int32)
    for m in range(found):
        at = pointer[m]
        for t in range(length - 1, -1, -1):
            paths[m, t] = at // k
            at = pointers[t, at // k, at % k]
    return paths, scores[:found]
