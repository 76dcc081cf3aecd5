"""From the emissions of windows to their entities."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Ragged

from spacy_cmner.layers.crf import Span, TagScheme
from spacy_cmner.models.crf_tagger import decode, decode_spans, score_spans
from spacy_cmner.pipeline.emissions import take_rows
from spacy_cmner.pipeline.marks import Bools, Marks
from spacy_cmner.pipeline.nesting import find_insides
from spacy_cmner.pipeline.reading import Window
from spacy_cmner.types import ScoredSpan

VITERBI, MARGINAL = DECODINGS = ("viterbi", "marginal")

# Below it marginal decoding would weigh any number of entities that nobody would believe.
LOWEST_THRESHOLD = 0.05


@dataclass(frozen=True)
class Decoder:
    """Finds entities as the settings of the recogniser say, which documents them."""

    model: Model[list[Doc], Ragged]
    scheme: TagScheme
    decoding: str
    scores: bool
    threshold: float
    nested_in: Set[str]

    def __call__(
        self, batch: Sequence[Window], emissions: Ragged, marks: Sequence[Marks]
    ) -> list[list[ScoredSpan]]:
        """The entities of each window, in positions of its document.

        emissions (Ragged): of the windows, packed.
        marks (Sequence[Marks]): of the documents.
        """
        spans = self._decode(emissions, constrain(self.scheme, batch, marks))
        if self.nested_in:
            spans += self._decode_inside(batch, emissions, marks, spans)
            spans.sort(key=lambda span: (span.start, -span.end))
        starts = np.cumsum([0, *(len(window.doc) for window in batch[:-1])])
        owners = np.searchsorted(starts, [span.start for span in spans], side="right") - 1
        found: list[list[ScoredSpan]] = [[] for _ in batch]
        for i, (start, end, label, score) in zip(owners.tolist(), spans, strict=True):
            by = batch[i].place.start - int(starts[i])
            found[i].append(ScoredSpan(start + by, end + by, label, score))
        return found

    def _decode(self, emissions: Ragged, allowed: Bools | None) -> list[ScoredSpan]:
        """The entities of a packed batch, in positions of it."""
        scores: Sequence[float | None]
        if self.decoding == MARGINAL:
            threshold = max(self.threshold, LOWEST_THRESHOLD)
            spans, scores = decode_spans(self.model, emissions, self.scheme, threshold, allowed)
            return [ScoredSpan(*span, score) for span, score in zip(spans, scores, strict=True)]
        spans = self.scheme.decode(decode(self.model, emissions, self.scheme, allowed))
        if not (self.scores or self.threshold):
            return [ScoredSpan(*span, None) for span in spans]
        scores = score_spans(self.model, emissions, self.scheme, spans, allowed)
        return [
            ScoredSpan(*span, score)
            for span, score in zip(spans, scores, strict=True)
            if score >= self.threshold or _is_decided(span, allowed)
        ]

    def _decode_inside(
        self,
        batch: Sequence[Window],
        emissions: Ragged,
        marks: Sequence[Marks],
        outer: Iterable[ScoredSpan],
    ) -> list[ScoredSpan]:
        """The entities inside others of a packed batch, in positions of it."""
        inside = find_insides(self.scheme, [span[:3] for span in outer], self.nested_in)
        if not inside.spans:
            return []
        possible = inside.possible
        around = [replace(mark, spans=[]) for mark in marks]  # which would close what is in them
        allowed = constrain(self.scheme, batch, around)
        if allowed is not None:
            possible &= allowed[np.concatenate(inside.rows)]
        characters, _ = take_rows(self.model.ops, emissions, inside.rows)
        found = self._decode(characters, possible)
        placed = inside.place([span[:3] for span in found])
        return [
            ScoredSpan(*span, score)
            for span, (*_, score) in zip(placed, found, strict=True)
            if span is not None
        ]


def _is_decided(span: Span, allowed: Bools | None) -> bool:
    """Whether it has been there before: then rounding may put its score below 1 all the same."""
    start, end, _ = span
    return allowed is not None and bool((allowed[start:end].sum(axis=1) == 1).all())


def constrain(scheme: TagScheme, batch: Sequence[Window], marks: Sequence[Marks]) -> Bools | None:
    """The tags (N, T) that the marks on documents leave open in some windows; None: all."""
    if not any(marks[window.number] for window in batch):
        return None
    parts = [marks[window.number].part(window.place) for window in batch]
    return np.concatenate([part.constrain(scheme) for part in parts])
