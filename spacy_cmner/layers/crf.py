"""A linear-chain conditional random field in which illegal tag sequences do not exist.

Characters are tagged with the BIOES scheme. Moves that the scheme forbids carry no probability
mass: they are left out of the partition function, of the gold score and of the search, so nothing
ever has to be repaired. A training target is a set of *allowed* tags per character rather than one
tag: the loss is ``log Z(legal) - log Z(legal and allowed)``, which is the usual CRF loss where
every set has one member, and marginalises over the missing labels where it has more.

Every function takes sentences packed end to end, without padding: ``emissions`` is ``(N, T)`` for
``N`` characters in all and ``T`` tags, and ``lengths`` ``(B,)`` says how many belong to each of the
``B`` sentences. NumPy arrays are computed on the CPU by numba, torch tensors on their own device
by torch; the results are arrays of the same library.

Lafferty et al. (2001), Conditional Random Fields. Tsuboi et al. (2008), Training Conditional
Random Fields Using Incomplete Annotations, section 3.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from spacy_cmner.errors import Messages

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", npt.NDArray, "torch.Tensor")
Bools: TypeAlias = npt.NDArray[np.bool_]
Span: TypeAlias = tuple[int, int, str]  # start, end (exclusive), label

# The tags of label k, + 4 k; 0 is O.
BEGIN, INSIDE, LAST, SINGLE = 1, 2, 3, 4


class TagMasks(NamedTuple):
    """What the tag scheme permits.

    transition ((T, T) bool): whether the column's tag may follow the row's.
    start ((T,) bool): whether a sentence may begin with the tag.
    end ((T,) bool): whether a sentence may end with the tag.
    """

    transition: Bools
    start: Bools
    end: Bools


class SpanPaths(NamedTuple):
    """Spans spelled out as tags, padded to the longest by repeating the last character.

    sentences ((M,) int): the sentence that each span lies in.
    positions ((M, K) int): packed positions of the characters.
    tags ((M, K) int): the tags that make up the span.
    valid ((M, K) bool): False on the padding.
    """

    sentences: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    tags: npt.NDArray[np.int64]
    valid: Bools


_NONE = np.zeros((0, 1), np.int64)
NO_PATHS = SpanPaths(_NONE[:, 0], _NONE, _NONE, _NONE.astype(np.bool_))


class TagScheme:
    """The BIOES scheme over a set of labels, and the way between spans and tags.

    Tag 0 is O; label ``k`` has the four tags B, I, E, S from ``1 + 4k`` on.

    labels (Sequence[str]): the entity labels, without duplicates.
    RAISES: CM301 for a label given twice.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._index = {label: k for k, label in enumerate(self.labels)}
        if len(self._index) < len(self.labels):
            raise Messages.CM301.error(labels=self.labels)
        self.tags = ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BIES"))

        prefixes = np.array([tag[0] for tag in self.tags])
        owners = np.array([-1, *np.repeat(np.arange(len(self.labels)), 4)])
        closed = np.isin(prefixes, ["O", "E", "S"])  # no entity goes on after this tag
        fresh = np.isin(prefixes, ["O", "B", "S"])  # no entity was going on before this tag
        same = owners[:, None] == owners
        self.transition_mask: Bools = (closed[:, None] & fresh) | (~closed[:, None] & ~fresh & same)
        self.start_mask: Bools = fresh
        self.end_mask: Bools = closed

    @property
    def n_tags(self) -> int:
        return len(self.tags)

    @property
    def masks(self) -> TagMasks:
        return TagMasks(self.transition_mask, self.start_mask, self.end_mask)

    def encode(self, length: int, spans: Sequence[Span], missing: Bools | None = None) -> Bools:
        """The tags that an annotation allows, as a training target.

        length (int): number of characters.
        spans (Sequence[Span]): entities that do not overlap; they hold on missing characters too.
        missing (Optional[Bools]): (length,) True where it is unknown whether there is an entity.
        RETURNS (Bools): (length, T), one tag on annotated characters, all tags on missing ones.
        RAISES: CM302 for an unknown label, CM303 for spans that overlap or leave the text.
        """
        allowed = np.zeros((length, self.n_tags), dtype=np.bool_)
        allowed[:, 0] = True
        if missing is not None:
            allowed[missing] = True
        previous_end = 0
        for start, end, label in sorted(spans):
            if not previous_end <= start < end <= length:
                raise Messages.CM303.error(start=start, end=end, label=label, length=length)
            allowed[start:end] = False
            allowed[np.arange(start, end), self.span_tags(end - start, label)] = True
            previous_end = end
        return allowed

    def constrain(self, length: int, spans: Sequence[Span], outside: Bools | None = None) -> Bools:
        """The tags that a prediction may use when some entities are already decided.

        length (int): number of characters.
        spans (Sequence[Span]): entities that every prediction has to contain.
        outside (Optional[Bools]): (length,) True where no other entity may lie.
        RETURNS (Bools): (length, T), one tag in the spans, O outside, all tags elsewhere.
        RAISES: as ``encode``.
        """
        free = np.ones(length, dtype=np.bool_) if outside is None else ~outside
        return self.encode(length, spans, missing=free)

    def decode(self, tags: npt.NDArray[np.integer]) -> list[Span]:
        """The entities of a tag sequence, or of several sentences packed end to end.

        tags (NDArray[integer]): (N,) tag numbers.
        RETURNS (List[Span]): in the order of the text.
        RAISES: CM304 for a sequence that the scheme forbids.
        """
        if not len(tags):
            return []
        legal = self.transition_mask[tags[:-1], tags[1:]]
        if not (self.start_mask[tags[0]] and legal.all() and self.end_mask[tags[-1]]):
            raise Messages.CM304.error(tags=" ".join(self.tags[tag] for tag in tags[:20]))
        label, place = np.divmod(tags - BEGIN, 4)  # O has label -1
        place += BEGIN
        inside = label >= 0
        starts = np.flatnonzero(inside & ((place == BEGIN) | (place == SINGLE)))
        ends = np.flatnonzero(inside & (place >= LAST))
        return [
            (int(start), int(end) + 1, self.labels[label[start]])
            for start, end in zip(starts, ends, strict=True)
        ]

    def span_tags(self, length: int, label: str) -> npt.NDArray[np.int64]:
        """The tags B I … E, or S, that make up one entity.

        RAISES: CM302 for an unknown label.
        """
        places = np.full(length, INSIDE)
        places[0], places[-1] = BEGIN, LAST
        if length == 1:
            places[0] = SINGLE
        return places + 4 * self._number(label)

    def span_paths(self, lengths: npt.NDArray[np.integer], spans: Sequence[Span]) -> SpanPaths:
        """Spell spans of a packed batch out as tags.

        lengths (NDArray[integer]): (B,) characters per sentence.
        spans (Sequence[Span]): in packed positions, each inside one sentence.
        RETURNS (SpanPaths): one row a span.
        RAISES: CM302 for an unknown label, CM303 for a span that leaves its sentence.
        """
        sentence_ends = np.cumsum(lengths)
        starts = np.array([start for start, _, _ in spans], dtype=np.int64)
        ends = np.array([end for _, end, _ in spans], dtype=np.int64)
        numbers = np.array([self._number(label) for _, _, label in spans], dtype=np.int64)
        sentences = np.searchsorted(sentence_ends, starts, side="right")
        last = np.append(sentence_ends, 0)[sentences]
        misplaced = np.flatnonzero((starts < 0) | (starts >= ends) | (ends > last))
        if len(misplaced):
            start, end, label = spans[misplaced[0]]
            length = int(last[misplaced[0]])
            raise Messages.CM303.error(start=start, end=end, label=label, length=length)
        sizes = (ends - starts)[:, None]  # (M, 1)
        columns = np.arange(np.max(sizes, initial=1))
        places = np.where(columns == 0, BEGIN, np.where(columns >= sizes - 1, LAST, INSIDE))
        places[sizes[:, 0] == 1] = SINGLE
        positions = np.minimum(starts[:, None] + columns, ends[:, None] - 1)
        return SpanPaths(sentences, positions, 4 * numbers[:, None] + places, columns < sizes)

    def _number(self, label: str) -> int:
        """RAISES: CM302 for an unknown label."""
        if label not in self._index:
            raise Messages.CM302.error(label=label, labels=", ".join(self.labels))
        return self._index[label]


