"""The CRF of ``crf.py`` for NumPy arrays: forward–backward and Viterbi compiled by numba.

Sums run in float64. A step of a recursion is a product of a vector and a matrix of weights, each
relative to its largest entry, so that a character costs one logarithm instead of T² exponentials.
Where a product comes out too small to be trusted (scores thousands apart), that step is taken in
log space instead: the result is exact for any finite scores.

Functions mirror ``crf.py``, which documents and checks the arguments.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .crf import Bools, Posterior, SpanPaths, TagMasks

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


class Messages(NamedTuple):
    """Weights of all partial paths that reach, and include, a tag, from one end of a sentence.

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
    losses, *gradients = _loss(
        *_relative(emissions),
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


def posterior(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> Posterior[npt.NDArray]:
    return Posterior(
        *_forward_backward(
            *_relative(emissions),
            lengths,
            _all_allowed(emissions, allowed),
            _float64(transitions),
            _masked(start, masks.start),
            _masked(end, masks.end),
            masks.transition,
        )
    )


def marginals(
    emissions: npt.NDArray, lengths: Ints, messages: Posterior[npt.NDArray]
) -> npt.NDArray:
    log_p = messages.alpha + messages.gamma - emissions
    log_p -= np.repeat(messages.log_z, lengths)[:, None]
    return np.exp(log_p, out=log_p).astype(emissions.dtype, copy=False)


def path_probabilities(
    emissions: npt.NDArray,
    transitions: npt.NDArray,
    messages: Posterior[npt.NDArray],
    paths: SpanPaths,
    allowed: Bools | None,
) -> Floats:
    sentences, positions, tags, valid = paths
    steps = _float64(emissions)[positions[:, 1:], tags[:, 1:]]
    steps += transitions[tags[:, :-1], tags[:, 1:]]
    if allowed is not None:
        steps[~allowed[positions[:, 1:], tags[:, 1:]]] = -np.inf
    inner = np.where(valid[:, 1:], steps, 0.0).sum(axis=1)
    last = (positions[:, -1], tags[:, -1])
    log_p = messages.alpha[positions[:, 0], tags[:, 0]] + inner
    log_p += messages.gamma[last] - emissions[last] - messages.log_z[sentences]
    return np.exp(log_p)


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


def _relative(emissions: npt.NDArray) -> tuple[Floats, Floats, Floats]:
    """The scores, the largest of each row, and exp(score - largest)."""
    scores = _float64(emissions)
    tops = scores.max(axis=1, initial=-np.inf)
    with np.errstate(invalid="ignore"):  # not finite: reported by the caller
        relative = scores - tops[:, None]
    return scores, tops, np.exp(relative, out=relative)


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
def _empty_messages(length, n_tags):
    return Messages(
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty(length, np.bool_),
        np.empty((length, n_tags)),
    )


@njit(cache=True, nogil=True)
def _log(messages, t, j):
    if messages.in_logs[t]:
        return messages.logs[t, j]
    return messages.peaks[t] + np.log(messages.weights[t, j])


@njit(cache=True, nogil=True)
def _sweep(scores, tops, relative, allowed, first, moves, backward, messages):
    """Pass messages along one sentence, from its start or, ``backward``, from its end."""
    length, n_tags = scores.shape
    weights, peaks, arriving, bases, in_logs, logs = messages
    for step in range(length):
        t = length - 1 - step if backward else step
        source = t + 1 if backward else t - 1
        top = 0.0
        in_logs[t] = step == 0
        if step > 0:
            for j in range(n_tags):
                arriving[t, j] = 0.0
            for i in range(n_tags):
                weight = weights[source, i]
                if weight != 0.0:
                    for j in range(moves.first[i], moves.stop[i]):
                        arriving[t, j] += weight * moves.relative[i, j]
            for j in range(n_tags):
                weights[t, j] = 0.0
                if allowed[t, j]:
                    weights[t, j] = arriving[t, j] * relative[t, j]
                    in_logs[t] |= not weights[t, j] > _TRUSTED_SUM
                    top = max(top, weights[t, j])
            bases[t] = peaks[source] + moves.peak
        if not in_logs[t] and top > 0.0:
            for j in range(n_tags):
                weights[t, j] /= top
            peaks[t] = bases[t] + tops[t] + np.log(top)
            continue
        in_logs[t] = True
        if step > 0:
            for i in range(n_tags):
                logs[source, i] = _log(messages, source, i)
        peaks[t] = -np.inf
        for j in range(n_tags):
            logs[t, j] = -np.inf
            if allowed[t, j]:
                before = _log_sum_exp(logs[source], moves.log[:, j]) if step > 0 else first[j]
                logs[t, j] = before + scores[t, j]
            peaks[t] = max(peaks[t], logs[t, j])
        for j in range(n_tags):
            reached = logs[t, j] != -np.inf
            weights[t, j] = np.exp(logs[t, j] - peaks[t]) if reached else 0.0


@njit(cache=True, nogil=True)
def _log_partition(alpha, length, end):
    last = np.empty(len(end))
    for j in range(len(end)):
        last[j] = _log(alpha, length - 1, j)
    return _log_sum_exp(last, end)


@njit(cache=True, nogil=True)
def _add_expectations(
    sign, scores, alpha, gamma, moves, log_z, d_emissions, d_relative, d_transitions
):
    """Add ``sign`` times the expected counts of one sentence.

    Counts of moves go to ``d_relative``, still to be multiplied by ``moves.relative``, or, where
    that product could lose digits, straight to ``d_transitions``.
    """
    length, n_tags = scores.shape
    for t in range(length):
        exponent = alpha.peaks[t] + gamma.bases[t] - log_z
        if not gamma.in_logs[t] and exponent < _TRUSTED_EXPONENT:
            scale = sign * np.exp(exponent)
            for j in range(n_tags):
                d_emissions[t, j] += scale * alpha.weights[t, j] * gamma.arriving[t, j]
        else:
            for j in range(n_tags):
                log_p = _log(alpha, t, j) + _log(gamma, t, j) - scores[t, j] - log_z
                d_emissions[t, j] += sign * np.exp(log_p)
    for t in range(length - 1):
        exponent = alpha.peaks[t] + gamma.peaks[t + 1] + moves.peak - log_z
        scale = sign * np.exp(exponent)
        for i in range(n_tags):
            if exponent >= _TRUSTED_EXPONENT:
                for j in range(moves.first[i], moves.stop[i]):
                    log_p = _log(alpha, t, i) + moves.log[i, j] + _log(gamma, t + 1, j) - log_z
                    d_transitions[i, j] += sign * np.exp(log_p)
            elif alpha.weights[t, i] != 0.0:
                weight = scale * alpha.weights[t, i]
                for j in range(moves.first[i], moves.stop[i]):
                    d_relative[i, j] += weight * gamma.weights[t + 1, j]


@njit(cache=True, nogil=True)
def _loss(scores, tops, relative, lengths, allowed, transitions, start, end, mask):
    n_tags = len(mask)
    forth = _moves(transitions, mask)
    back = _moves(transitions.T, mask.T)
    longest = max(1, lengths.max()) if len(lengths) else 1
    any_tag = np.ones((longest, n_tags), np.bool_)
    alpha = _empty_messages(longest, n_tags)
    gamma = _empty_messages(longest, n_tags)
    losses = np.zeros(len(lengths))
    d_emissions = np.zeros_like(scores)
    d_relative = np.zeros((n_tags, n_tags))
    d_transitions = np.zeros((n_tags, n_tags))
    d_start = np.zeros(n_tags)
    d_end = np.zeros(n_tags)
    stop = 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        s = slice(stop, stop + n)
        stop += n
        for sign in (1.0, -1.0):
            tags = any_tag[:n] if sign > 0 else allowed[s]
            _sweep(scores[s], tops[s], relative[s], tags, start, forth, False, alpha)
            log_z = _log_partition(alpha, n, end)
            losses[b] += sign * log_z
            if np.isfinite(log_z):
                _sweep(scores[s], tops[s], relative[s], tags, end, back, True, gamma)
                _add_expectations(
                    sign, scores[s], alpha, gamma, forth, log_z,
                    d_emissions[s], d_relative, d_transitions,
                )  # fmt: skip
        d_start += d_emissions[stop - n]
        d_end += d_emissions[stop - 1]
    d_transitions += d_relative * forth.relative
    return losses, d_emissions, d_transitions, d_start, d_end


@njit(cache=True, nogil=True)
def _forward_backward(scores, tops, relative, lengths, allowed, transitions, start, end, mask):
    """Log messages from the start and from the end, both including the tag's own emission."""
    n_tags = len(mask)
    forth = _moves(transitions, mask)
    back = _moves(transitions.T, mask.T)
    messages = _empty_messages(max(1, lengths.max()) if len(lengths) else 1, n_tags)
    alpha, gamma = np.empty_like(scores), np.empty_like(scores)
    log_z = np.zeros(len(lengths))
    stop = 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        s = slice(stop, stop + n)
        stop += n
        for backward in (True, False):
            first, moves, logs = (end, back, gamma) if backward else (start, forth, alpha)
            _sweep(scores[s], tops[s], relative[s], allowed[s], first, moves, backward, messages)
            for t in range(n):
                for j in range(n_tags):
                    logs[stop - n + t, j] = _log(messages, t, j)
        log_z[b] = _log_partition(messages, n, end)
    return alpha, gamma, log_z


@njit(cache=True, nogil=True)
def _best(scores, moves_to):
    """The lowest index of the largest sum, and that sum."""
    best, best_score = 0, -np.inf
    for i in range(len(scores)):
        if scores[i] + moves_to[i] > best_score:
            best, best_score = i, scores[i] + moves_to[i]
    return best, best_score


# Without regard to NaN, which the caller finds, numba vectorises the maximum.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _viterbi(emissions, lengths, allowed, transitions, start, end, mask):
    """Keep the best scores, no pointers: the way back looks for the move that gave a score."""
    n_tags = np.uint64(emissions.shape[1])
    moves_to = _moves(transitions.T, mask.T)
    tags = np.zeros(len(emissions), np.int32)
    scores = np.zeros(len(lengths))
    arriving = np.empty(emissions.shape)  # before the emission
    delta = np.empty(emissions.shape)
    reached = np.empty(emissions.shape[1])  # the row of delta before this one
    begin, row = 0, np.uint64(0)
    for b in range(len(lengths)):
        stop = begin + lengths[b]
        for t in range(begin, stop):
            for j in range(n_tags):
                best = start[j] if t == begin else -np.inf
                if t > begin:
                    for i in range(moves_to.first[j], moves_to.stop[j]):
                        best = max(best, reached[i] + moves_to.log[j, i])
                arriving[row, j] = best
            for j in range(n_tags):
                score = arriving[row, j] + emissions[row, j]
                reached[j] = score if allowed[row, j] else -np.inf
                delta[row, j] = reached[j]
            row += np.uint64(1)
        if stop > begin:
            tags[stop - 1], scores[b] = _best(delta[stop - 1], end)
            for t in range(stop - 1, begin, -1):
                j = np.uint64(tags[t])
                for i in range(moves_to.first[j], moves_to.stop[j]):
                    if delta[t - 1, i] + moves_to.log[j, i] == arriving[t, j]:
                        tags[t - 1] = i
                        break
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
