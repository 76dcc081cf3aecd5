"""The CRF of ``crf.py`` for torch tensors, batched over sentences, on any device.

One loop over the longest sentence does all the recursions at once: the way back is the way forth
over reversed sentences and transposed moves, and the partition function of the allowed paths is
one more sentence. Sums run in float64, as the time goes to launching kernels, not to arithmetic.
Index arrays are made on the host, so that no kernel is waited for inside the loop.

Functions mirror ``crf.py``, which documents and checks the arguments. Shapes: sentences B, padded
length L, tags T, packed characters N, restrictions R (unrestricted, allowed), directions 2.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spacy_cmner.layers.crf import SpanPaths, TagMasks

# Elements of the largest temporary of the transition gradient (float64, 128 MiB).
_CHUNK = 1 << 24


class Layout(NamedTuple):
    """Where the packed characters stand in a padded batch.

    sentences ((N,) int64): the sentence of each character.
    steps ((N,) int64): its distance from the first character of the sentence.
    steps_back ((N,) int64): its distance from the last one.
    firsts, lasts ((B,) int64): packed positions of the ends; 0 for an empty sentence.
    padded ((2, L, B) int64): packed positions in both directions; any valid one on the padding.
    inner ((N - B',) int64): all characters that another one follows.
    nonempty ((B,) bool): which sentences have characters.
    """

    sentences: Tensor
    steps: Tensor
    steps_back: Tensor
    firsts: Tensor
    lasts: Tensor
    padded: Tensor
    inner: Tensor
    nonempty: Tensor


def loss(
    emissions: Tensor,
    lengths: npt.NDArray[np.int64],
    allowed: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    masks: TagMasks,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    layout = _layout(lengths, emissions.device)
    scores = emissions.double()
    restricted = torch.stack([scores, _restrict(scores, allowed)])  # (R, N, T)
    moves = _restrict(transitions, masks.transition)
    alpha, gamma, log_z = _messages(restricted, layout, moves, start, end, masks)
    log_z_of = log_z[:, layout.sentences, None]  # (R, N, 1)
    marginals = (alpha + gamma - scores - log_z_of).exp_()
    d_emissions = marginals[0] - marginals[1]  # (N, T)
    d_transitions = torch.zeros_like(moves)
    for inner in layout.inner.split(max(1, _CHUNK // moves.numel())):
        arrive = gamma[:, inner + 1] - log_z_of[:, inner]
        for sign, source, target in zip((1, -1), alpha[:, inner], arrive, strict=True):
            counts = (source[:, :, None] + moves + target[:, None, :]).exp_()  # (chunk, T, T)
            d_transitions.add_(counts.sum(0), alpha=sign)
    nonempty = layout.nonempty
    return (
        log_z[0] - log_z[1],
        d_emissions.to(emissions.dtype),
        d_transitions.to(transitions.dtype),
        _sum_at(d_emissions, layout.firsts, nonempty).to(start.dtype),
        _sum_at(d_emissions, layout.lasts, nonempty).to(end.dtype),
    )


def path_probabilities(
    emissions: Tensor,
    lengths: npt.NDArray[np.int64],
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    masks: TagMasks,
    paths: SpanPaths,
    allowed: Tensor | None,
) -> tuple[Tensor, Tensor]:
    layout = _layout(lengths, emissions.device)
    moves = _restrict(transitions, masks.transition)
    scores = _restrict(emissions, allowed)
    messages = _messages(scores[None], layout, moves, start, end, masks)
    alpha, gamma, log_z = (each[0] for each in messages)
    sentences, positions, tags, valid = (
        torch.as_tensor(array, device=emissions.device) for array in paths
    )
    steps = scores[positions[:, 1:], tags[:, 1:]]  # (M, K - 1)
    steps = steps + moves[tags[:, :-1], tags[:, 1:]]
    inner = steps.masked_fill(~valid[:, 1:], 0.0).sum(dim=1)
    last = (positions[:, -1], tags[:, -1])
    log_p = alpha[positions[:, 0], tags[:, 0]] + inner + gamma[last]
    return (log_p - emissions.double()[last] - log_z[sentences]).exp_(), log_z


def decode(
    emissions: Tensor,
    lengths: npt.NDArray[np.int64],
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    masks: TagMasks,
    allowed: Tensor | None,
) -> tuple[Tensor, Tensor]:
    if not len(emissions):
        return (
            emissions.new_zeros(0, dtype=torch.int32),
            emissions.new_zeros(len(lengths), dtype=torch.float64),
        )
    layout = _layout(lengths, emissions.device)
    moves = _restrict(transitions, masks.transition)
    last = _restrict(end, masks.end)
    padded = _restrict(emissions, allowed)[layout.padded[0]]  # (L, B, T)
    delta = _scan(padded, _restrict(start, masks.start), moves, torch.amax)
    finals = torch.as_tensor(lengths, device=emissions.device) - 1
    moves_to = moves.T.contiguous()
    tags = torch.empty(padded.shape[:2], dtype=torch.int64, device=emissions.device)
    onward = last.expand(padded.shape[1:])  # scores of what follows each tag, on the best path
    for t in range(len(delta) - 1, -1, -1):
        onward = torch.where((finals == t)[:, None], last, onward)
        torch.argmax(delta[t] + onward, dim=1, out=tags[t])
        onward = moves_to[tags[t]]
    each = torch.arange(len(lengths), device=emissions.device)
    best = (delta[finals.clamp(min=0), each] + last).amax(dim=1)
    scores = best.masked_fill(~layout.nonempty, 0.0)
    return tags[layout.steps, layout.sentences].int(), scores


def _messages(
    scores: Tensor, layout: Layout, moves: Tensor, start: Tensor, end: Tensor, masks: TagMasks
) -> tuple[Tensor, Tensor, Tensor]:
    """Log messages from the start and from the end, both including the tag's own emission.

    scores (Tensor): (R, N, T) emissions, -inf where not allowed.
    moves (Tensor): (T, T), -inf where illegal.
    RETURNS (Tuple[Tensor, Tensor, Tensor]): alpha (R, N, T), gamma (R, N, T), log Z (R, B).
    """
    if not len(layout.sentences):
        return scores, scores, scores.new_zeros(len(scores), len(layout.nonempty))
    ends = torch.stack([_restrict(start, masks.start), _restrict(end, masks.end)])
    padded = scores[:, layout.padded]  # (R, 2, L, B, T)
    messages = _scan(
        padded.permute(2, 1, 0, 3, 4),  # (L, 2, R, B, T)
        ends[:, None, None, :],
        torch.stack([moves, moves.T])[:, None, None],
        torch.logsumexp,
    )
    alpha = messages[layout.steps, 0, :, layout.sentences].transpose(0, 1)
    gamma = messages[layout.steps_back, 1, :, layout.sentences].transpose(0, 1)
    log_z = torch.logsumexp(alpha[:, layout.lasts] + ends[1], dim=-1)  # (R, B)
    return alpha, gamma, log_z.masked_fill(~layout.nonempty, 0.0)


def _scan(emissions: Tensor, first: Tensor, moves: Tensor, reduce: Callable[..., Tensor]) -> Tensor:
    """The recursion that forward, backward and Viterbi share.

    emissions (Tensor): (L, ..., T), time first.
    first (Tensor): (..., T) scores of the first tag.
    moves (Tensor): (..., T, T) scores of the moves.
    reduce (Callable): logsumexp or amax, over the tag that is moved from.
    RETURNS (Tensor): (L, ..., T) scores of everything up to and including each tag.
    """
    state = emissions[0] + first
    states = [state]
    for emission in emissions[1:]:
        state = reduce(state[..., :, None] + moves, dim=-2) + emission
        states.append(state)
    return torch.stack(states)


def _restrict(scores: Tensor, permitted: Tensor | npt.NDArray[np.bool_] | None) -> Tensor:
    """The scores in float64, -inf where not permitted."""
    scores = scores.double()
    if permitted is None:
        return scores
    return scores.masked_fill(~torch.as_tensor(permitted, device=scores.device), -torch.inf)


def _sum_at(values: Tensor, positions: Tensor, nonempty: Tensor) -> Tensor:
    """Sum of the rows (N, T) at one position a sentence, without the empty sentences."""
    if not len(values):
        return values.sum(dim=0)
    return values[positions].masked_fill(~nonempty[:, None], 0.0).sum(dim=0)


def _layout(lengths: npt.NDArray[np.int64], device: torch.device) -> Layout:
    ends = np.cumsum(lengths)
    begins = ends - lengths
    total = int(lengths.sum())
    sentences = np.repeat(np.arange(len(lengths)), lengths)
    positions = np.arange(total)
    last = np.maximum(ends - 1, 0)
    first = np.minimum(begins, max(total - 1, 0))
    time = np.arange(np.max(lengths, initial=0))[:, None]
    padded = np.stack([np.minimum(first + time, last), np.maximum(last - time, first)])

    def on_device(array: npt.NDArray) -> Tensor:
        return torch.as_tensor(array, device=device)

    return Layout(
        sentences=on_device(sentences),
        steps=on_device(positions - begins[sentences]),
        steps_back=on_device(ends[sentences] - 1 - positions),
        firsts=on_device(first),
        lasts=on_device(last),
        padded=on_device(padded),
        inner=on_device(np.delete(positions, last[lengths > 0])),
        nonempty=on_device(lengths > 0),
    )
