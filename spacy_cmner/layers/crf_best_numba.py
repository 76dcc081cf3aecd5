"""The best paths of a CRF, and the k best: Viterbi compiled by numba."""

import numpy as np

from spacy_cmner.jit import jit


@jit()
def _best(scores, moves_to):
    """The lowest index of the largest sum, and that sum."""
    best, best_score = 0, -np.inf
    for i in range(len(scores)):
        if scores[i] + moves_to[i] > best_score:
            best, best_score = i, scores[i] + moves_to[i]
    return best, best_score


@jit(fastmath={"nnan", "nsz"})
def _arrive_best(scores, moves, block, highest, best):
    """The highest score of a move to each tag. ``highest`` (R + padding,) is working memory."""
    sources, targets, others, inner = moves.sources, moves.targets, moves.others, moves.inner
    between = moves.log
    for b in range(len(highest)):
        highest[b] = -np.inf
    for a in range(len(sources)):
        score = scores[sources[a]]
        for b in range(len(highest)):
            highest[b] = max(highest[b], score + block[a, b])
    for b in range(len(targets)):
        best[targets[b]] = highest[b]
    for m in range(len(inner)):
        i, k, j = others[2 * m, 0], others[2 * m + 1, 0], inner[m]
        best[j] = max(scores[i] + between[i, j], scores[k] + between[k, j])


@jit()
def viterbi(emissions, lengths, allowed, moves, start, end):
    """Keep the best scores, no pointers: the way back looks for the move that gave a score."""
    n_tags = emissions.shape[1]
    between = moves.log
    tags = np.zeros(len(emissions), np.int32)
    scores = np.zeros(len(lengths))
    arriving = np.empty(emissions.shape)  # before the emission
    delta = np.empty(emissions.shape)
    block = np.zeros(moves.block.shape)
    for a in range(len(moves.sources)):
        for b in range(len(moves.targets)):
            block[a, b] = between[moves.sources[a], moves.targets[b]]
    highest = np.empty(block.shape[1])
    begin = 0
    for b in range(len(lengths)):
        stop = begin + lengths[b]
        for t in range(begin, stop):
            if t > begin:
                _arrive_best(delta[t - 1], moves, block, highest, arriving[t])
            for j in range(n_tags):
                if t == begin:
                    arriving[t, j] = start[j]
                delta[t, j] = arriving[t, j] + emissions[t, j] if allowed[t, j] else -np.inf
        if stop > begin:
            tags[stop - 1], scores[b] = _best(delta[stop - 1], end)
            for t in range(stop - 1, begin, -1):
                j = tags[t]
                for i in range(n_tags):
                    if delta[t - 1, i] + between[i, j] == arriving[t, j]:
                        tags[t - 1] = i
                        break
        begin = stop
    return tags, scores


@jit()
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


@jit()
def kbest_paths(emissions, transitions, start, end, k):
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
