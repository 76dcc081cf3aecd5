"""Reading soft evidence from documents, for the windows that the recogniser reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from spacy.tokens import Doc, Span

from spacy_cmner.automaton import Matches
from spacy_cmner.errors import Messages
from spacy_cmner.models.evidence import Evidence
from spacy_cmner.models.words import places
from spacy_cmner.pipeline.source import read_sources
from spacy_cmner.types import TextRange


@dataclass(frozen=True)
class EvidenceReader:
    """Reads the hits of a span group, which dictionaries and rules have filled.

    key (str): of the group in ``doc.spans``.
    weight (float): what a hit adds to the emissions of its tags, in nats; may be negative.
    weights (Mapping[str, float]): the same for the hits of one rule (``span.id_``, as the
        ``span_ruler`` sets it) or one source (``span._.cmner_source``), rules first.
    RAISES: CM417 for a weight that is not finite.
    """

    key: str
    weight: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in (self.weight, *self.weights.values()):
            if not isfinite(value):
                raise Messages.CM417.error(value=value)

    def __call__(self, doc: Doc) -> Evidence:
        """The hits over the characters of ``doc.text``, whatever its tokens are, in their order."""
        spans = [span for span in doc.spans.get(self.key, ()) if len(span)]
        if not spans:
            return NO_EVIDENCE
        starts = np.array([span.start_char for span in spans], dtype=np.int64)
        ends = np.array([span.end_char for span in spans], dtype=np.int64)
        owners, characters, where = places(Matches(np.arange(len(spans)), starts, ends))
        labels = np.array([span.label_ for span in spans])
        weights = np.array([self._weigh(span) for span in spans], dtype=np.float32)
        order = np.argsort(characters, kind="stable")
        owners = owners[order]
        return Evidence(characters[order], where[order], labels[owners], weights[owners])

    def _weigh(self, span: Span) -> float:
        rules = (span.id_, *read_sources(span))
        return next((self.weights[rule] for rule in rules if rule in self.weights), self.weight)


def take_part(evidence: Evidence, place: TextRange) -> Evidence:
    """The evidence on a part of a text; a hit that is cut keeps the places of its characters.

    evidence (Evidence): in the order of its characters.
    """
    inside = slice(*np.searchsorted(evidence.characters, place))
    return Evidence(
        evidence.characters[inside] - place.start,
        evidence.places[inside],
        evidence.labels[inside],
        evidence.weights[inside],
    )


def pack(parts: Iterable[tuple[Evidence, TextRange]]) -> Evidence:
    """The evidence of windows as that of a batch packed end to end.

    parts (Iterable[Tuple[Evidence, TextRange]]): of each window the evidence of its text, and
        which part of that it is.
    """
    taken = [NO_EVIDENCE]
    start = 0
    for evidence, place in parts:
        part = take_part(evidence, place)
        taken.append(part._replace(characters=part.characters + start))
        start += place.end - place.start
    return Evidence(*(np.concatenate(columns) for columns in zip(*taken, strict=True)))


NO_EVIDENCE = Evidence(
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.str_),
    np.zeros(0, dtype=np.float32),
)
