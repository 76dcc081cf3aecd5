"""What a document says about its entities, read as characters whatever its tokens are.

In prediction these are constraints (entities that are already there, tokens blocked for others,
ranges forbidden for a type), in training the annotation, which may be missing in part.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import attrgetter

import numpy as np
import numpy.typing as npt
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_cmner.errors import Messages
from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.tokenizer import read_text, token_sizes
from spacy_cmner.types import CharSpan, TextRange

# Values of token.ent_iob that are not names in spaCy's API.
MISSING, BEGIN = 0, 3

# No entity of a span's label may reach into the spans of this group; without a label, none at all.
FORBIDDEN_KEY = "cmner_forbidden"

Bools = npt.NDArray[np.bool_]

NOWHERE: Bools = np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True)
class Marks:
    """Entities on a document before the recogniser runs.

    spans (List[CharSpan]): they do not overlap and are in the order of the text.
    blocked (Bools): one per character, True where no entity may be; empty if that is nowhere.
    forbidden (List[CharSpan]): where no new entity of their label may be, not even in part; an
        empty label means every entity. In the order of their starts.
    """

    spans: list[CharSpan]
    blocked: Bools
    forbidden: list[CharSpan]

    def __bool__(self) -> bool:
        """Whether there is anything that a prediction must agree with."""
        return bool(self.spans) or bool(self.forbidden) or bool(self.blocked.any())

    def part(self, place: TextRange) -> "Marks":
        """The marks on a part of the text, which cuts no entity."""
        first = bisect_left(self.spans, place.start, key=attrgetter("start"))
        last = bisect_left(self.spans, place.end, key=attrgetter("start"))
        shift = place.start
        spans = [CharSpan(a - shift, b - shift, label) for a, b, label in self.spans[first:last]]
        size = place.end - place.start
        blocked = self.blocked[place.start : place.end]
        forbidden = [
            CharSpan(max(a - shift, 0), min(b - shift, size), label)
            for a, b, label in self._forbidden_near(place)
            if b > place.start
        ]
        return Marks(spans, blocked if len(blocked) else np.zeros(size, dtype=np.bool_), forbidden)

    def _forbidden_near(self, place: TextRange) -> list[CharSpan]:
        """Without those that begin behind the place, or end, like all before them, before it."""
        first = bisect_right(self._farthest, place.start)
        return self.forbidden[first : bisect_left(self.forbidden, (place.end,))]

    @cached_property
    def _farthest(self) -> list[int]:
        """How far each forbidden range and those before it reach."""
        return list(accumulate((span.end for span in self.forbidden), max))

    def constrain(self, scheme: TagScheme) -> Bools:
        """The tags (length, T) that agree. An entity of a type that the recogniser does not know
        only keeps others away."""
        outside = self.blocked.copy()
        known = []
        for span in self.spans:
            if span.label in scheme.labels:
                known.append(span)
            else:
                outside[span.start : span.end] = True
        allowed = scheme.constrain(len(outside), known, outside)
        decided = np.zeros(len(outside), dtype=np.bool_)
        for span in self.spans:
            decided[span.start : span.end] = True
        for start, end, label in self.forbidden:
            tags = [tag != "O" and label in ("", tag[2:]) for tag in scheme.tags]
            allowed[start:end] &= decided[start:end, None] | ~np.array(tags)
        return allowed


@dataclass(frozen=True)
class Target:
    """The annotation of a document.

    spans (List[CharSpan]): the entities; they do not overlap.
    missing (Bools): one per character, True where the annotator said nothing.
    """

    spans: list[CharSpan]
    missing: Bools

    def encode(self, scheme: TagScheme) -> Bools:
        """The tags (length, T) that the annotation leaves open."""
        return scheme.encode(len(self.missing), self.spans, self.missing)


def read_marks(doc: Doc) -> Marks:
    """The entities, blocked tokens and forbidden ranges that a document comes with."""
    forbidden = sorted(
        CharSpan(span.start_char, span.end_char, span.label_)
        for span in doc.spans.get(FORBIDDEN_KEY, ())
    )
    if not is_annotated(doc):
        return Marks([], NOWHERE, forbidden)
    blocked = _blocked(doc)
    return Marks(
        char_spans(doc), _characters(doc, blocked) if blocked.any() else NOWHERE, forbidden
    )


def read_target(example: Example) -> Target:
    """The annotation of an example's reference.

    RAISES: CM407 if the texts of the example's two documents differ.
    """
    reference = example.reference
    predicted_text, text = read_text(example.predicted), read_text(reference)
    if predicted_text != text:
        raise Messages.CM407.error(predicted=predicted_text[:30], reference=text[:30])
    missing = reference.to_array(ENT_IOB) == MISSING
    return Target(char_spans(reference), _characters(reference, missing))


def char_spans(doc: Doc) -> list[CharSpan]:
    """``doc.ents`` over the characters of ``doc.text``."""
    return [CharSpan(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def blocked_spans(doc: Doc) -> list[Span]:
    """The tokens that ``doc.set_ents(…, blocked=…)`` has closed to entities."""
    return [doc[i : i + 1] for i in np.flatnonzero(_blocked(doc))] if is_annotated(doc) else []


def is_annotated(doc: Doc) -> bool:
    """Whether anything has said of any token what it is or is not; takes a tenth of the time of
    reading what."""
    return doc.has_annotation("ENT_IOB")


def _blocked(doc: Doc) -> Bools:
    tags = doc.to_array([ENT_IOB, ENT_TYPE])
    return (tags[:, 0] == BEGIN) & (tags[:, 1] == 0)


def _characters(doc: Doc, tokens: Bools) -> Bools:
    """Spread a flag on tokens over the characters of the text; a blank between tokens goes with
    the token before it."""
    return np.repeat(tokens, token_sizes(doc))
