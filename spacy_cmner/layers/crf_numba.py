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

from .crf import Bools, SpanPaths, TagMasks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Terms below the smallest float64 (1e-308) vanish; a sum above this has lost nothing by that.
_TRUSTED_SUM = 1e-280
# exp of this times a lost term is still nothing (1e260 * 1e-308).
_TRUSTED_EXPONENT = 600.0
# exp of less is subnormal in float32.
_LOWEST_FLOAT32_EXPONENT = -87.0

# Where the tags of label k stand.
BEGIN, INSIDE, LAST, SINGLE = 1, 2, 3, 4  # + 4 k


class Moves(NamedTuple):
    """Scores of the moves from the row's tag to the column's.

    Most legal moves are those from a tag that ends something to one that begins something: a dense
    block, whose rows and columns are packed here. Few are left over: those inside an entity.

    log ((T, T) float64): -inf where illegal.
    relative ((T, T) float64): exp(log - peak).
    peak (float): the largest legal score.
    sources, targets ((S,), (R,) int64): the tags from which, and to which, O is moved to and from.
    block ((S, R) float64): the relative scores of moves from sources to targets.
    others ((M, 2) int64): all other legal moves.
    backward (bool): whether sentences are read from their ends; moves are transposed then.
    """

    log: Floats
    relative: Floats
    peak: float
    sources: Ints
    targets: Ints
    block: Floats
    others: Ints
    backward: bool


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
    scores = to_float64(emissions)
    losses, *gradients = _loss(*prepare(scores, lengths, transitions, start, end, masks, allowed))
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
    prepared = prepare(emissions, lengths, transitions, start, end, masks, allowed)
    order = np.argsort(paths.sentences, kind="stable")
    labels = (paths.tags[order, 0] - BEGIN) // 4
    spans = np.stack([paths.positions[order, 0], paths.positions[order, -1] + 1, labels], axis=1)
    probabilities = np.empty(len(order))
    probabilities[order], log_z = _span_probabilities(*prepared, spans)
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
    moves = _moves(transitions, masks.transition)
    return _viterbi(
        np.ascontiguousarray(emissions),
        lengths,
        _all_allowed(emissions, allowed),
        moves,
        moves.log[np.ix_(moves.sources, moves.targets)].T.copy(),
        _masked(start, masks.start),
        _masked(end, masks.end),
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
    scores = np.where(_all_allowed(emissions, allowed), to_float64(emissions), -np.inf)
    moves = _masked(transitions, masks.transition)
    first, last = _masked(start, masks.start), _masked(end, masks.end)
    sentences = np.split(scores, np.cumsum(lengths))[:-1]
    return [_kbest(sentence, moves, first, last, k) for sentence in sentences]


def prepare(
    emissions: npt.NDArray,
    lengths: Ints,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    allowed: Bools | None,
) -> tuple[npt.NDArray, Floats, npt.NDArray, Ints, Bools, Floats, Floats, Moves, Moves]:
    """What forward–backward takes: ``_relative_weights``, lengths, allowed tags, scores of the
    first and of the last tag, and of moves along a sentence and back."""
    return (
        *_relative_weights(emissions),
        lengths,
        _all_allowed(emissions, allowed),
        _masked(start, masks.start),
        _masked(end, masks.end),
        _moves(transitions, masks.transition),
        _moves(transitions, masks.transition, backward=True),
    )


def _relative_weights(emissions: npt.NDArray) -> tuple[npt.NDArray, Floats, npt.NDArray]:
    """The scores, the largest of each row, and exp(score - largest).

    Exponentials are taken in the type of the scores: of float32 they are as precise as these are,
    unless some are too small for it, and then all is taken in float64.
    """
    scores = np.ascontiguousarray(emissions)
    tops = scores.max(axis=1, keepdims=True, initial=-np.inf)
    with np.errstate(invalid="ignore"):  # not finite: reported by the caller
        relative = scores - tops
    if scores.dtype != np.float64 and relative.min(initial=0.0) < _LOWEST_FLOAT32_EXPONENT:
        return _relative_weights(to_float64(scores))
    return scores, to_float64(tops[:, 0]), np.exp(relative, out=relative)


def to_float64(array: npt.NDArray) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)


