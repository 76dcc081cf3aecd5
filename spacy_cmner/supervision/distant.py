"""Documents annotated in part by term lists: distant supervision.

What a list finds is taken for an entity, what is surely none for outside, and all else stays
missing: the recogniser's CRF then sums over everything it may be (Tsuboi et al., 2008), and nothing
is taught that nobody knows. An incomplete list thus does not teach that the terms it lacks are no
entities.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.pipeline.windows import split_windows
from spacy_cmner.tokenizer import char_doc, read_text
from spacy_cmner.types import CharSpan, TextRange

# Characters that no entity holds.
PUNCTUATION = "。！？；，：!?;\n"


@dataclass(frozen=True)
class Outside:
    """Which characters are surely in no entity. Without any, a recogniser learns only what is an
    entity, and finds one everywhere.

    terms (Sequence[str]): single characters and longer strings that no entity holds.
    distance (Optional[int]): in a sentence with entities also all characters that are more than
        this number away from the next one; None: none. In a sentence without entities, where a
        list may simply be short of terms, they stay missing.
    """

    terms: tuple[str, ...] = tuple(PUNCTUATION)
    distance: int | None = None

    def __call__(self, text: str, entities: Iterable[CharSpan]) -> np.ndarray:
        """(length,) whether a character is outside."""
        outside = np.zeros(len(text), dtype=np.bool_)
        for term in self.terms:
            start = text.find(term)
            while start >= 0:
                outside[start : start + len(term)] = True
                start = text.find(term, start + 1)
        if self.distance is not None:
            spans = sorted(entities)
            starts = [span.start for span in spans]
            for place in split_windows(text, max(len(text), 1)):
                inside = spans[bisect_left(starts, place.start) : bisect_left(starts, place.end)]
                outside[place.start : place.end] |= _far(place, inside, self.distance)
        return outside


def annotate_by_terms(
    vocab: Vocab, text: str, matcher: TermMatcher, outside: Outside | None = None
) -> Doc:
    """Annotate a text by a term list, in part: its terms are entities.

    A term of several types is ambiguous, and stays missing.

    vocab (Vocab): of the document.
    matcher (TermMatcher): the terms; with ``match="longest"``.
    outside (Optional[Outside]): what is outside; None: punctuation.
    RETURNS (Doc): with one token a character.
    """
    doc = char_doc(vocab, text)
    text = read_text(doc)
    found = matcher(text)
    types = Counter((span.start, span.end) for span in found)
    entities = [span for span in found if types[span.start, span.end] == 1]
    no_entity = (outside or Outside())(text, found)
    for span in found:
        no_entity[span.start : span.end] = False
    return annotate_in_part(doc, entities, missing=~no_entity)


def annotate_in_part(doc: Doc, entities: Iterable[CharSpan], missing: np.ndarray) -> Doc:
    """Set the entities of a document with one token a character; they win over ``missing``,
    (length,) which characters stay so, and all else is outside."""
    spans = [Span(doc, *entity) for entity in entities]
    for span in spans:
        missing[span.start : span.end] = False
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2).tolist()
    gaps = [doc[start:end] for start, end in edges]
    doc.set_ents(spans, missing=gaps, default="outside")
    return doc


def _far(place: TextRange, entities: list[CharSpan], distance: int) -> np.ndarray:
    """Whether a character of a sentence is far from all its entities, of which it has some."""
    far = np.full(place.end - place.start, bool(entities))
    for start, end, _ in entities:
        far[max(start - distance - place.start, 0) : max(end + distance - place.start, 0)] = False
    return far