def crf_loss(
    emissions: Array,
    lengths: Array,
    allowed: Array,
    transitions: Array,
    start: Array,
    end: Array,
    masks: TagMasks,
) -> tuple[Array, Array, Array, Array, Array]:
    """Negative log-likelihood of the allowed tag sequences, with analytic gradients.

    The gradient with regard to a score is the number of times that it is used, expected under
    the model, minus the same under the model restricted to what is allowed.

    emissions (Array): (N, T) scores of the tags.
    lengths (Array): (B,) characters per sentence, may be zero.
    allowed (Array): (N, T) bool, see ``TagScheme.encode``.
    transitions (Array): (T, T) scores of moves from the row's tag to the column's.
    start (Array): (T,) scores of the first tag.
    end (Array): (T,) scores of the last tag.
    masks (TagMasks): what the scheme permits.
    RETURNS (Tuple[Array, ...]): the losses (B,) in float64, then the gradients of their SUM with
        regard to emissions, transitions, start and end. Illegal moves have gradient 0.
    RAISES: CM305 for shapes that do not fit, CM306 for a sentence in which no legal path is
        allowed, CM307 for emissions that are not finite.
    """
    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, masks)
    result = _backend(emissions).loss(emissions, sizes, allowed, transitions, start, end, masks)
    require_finite(result[0], emissions, sizes)
    return result