def _moves(transitions: npt.NDArray, mask: Bools, backward: bool = False) -> Moves:
    """Prepare ``Moves`` from raw scores and the mask of legal ones."""
    if backward:
        transitions, mask = transitions.T, mask.T
    log = _masked(transitions, mask)
    peak = float(np.max(log))
    sources, targets = np.flatnonzero(mask[:, 0]), np.flatnonzero(mask[0])
    with np.errstate(invalid="ignore"):  # not finite: reported by the caller
        relative = np.exp(log - peak)
    others = np.argwhere(mask & ~np.outer(mask[:, 0], mask[0]))
    block = relative[np.ix_(sources, targets)]
    return Moves(log, relative, peak, sources, targets, block, others, backward)


def _masked(scores: npt.NDArray, mask: Bools) -> Floats:
    return np.where(mask, to_float64(scores), -np.inf)


def _all_allowed(emissions: npt.NDArray, allowed: Bools | None) -> Bools:
    if allowed is None:
        return np.ones(emissions.shape, dtype=np.bool_)
    return np.ascontiguousarray(allowed)


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
def empty_messages(length, n_tags):
    return Messages(
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty((length, n_tags)),
        np.empty(length),
        np.empty(length, np.bool_),
        np.empty((length, n_tags)),
    )


@njit(cache=True, nogil=True)
def log_weight(messages, t, j):
    if messages.in_logs[t]:
        return messages.logs[t, j]
    return messages.peaks[t] + np.log(messages.weights[t, j])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _arrive(weights, source, moves, sums, arriving, t):
    """The product of a row of weights and the matrix of moves. ``sums`` (R,) is working memory."""
    sources, targets, others = moves.sources, moves.targets, moves.others
    block, relative = moves.block, moves.relative
    for b in range(len(sums)):
        sums[b] = 0.0
    for a in range(len(sources)):
        weight = weights[source, sources[a]]
        for b in range(len(sums)):
            sums[b] += weight * block[a, b]
    for j in range(arriving.shape[1]):
        arriving[t, j] = 0.0
    for b in range(len(targets)):
        arriving[t, targets[b]] = sums[b]
    for m in range(len(others)):
        i, j = others[m, 0], others[m, 1]
        arriving[t, j] += weights[source, i] * relative[i, j]


# Without regard to NaN, which the caller finds, numba vectorises extremes.
@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _weigh(arriving, relative, allowed, weights, t):
    """Multiply the emission in. Gives the largest of the weights, and the least allowed one."""
    top, lowest = 0.0, np.inf
    for j in range(weights.shape[1]):
        weight = arriving[t, j] * relative[t, j]
        weights[t, j] = weight if allowed[t, j] else 0.0
        top = max(top, weights[t, j])
        lowest = min(lowest, weight if allowed[t, j] else np.inf)
    return top, lowest


@njit(cache=True, nogil=True)
def sweep(scores, tops, relative, allowed, first, moves, messages):
    """Pass messages along one sentence, from its start or from its end, as the moves go."""
    length, n_tags = scores.shape
    weights, peaks, arriving, bases, in_logs, logs = messages
    sums = np.empty(len(moves.targets))
    for step in range(length):
        t = length - 1 - step if moves.backward else step
        source = t + 1 if moves.backward else t - 1
        if step > 0:
            _arrive(weights, source, moves, sums, arriving, t)
            top, lowest = _weigh(arriving, relative, allowed, weights, t)
            bases[t] = peaks[source] + moves.peak
            if top > 0.0 and lowest > _TRUSTED_SUM:
                in_logs[t] = False
                scale = 1.0 / top
                for j in range(n_tags):
                    weights[t, j] *= scale
                peaks[t] = bases[t] + tops[t] + np.log(top)
                continue
            for i in range(n_tags):
                logs[source, i] = log_weight(messages, source, i)
        in_logs[t] = True
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
def log_partition(alpha, length, end):
    last = np.empty(len(end))
    for j in range(len(end)):
        last[j] = log_weight(alpha, length - 1, j)
    return _log_sum_exp(last, end)


