"""What the scores of a CRF become before compiled code reads them.

A chain of characters has a row of scores for each and moves between the tags of two neighbours,
which all sentences share. Both are kept as logarithms and as weights relative to the largest.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spacy_cmner.jit import jit
from spacy_cmner.layers.crf import Bools, TagMasks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOWEST = np.finfo(np.float64).min
# exp of less is subnormal in float32.
_LOWEST_FLOAT32_EXPONENT = -87.0

# How many float64 the compiler's loops take at once; what is left over is taken one by one.
_VECTOR = 8


class Rows(NamedTuple):
    """The characters of a packed batch, or of one sentence of it.

    scores ((N, T) float32 or float64): the emissions.
    tops ((N,) float64): the largest of each row.
    relative ((N, T), float32 or float64): exp(scores - tops).
    allowed ((N, T) bool): the tags that each may have.
    """

    scores: npt.NDArray
    tops: Floats
    relative: npt.NDArray
    allowed: Bools


class Moves(NamedTuple):
    """Scores of the moves from the row's tag to the column's.

    Most legal moves are those from a tag that ends something to one that begins something: a dense
    block, whose rows and columns are packed here. Few are left over: those inside an entity. A mask
    with other moves left over than two to each such tag, which BIOES has not, is one block.

    log ((T, T) float64): -inf where illegal.
    relative ((T, T) float64): exp(log - peak).
    peak (float): the largest legal score.
    sources, targets ((S,), (R,) int64): the tags from which, and to which, O is moved to and from;
        all tags where all is one block.
    block ((S, at least R) float64): the relative scores of moves from sources to targets, and
        columns of 0 that make its rows a multiple of ``_VECTOR`` long.
    others ((2 I, 2) int64): all other legal moves, in the order of the tags moved to.
    inner ((I,) int64): the tags moved to by ``others``, two moves to each.
    backward (bool): whether sentences are read from their ends; moves are transposed then.
    """

    log: Floats
    relative: Floats
    peak: float
    sources: Ints
    targets: Ints
    block: Floats
    others: Ints
    inner: Ints
    backward: bool


class Edge(NamedTuple):
    """Scores of the tags at an end of a sentence.

    log ((T,) float64): -inf where illegal.
    relative ((T,) float64): exp(log - peak).
    peak (float): the largest legal score.
    """

    log: Floats
    relative: Floats
    peak: float


class Chain(NamedTuple):
    """The scores that all sentences share: of the first tag and the last, and of the moves between,
    along a sentence and back."""

    start: Edge
    end: Edge
    forth: Moves
    back: Moves


def prepare_chain(
    transitions: npt.NDArray, start: npt.NDArray, end: npt.NDArray, masks: TagMasks
) -> Chain:
    return Chain(
        _edge(start, masks.start),
        _edge(end, masks.end),
        prepare_moves(transitions, masks.transition),
        prepare_moves(transitions, masks.transition, backward=True),
    )


def prepare_rows(emissions: npt.NDArray, allowed: Bools | None) -> Rows:
    """Exponentials are taken in the type of the scores: of float32 they are as precise as these
    are, unless some are too small for it, and then all is taken in float64."""
    scores = np.ascontiguousarray(emissions)
    tops = _row_tops(scores)
    with np.errstate(invalid="ignore"):  # not finite: reported by the caller
        relative = scores - tops[:, None]
    if scores.dtype != np.float64 and relative.min(initial=0.0) < _LOWEST_FLOAT32_EXPONENT:
        return prepare_rows(to_float64(scores), allowed)
    relative = np.exp(relative, out=relative)
    return Rows(scores, to_float64(tops), relative, all_allowed(emissions, allowed))


def to_float64(array: npt.NDArray) -> Floats:
    return np.ascontiguousarray(array, dtype=np.float64)


def _edge(scores: npt.NDArray, mask: Bools) -> Edge:
    log = masked(scores, mask)
    return Edge(log, *_exp(log))


def _exp(log: Floats) -> tuple[Floats, float]:
    """The exponentials relative to the largest, and the logarithm of that one; if none is legal,
    0 and the lowest of numbers."""
    peak = float(max(np.max(log), _LOWEST))
    with np.errstate(invalid="ignore"):  # not finite: reported by the caller
        return np.exp(log - peak), peak


def prepare_moves(transitions: npt.NDArray, mask: Bools, backward: bool = False) -> Moves:
    """Prepare ``Moves`` from raw scores and the mask of legal ones."""
    if backward:
        transitions, mask = transitions.T, mask.T
    log = masked(transitions, mask)
    relative, peak = _exp(log)
    sources, targets = np.flatnonzero(mask[:, 0]), np.flatnonzero(mask[0])
    left_over = mask & ~np.outer(mask[:, 0], mask[0])
    if (left_over.sum(axis=0) != np.where(mask[0], 0, 2)).any():
        sources = targets = np.arange(len(mask))
        left_over = np.zeros_like(mask)
    block = np.zeros((len(sources), -(-len(targets) // _VECTOR) * _VECTOR))
    block[:, : len(targets)] = relative[np.ix_(sources, targets)]
    moved_to, moved_from = np.nonzero(left_over.T)
    others = np.stack([moved_from, moved_to], axis=1)
    return Moves(
        log, relative, peak, sources, targets, block, others, moved_to[::2].copy(), backward
    )


def masked(scores: npt.NDArray, mask: Bools) -> Floats:
    """-inf where the scheme forbids it."""
    return np.where(mask, to_float64(scores), -np.inf)


def all_allowed(emissions: npt.NDArray, allowed: Bools | None) -> Bools:
    """All tags where nothing is said of them."""
    if allowed is None:
        return np.ones(emissions.shape, dtype=np.bool_)
    return np.ascontiguousarray(allowed)


# Without regard to NaN, which the caller finds, numba vectorises extremes, here and elsewhere.
@jit(fastmath={"nnan", "nsz"})
def _row_tops(scores):
    tops = np.empty(len(scores), scores.dtype)
    for t in range(len(scores)):
        top = scores[t, 0]
        for j in range(scores.shape[1]):
            top = max(top, scores[t, j])
        tops[t] = top
    return tops


@jit()
def rows_between(rows, begin, stop):
    return Rows(
        rows.scores[begin:stop],
        rows.tops[begin:stop],
        rows.relative[begin:stop],
        rows.allowed[begin:stop],
    )
