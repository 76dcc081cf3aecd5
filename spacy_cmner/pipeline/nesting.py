"""Entities inside other ones, such as the body part in a symptom, from a CRF that is flat itself.

What lies in an entity is the best reading of its characters once its own type is closed there: it
takes neither a second model, nor other training, nor a second reading of the text. A simple form of
second-best decoding (Shibuya & Hovy, TACL 2020), which closes the entity's own path only and is
trained for; here no entity is looked for inside one of its own type.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc, SpanGroup
from spacy.tokens import Span as DocSpan
from spacy.util import filter_spans

from spacy_cmner.data.spans import NESTED, SCORES, SPANS_KEY, find_nested, found_inside, sort_nested
from spacy_cmner.layers.crf import Span, TagScheme
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.marks import Bools
from spacy_cmner.pipeline.source import mark_recorded


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


def find_insides(scheme: TagScheme, spans: Iterable[Span], labels: Set[str]) -> Insides:
    """The inside of those entities of a packed batch in which others are looked for: they are of
    some types and have the room."""
    types = np.array([tag[2:] for tag in scheme.tags])
    possible = {label: types != label for label in labels}
    chosen = [span for span in spans if span[2] in labels and span[1] - span[0] > 1]
    rows = np.array([possible[label] for _, _, label in chosen], dtype=np.bool_)
    sizes = [end - start for start, end, _ in chosen]
    return Insides(chosen, np.repeat(rows.reshape(-1, scheme.n_tags), sizes, axis=0))


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