def crf_log_partition(
    emissions: Array,
    lengths: Array,
    transitions: Array,
    start: Array,
    end: Array,
    masks: TagMasks,
    allowed: Array | None = None,
) -> Array:
    """Log of the summed weight of all legal (and allowed) tag sequences.

    Arguments and errors as ``crf_loss``; without ``allowed`` all tags are.
    RETURNS (Array): (B,) float64, 0 for an empty sentence, which has one path: the empty one.
    """
    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, masks)
    arrays = emissions, sizes, transitions, start, end
    _, log_z = _probabilities(*arrays, masks, NO_PATHS, allowed)
    return log_z


def crf_span_scores(
    emissions: Array,
    lengths: Array,
    transitions: Array,
    start: Array,
    end: Array,
    scheme: TagScheme,
    spans: Sequence[Span],
    allowed: Array | None = None,
) -> Array:
    """Exact posterior probability that the text contains each entity, whatever surrounds it.

    scheme (TagScheme): the scheme that the labels of the spans belong to.
    spans (Sequence[Span]): in packed positions, as ``scheme.decode`` gives for a packed batch.
    Other arguments as ``crf_log_partition``.
    RETURNS (Array): (M,) float64, one probability a span, exact but for the rounding of the
        emissions' type.
    RAISES: CM302 and CM303 for spans that cannot be, the others as ``crf_loss``.
    """
    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, scheme.masks)
    paths = scheme.span_paths(sizes, spans)
    arrays = emissions, sizes, transitions, start, end
    probabilities, _ = _probabilities(*arrays, scheme.masks, paths, allowed)
    return probabilities.clip(max=1.0)  # what is certain comes out above that by rounding, too


def crf_decode(
    emissions: Array,
    lengths: Array,
    transitions: Array,
    start: Array,
    end: Array,
    masks: TagMasks,
    allowed: Array | None = None,
) -> tuple[Array, Array]:
    """The best legal (and allowed) tag sequence of each sentence, by the Viterbi algorithm.

    Arguments and errors as ``crf_log_partition``.
    RETURNS (Tuple[Array, Array]): the tags (N,) int32 and the score of each path (B,) float64.
    """
    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, masks)
    tags, scores = _backend(emissions).decode(
        emissions, sizes, transitions, start, end, masks, allowed
    )
    require_finite(scores, emissions, sizes)
    return tags, scores