@njit(cache=True, nogil=True)
def _marginal(t, j, scores, alpha, gamma, log_z):
    """The posterior probability of tag j of one character."""
    exponent = alpha.peaks[t] + gamma.bases[t] - log_z
    if not gamma.in_logs[t] and exponent < _TRUSTED_EXPONENT:
        return np.exp(exponent) * alpha.weights[t, j] * gamma.arriving[t, j]
    return np.exp(log_weight(alpha, t, j) + log_weight(gamma, t, j) - scores[t, j] - log_z)


@njit(cache=True, nogil=True)
def add_marginals(sign, length, scores, alpha, gamma, log_z, marginals, start):
    """Add ``sign`` times the posterior probability of each tag of each character of a sentence to
    the rows of ``marginals`` from ``start`` on."""
    left, right = alpha.weights, gamma.arriving
    for t in range(length):
        exponent = alpha.peaks[t] + gamma.bases[t] - log_z
        if not gamma.in_logs[t] and exponent < _TRUSTED_EXPONENT:
            scale = sign * np.exp(exponent)
            for j in range(marginals.shape[1]):
                marginals[start + t, j] += scale * left[t, j] * right[t, j]
        else:
            for j in range(marginals.shape[1]):
                marginals[start + t, j] += sign * _marginal(t, j, scores, alpha, gamma, log_z)


@njit(cache=True, nogil=True)
def _add_moves(sign, length, alpha, gamma, moves, log_z, d_block, d_transitions):
    """Add ``sign`` times the expected counts of the moves of one sentence.

    Those of the block go to ``d_block``, still to be multiplied by it, or, where that product could
    lose digits, straight to ``d_transitions``.
    """
    arriving = np.empty(len(moves.targets))
    for t in range(length - 1):
        exponent = alpha.peaks[t] + gamma.peaks[t + 1] + moves.peak - log_z
        scale = sign * np.exp(exponent)
        if exponent >= _TRUSTED_EXPONENT:
            for i in range(len(moves.log)):
                for j in range(len(moves.log)):
                    log_p = log_weight(alpha, t, i) + moves.log[i, j] + log_weight(gamma, t + 1, j)
                    d_transitions[i, j] += sign * np.exp(log_p - log_z)
            continue
        for m in range(len(moves.others)):
            i, j = moves.others[m, 0], moves.others[m, 1]
            weight = scale * alpha.weights[t, i] * gamma.weights[t + 1, j]
            d_transitions[i, j] += weight * moves.relative[i, j]
        for b in range(len(moves.targets)):
            arriving[b] = scale * gamma.weights[t + 1, moves.targets[b]]
        for a in range(len(moves.sources)):
            weight = alpha.weights[t, moves.sources[a]]
            if weight != 0.0:
                for b in range(len(moves.targets)):
                    d_block[a, b] += weight * arriving[b]


@njit(cache=True, nogil=True)
def _loss(scores, tops, relative, lengths, allowed, start, end, forth, back):
    n_tags = len(start)
    longest = max(1, lengths.max()) if len(lengths) else 1
    any_tag = np.ones((longest, n_tags), np.bool_)
    alpha = empty_messages(longest, n_tags)
    gamma = empty_messages(longest, n_tags)
    losses = np.zeros(len(lengths))
    d_emissions = np.zeros_like(scores)
    d_block = np.zeros_like(forth.block)
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
            sweep(scores[s], tops[s], relative[s], tags, start, forth, alpha)
            log_z = log_partition(alpha, n, end)
            losses[b] += sign * log_z
            if np.isfinite(log_z):
                sweep(scores[s], tops[s], relative[s], tags, end, back, gamma)
                add_marginals(sign, n, scores[s], alpha, gamma, log_z, d_emissions, stop - n)
                _add_moves(sign, n, alpha, gamma, forth, log_z, d_block, d_transitions)
        d_start += d_emissions[stop - n]
        d_end += d_emissions[stop - 1]
    for a in range(len(forth.sources)):
        for b in range(len(forth.targets)):
            d_transitions[forth.sources[a], forth.targets[b]] += d_block[a, b] * forth.block[a, b]
    return losses, d_emissions, d_transitions, d_start, d_end


