"""Reading soft evidence from documents, for the windows that the recogniser reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real

import numpy as np
from spacy.tokens import Doc, Span

from spacy_cmner.automaton import Matches
from spacy_cmner.errors import Messages
from spacy_cmner.models.evidence import Evidence
from spacy_cmner.models.words import places
from spacy_cmner.pipeline.annotate import check_group
from spacy_cmner.pipeline.entity_data import Identity, identity
from spacy_cmner.pipeline.source import is_recorded, read_sources
from spacy_cmner.types import TextRange


@dataclass(frozen=True)
class EvidenceReader:
    """Reads the hits of a span group, which dictionaries and rules have filled.

    key (str): of the group in ``doc.spans``.
    weight (float): what a hit adds to the emissions of its tags, in nats; may be negative.
    weights (Mapping[str, float]): the same for the hits of one rule (``span.id_``, as the
        ``span_ruler`` sets it) or one source (``span._.cmner_source``), rules first.
    RAISES: CM417 for a weight that is not a finite number, CM435 for what can be no key or weights.
    """

    key: str
    weight: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_group(self.key, "evidence_key")
        if not isinstance(self.weights, Mapping):
            raise Messages.CM435.error(
                name="evidence_weights",
                value=self.weights,
                expected="a number for each rule or source",
            )
        for value in (self.weight, *self.weights.values()):
            if not isinstance(value, Real) or not isfinite(value):
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
        foreign = self._find_foreign(doc)
        weights = np.array([self._weigh(span, foreign) for span in spans], dtype=np.float32)
        order = np.argsort(characters, kind="stable")
        owners = owners[order]
        return Evidence(characters[order], where[order], labels[owners], weights[owners])

    def _find_foreign(self, doc: Doc) -> set[Identity]:
        """Entities whose sources on record may be those of other components: where the group keeps
        no record, all that are elsewhere, too."""
        if not self.weights or is_recorded(doc.spans[self.key]):
            return set()
        others = [doc.ents, *(group for key, group in doc.spans.items() if key != self.key)]
        return {identity(span) for spans in others for span in spans}

    def _weigh(self, span: Span, foreign: set[Identity]) -> float:
        rules = (span.id_, *(() if identity(span) in foreign else read_sources(span)))
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