def check_number_of_readings(k: int) -> None:
    """RAISES: CM308 if there cannot be so many."""
    if k < 1:
        raise Messages.CM308.error(k=k)


def crf_kbest(
    emissions: npt.NDArray,
    lengths: npt.NDArray,
    transitions: npt.NDArray,
    start: npt.NDArray,
    end: npt.NDArray,
    masks: TagMasks,
    k: int,
    allowed: npt.NDArray | None = None,
) -> list[tuple[npt.NDArray, npt.NDArray]]:
    """The k best tag sequences of each sentence, best first; on the CPU only.

    k (int): how many at most, above 0; a short sentence may have fewer legal ones.
    Other arguments and errors as ``crf_log_partition``, NumPy arrays only.
    RETURNS (List[Tuple[NDArray, NDArray]]): for each sentence the paths (m, length) int32 and
        their scores (m,) float64, with m <= k.
    RAISES: CM308 for another k.
    """
    from spacy_cmner.layers import crf_numba

    check_number_of_readings(k)
    sizes = check_shapes(emissions, lengths, allowed, transitions, start, end, masks)
    result = crf_numba.kbest(emissions, sizes, transitions, start, end, masks, k, allowed)
    require_finite(
        np.array([scores[0] if len(scores) else -np.inf for _, scores in result]), emissions, sizes
    )
    return result


def _probabilities(
    emissions: Array,
    sizes: npt.NDArray[np.int64],
    transitions: Array,
    start: Array,
    end: Array,
    masks: TagMasks,
    paths: SpanPaths,
    allowed: Array | None,
) -> tuple[Array, Array]:
    """The probabilities of spans (M,), and log Z of the sentences (B,)."""
    probabilities, log_z = _backend(emissions).path_probabilities(
        emissions, sizes, transitions, start, end, masks, paths, allowed
    )
    require_finite(log_z, emissions, sizes)
    return probabilities, log_z


def _backend(emissions: Array) -> ModuleType:
    if isinstance(emissions, np.ndarray):
        from spacy_cmner.layers import crf_numba

        return crf_numba
    from spacy_cmner.layers import crf_torch

    return crf_torch


def check_shapes(
    emissions: Array,
    lengths: Array,
    allowed: Array | None,
    transitions: Array,
    start: Array,
    end: Array,
    masks: TagMasks,
) -> npt.NDArray[np.int64]:
    """The lengths on the host, once all shapes are known to fit (compiled code does not look).

    RAISES: CM305 if one does not, or if a length is negative.
    """
    host = np.asarray(lengths if isinstance(lengths, np.ndarray) else lengths.cpu(), dtype=np.int64)
    total, n_tags = int(host.sum()), transitions.shape[0]
    rows, square, row = (total, n_tags), (n_tags, n_tags), (n_tags,)
    shapes = {
        "emissions": (emissions.shape, rows),
        "allowed": (emissions.shape if allowed is None else allowed.shape, rows),
        "transitions": (transitions.shape, square),
        "start": (start.shape, row),
        "end": (end.shape, row),
        "masks.transition": (masks.transition.shape, square),
        "masks.start": (masks.start.shape, row),
        "masks.end": (masks.end.shape, row),
    }
    for name, (found, expected) in shapes.items():
        if found != expected or (host < 0).any():
            raise Messages.CM305.error(
                name=name, found=tuple(found), expected=expected, n_tags=n_tags, total=total
            )
    return host


def require_finite(scores: Array, emissions: Array, sizes: npt.NDArray[np.int64]) -> None:
    """Raise for emissions that are not finite, and for the first sentence without a path.

    Called once the scores are there, as looking at a tensor waits for its device.
    """
    usable = abs(emissions) < float("inf")
    if not usable.all():
        spoilt = int((~usable).nonzero()[0][0])
        sentence = int(np.searchsorted(np.cumsum(sizes), spoilt, side="right"))
        raise Messages.CM307.error(sentence=sentence, character=spoilt)
    finite = abs(scores) < float("inf")
    if not finite.all():
        sentence = int((~finite).nonzero()[0][0])
        raise Messages.CM306.error(sentence=sentence, score=float(scores[sentence]))