@njit(cache=True, nogil=True)
def _span_probabilities(scores, tops, relative, lengths, allowed, start, end, forth, back, spans):
    """Of packed spans ((M, 3) int64), those of one sentence after those of another; and log Z."""
    n_tags = len(start)
    longest = max(1, lengths.max()) if len(lengths) else 1
    alpha, gamma = empty_messages(longest, n_tags), empty_messages(longest, n_tags)
    probabilities, log_z = np.zeros(len(spans)), np.zeros(len(lengths))
    m, stop = 0, 0
    for b in range(len(lengths)):
        n = lengths[b]
        if n == 0:
            continue
        begin, stop = stop, stop + n
        emissions, highest = scores[begin:stop], tops[begin:stop]
        weights, may = relative[begin:stop], allowed[begin:stop]
        sweep(emissions, highest, weights, may, start, forth, alpha)
        log_z[b] = log_partition(alpha, n, end)
        if m < len(spans) and spans[m, 0] < stop:
            sweep(emissions, highest, weights, may, end, back, gamma)
        while m < len(spans) and spans[m, 0] < stop:
            first, last, k = spans[m, 0] - begin, spans[m, 1] - 1 - begin, spans[m, 2]
            probabilities[m] = span_probability(
                first, last, k, emissions, highest, weights, may, alpha, gamma, log_z[b], forth
            )
            m += 1
    return probabilities, log_z


@njit(cache=True, nogil=True)
def span_probability(first, last, k, scores, tops, relative, allowed, alpha, gamma, log_z, moves):
    """The share that the paths through a span of label k have in the weight of all paths."""
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


@njit(cache=True, nogil=True)
def _best(scores, moves_to):
    """The lowest index of the largest sum, and that sum."""
    best, best_score = 0, -np.inf
    for i in range(len(scores)):
        if scores[i] + moves_to[i] > best_score:
            best, best_score = i, scores[i] + moves_to[i]
    return best, best_score


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _arrive_best(scores, moves, block, packed, best):
    """``_arrive`` for the highest score instead of the sum. ``packed`` (S,) is working memory."""
    for a in range(len(packed)):
        packed[a] = scores[moves.sources[a]]
    for j in range(len(best)):
        best[j] = -np.inf
    for b in range(len(moves.targets)):
        highest = -np.inf
        for a in range(len(packed)):
            highest = max(highest, packed[a] + block[b, a])
        best[moves.targets[b]] = highest
    for m in range(len(moves.others)):
        i, j = moves.others[m, 0], moves.others[m, 1]
        best[j] = max(best[j], scores[i] + moves.log[i, j])


@njit(cache=True, nogil=True)
def _viterbi(emissions, lengths, allowed, moves, block, start, end):
    """Keep the best scores, no pointers: the way back looks for the move that gave a score.

    block ((R, S) float64): the logs of ``moves.block``, transposed.
    """
    n_tags = emissions.shape[1]
    tags = np.zeros(len(emissions), np.int32)
    scores = np.zeros(len(lengths))
    arriving = np.empty(emissions.shape)  # before the emission
    delta = np.empty(emissions.shape)
    packed = np.empty(len(moves.sources))
    begin = 0
    for b in range(len(lengths)):
        stop = begin + lengths[b]
        for t in range(begin, stop):
            if t > begin:
                _arrive_best(delta[t - 1], moves, block, packed, arriving[t])
            for j in range(n_tags):
                if t == begin:
                    arriving[t, j] = start[j]
                delta[t, j] = arriving[t, j] + emissions[t, j] if allowed[t, j] else -np.inf
        if stop > begin:
            tags[stop - 1], scores[b] = _best(delta[stop - 1], end)
            for t in range(stop - 1, begin, -1):
                j = tags[t]
                for i in range(n_tags):
                    if delta[t - 1, i] + moves.log[i, j] == arriving[t, j]:
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
