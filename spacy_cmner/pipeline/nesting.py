"""Entities inside other ones, such as the body part in a symptom, from a CRF that is flat itself.

What lies in an entity is the best reading of its characters once its own type is closed there: it
takes neither a second model nor a second reading of the text. Training teaches that reading beside
the first one. A simple form of second-best path learning (Shibuya & Hovy, TACL 2020), which closes
the entity's own path only; here no entity is looked for inside one of its own type.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, SpanGroup
from spacy.tokens import Span as DocSpan
from spacy.util import filter_spans

from spacy_cmner.data.docs import (
    NESTED,
    SCORES,
    SPANS_KEY,
    all_entities,
    find_nested,
    flatten_entities,
    found_inside,
    sort_nested,
)
from spacy_cmner.data.records import Entity
from spacy_cmner.layers.crf import Span, TagScheme
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.marks import Bools, Target
from spacy_cmner.pipeline.reading import Window
from spacy_cmner.pipeline.source import mark_recorded
from spacy_cmner.types import CharSpan, TextRange


class Insides(NamedTuple):
    """The characters of entities in which others may lie, packed end to end.

    spans (List[Span]): these k entities, in positions of a packed batch.
    possible (Bools): (n, T) the tags that may be there: none of the entity's own type.
    """

    spans: list[Span]
    possible: Bools

    @property
    def rows(self) -> list[npt.NDArray[np.int64]]:
        """The rows of each entity in the packed batch."""
        return [np.arange(start, end) for start, end, _ in self.spans]

    def place(self, found: Sequence[Span]) -> list[Span | None]:
        """Spans over the packed characters as spans of the batch; None for one that fills its
        entity."""
        starts, ends, _ = zip(*self.spans, strict=True)
        packed = np.cumsum([0, *np.subtract(ends, starts)])
        owners = np.searchsorted(packed, [start for start, _, _ in found], side="right") - 1
        placed: list[Span | None] = []
        for k, (start, end, label) in zip(owners.tolist(), found, strict=True):
            shift = starts[k] - int(packed[k])
            fills = end - start == ends[k] - starts[k]
            placed.append(None if fills else (start + shift, end + shift, label))
        return placed


class InsideTargets(NamedTuple):
    """What training shows of the inside of entities.

    insides (Insides): in positions of the packed windows.
    right (Bools): (n, T) the tags that are right there.
    places (List[Tuple[int, TextRange]]): for each entity its document and where it is in it.
    """

    insides: Insides
    right: Bools
    places: list[tuple[int, TextRange]]


def find_insides(scheme: TagScheme, spans: Iterable[Span], labels: Set[str]) -> Insides:
    """The inside of those entities of a packed batch in which others are looked for: they are of
    some types and have the room."""
    chosen = [span for span in spans if _may_hold(span, labels)]
    return Insides(chosen, _possible(scheme, chosen))


def _may_hold(span: Span, labels: Set[str]) -> bool:
    return span[2] in labels and span[1] - span[0] > 1


def _possible(scheme: TagScheme, spans: Sequence[Span]) -> Bools:
    types = np.array([tag[2:] for tag in scheme.tags])
    closed = {label: types == label for label in {span[2] for span in spans}}
    rows = [~closed[label] for _, _, label in spans]
    sizes = [end - start for start, end, _ in spans]
    return np.repeat(np.array(rows, dtype=np.bool_).reshape(-1, scheme.n_tags), sizes, axis=0)


def read_gold(doc: Doc) -> list[CharSpan]:
    """All entities of an annotated document, in positions of its text."""
    return [CharSpan(e.start_char, e.end_char, e.label_) for e in all_entities(doc)]


def inside_targets(
    scheme: TagScheme,
    labels: Set[str],
    windows: Sequence[Window],
    targets: Sequence[Target],
    gold: Sequence[Sequence[CharSpan]],
) -> InsideTargets:
    """Read what the annotation says of the inside of entities; where some is missing in a
    document, it says nothing of it.

    labels (Set[str]): the types in which others lie.
    windows (Sequence[Window]): of the batch.
    targets (Sequence[Target]): the flat annotation of each document.
    gold (Sequence[Sequence[CharSpan]]): all entities of each document, see ``read_gold``.
    """
    spans: list[Span] = []
    right: list[Bools] = [np.zeros((0, scheme.n_tags), dtype=np.bool_)]
    places: list[tuple[int, TextRange]] = []
    first = 0  # the window's row in the batch
    for window in windows:
        target, place = targets[window.number], window.place
        for outer in () if target.missing.any() else target.spans:
            start, end, label = outer
            if place.start <= start and end <= place.end and _may_hold(outer, labels):
                shift = first - place.start
                spans.append((start + shift, end + shift, label))
                right.append(scheme.encode(end - start, _inside(outer, gold[window.number])))
                places.append((window.number, TextRange(start, end)))
        first += window.length()
    return InsideTargets(Insides(spans, _possible(scheme, spans)), np.concatenate(right), places)


def _inside(outer: Span, gold: Iterable[CharSpan]) -> list[Span]:
    """The longest entities of other types within one, in positions of it."""
    start, end, label = outer
    inner = [
        Entity(e.start - start, e.end - start, e.label)
        for e in gold
        if start <= e.start and e.end <= end and e.end - e.start < end - start and e.label != label
    ]
    return [(e.start, e.end, e.label) for e in flatten_entities(inner)[0]]


def add_nested(doc: Doc, found: Iterable[DocSpan]) -> list[DocSpan]:
    """Put all entities of a document into the group ``SPANS_KEY``: those of ``doc.ents``, and those
    inside them. Scores that the group has stay in it.

    found (Iterable[Span]): what a recogniser found inside entities. What is in none is left out,
        and so is what overlaps what was found there before.
    RETURNS (List[Span]): those inside others that are new.
    """
    earlier = found_inside(doc)
    taken = {position for span in earlier for position in range(span.start, span.end)}
    inner = filter_spans(find_nested(doc, found))
    new = [span for span in inner if taken.isdisjoint(range(span.start, span.end))]
    entities = sort_nested([*doc.ents, *earlier, *new])
    attrs: dict[str, object] = {NESTED: True}
    if SPANS_KEY in doc.spans and SCORES in doc.spans[SPANS_KEY].attrs:
        attrs[SCORES] = [*map(read_score, entities)]
    doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=entities, attrs=attrs)
    mark_recorded(doc.spans[SPANS_KEY])
    return new
