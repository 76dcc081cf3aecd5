"""Model and rules made one as a spaCy component: ``nlp.add_pipe("cmner_merge")``."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from numbers import Real
from typing import TypeAlias

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from thinc.api import Config

from spacy_cmner.data.spans import SPANS_KEY, found_inside
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.annotate import ENTS, check_source, check_target, warn_missing
from spacy_cmner.pipeline.confidence import read_score, read_scores
from spacy_cmner.pipeline.entity_data import Identity, identity
from spacy_cmner.pipeline.marks import blocked_spans
from spacy_cmner.pipeline.policies import POLICIES, Candidate
from spacy_cmner.pipeline.source import (
    MODEL,
    UNKNOWN,
    is_recorded,
    mark_recorded,
    read_sources,
    write_sources,
)

DEFAULT_CONFIG = """
[merge]
policy = "prefer_model"
inputs = ["ents", "dictionary", "patterns"]
target = "ents"
unknown = "other"
prior = 0.5

[merge.priors]
"""

DEFAULTS = Config().from_str(DEFAULT_CONFIG)["merge"]


@Language.factory(
    "cmner_merge",
    requires=["doc.ents"],
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config=DEFAULTS,
)
def make_cmner_merge(
    nlp: Language,
    name: str,
    policy: str,
    inputs: list[str],
    target: str,
    unknown: str,
    prior: float,
    priors: dict[str, float],
) -> "Merge":
    """Construct the component; see ``Merge``."""
    return Merge(
        name,
        policy=policy,
        inputs=inputs,
        target=target,
        unknown=unknown,
        prior=prior,
        priors=priors,
    )


class Merge(Pipe):
    """Merges ``doc.ents`` and span groups into one set of entities without overlaps.

    An entity that several components found, with the same boundaries and label, is one candidate
    with several sources. Entities whose source is "model" are the model's, all others come from
    rules.

    name (str): the component's name.
    policy (str): a key of ``policies.POLICIES``.
    inputs (Sequence[str]): "ents" for ``doc.ents``, keys of ``doc.spans``; a group that a
        document does not have is empty, with a warning (CM427) unless it is one of the default
        inputs. A span of a group whose sources are not on record (``source.mark_recorded``) has
        the group's key as its source.
    target (str): "ents", whose entities are replaced, or a key of ``doc.spans``.
    unknown (str): the source of entities in ``doc.ents`` that have none on record. Say "model" if
        they are those of spaCy's ``ner``.
    prior (float): the score of an entity for which there is none.
    priors (Mapping[str, float]): scores for what a source or a single rule (``span.id_``, as the
        ``span_ruler`` sets it) finds. The score of an entity is the highest of these, of its
        own and of the one that a span group has for it in ``attrs["scores"]``.
    RAISES: CM415 for another policy, CM429 without inputs, CM435 for what can be no target,
        source or prior; also later, if they are changed.
    """

    def __init__(
        self,
        name: str = "cmner_merge",
        *,
        policy: str = "prefer_model",
        inputs: Sequence[str] = (ENTS, "dictionary", "patterns"),
        target: str = ENTS,
        unknown: str = UNKNOWN,
        prior: float = 0.5,
        priors: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.policy = policy
        self.inputs = list(inputs)
        self.target = target
        self.unknown = unknown
        self.prior = prior
        self.priors = dict(priors or {})
        self._check_settings()

    def __call__(self, doc: Doc) -> Doc:
        """Merge the entities of a document."""
        self._check_settings()  # anyone may have changed them
        warn_missing(doc, self.name, [key for key in self.inputs if key not in DEFAULTS["inputs"]])
        blocked = blocked_spans(doc)
        found = {key: [*_spans(doc, key)] for key in self.inputs}
        chosen = POLICIES[self.policy](self._candidates(doc, found, blocked))
        spans = [candidate.span for candidate in chosen]
        if self.target == ENTS:
            doc.set_ents(spans, blocked=blocked)
        else:
            doc.spans[self.target] = spans
            mark_recorded(doc.spans[self.target])
        for candidate in chosen:
            write_sources(candidate.span, candidate.sources)
        return doc

    def _check_settings(self) -> None:
        if self.policy not in [*POLICIES]:  # one that cannot be a key, too
            raise Messages.CM415.error(value=self.policy, allowed=", ".join(POLICIES))
        if not self.inputs:
            raise Messages.CM429.error(name=self.name, effect="remove all entities")
        check_target(self.target)
        check_source(self.unknown, "unknown")
        if not isinstance(self.priors, Mapping):
            expected = "a probability for each rule or source"
            raise Messages.CM435.error(name="priors", value=self.priors, expected=expected)
        for rule, value in [(None, self.prior), *self.priors.items()]:
            if not isinstance(value, Real) or not 0 <= value <= 1:
                name = "prior" if rule is None else f"priors.{rule}"
                expected = "a probability, from 0 to 1"
                raise Messages.CM435.error(name=name, value=value, expected=expected)

    def _candidates(
        self, doc: Doc, found: Mapping[str, Sequence[Span]], blocked: Iterable[Span]
    ) -> list[Candidate]:
        """What the inputs hold, each entity once, but nothing on tokens blocked for entities."""
        # What the model found inside an entity says nothing of it as an entity of its own.
        inside = set() if SPANS_KEY in found else {*map(identity, found_inside(doc))}
        findings = self._gather(doc, found, blocked, inside)
        _add_scores(doc, findings, {SPANS_KEY, *found}, inside)
        return [
            Candidate(finding.span, (*finding.sources,), self._score(finding))
            for finding in findings.values()
        ]

    def _gather(
        self,
        doc: Doc,
        found: Mapping[str, Sequence[Span]],
        blocked: Iterable[Span],
        inside: Set[Identity],
    ) -> "Findings":
        """The entities of the inputs with their sources, of which the model is none if it found
        them ``inside`` others only."""
        closed = {span.start for span in blocked}
        strangers = {key for key, spans in found.items() if spans and not _is_on_record(doc, key)}
        # What is on record of a stranger's entity may be that of another input.
        recorded = {
            identity(span)
            for key in (found.keys() - strangers if strangers else ())
            for span in found[key]
        }
        findings: Findings = {}
        for key, spans in found.items():
            missing = (self.unknown if key == ENTS else key,)
            for span in spans:
                if not span.label and self.target == ENTS:
                    continue  # it cannot be an entity, and must not keep one away
                if closed and not closed.isdisjoint(range(span.start, span.end)):
                    continue
                entity = identity(span)
                is_own = key not in strangers or entity not in recorded
                sources = read_sources(span) if is_own else ()
                if entity in inside:
                    sources = tuple(source for source in sources if source != MODEL)
                if entity not in findings:
                    findings[entity] = _Finding(span)
                findings[entity].add(
                    span,
                    (self.unknown if each == UNKNOWN else each for each in sources or missing),
                )
        return findings

    def _score(self, finding: "_Finding") -> float:
        known = (*finding.rules, *finding.sources) if self.priors else ()
        priors = [self.priors[rule] for rule in known if rule in self.priors]
        return max(priors + finding.scores, default=self.prior)


@dataclass
class _Finding:
    """An entity as the inputs together know it.

    span (Span): that of the first input that has an id for it (of a rule or a knowledge base),
        or else of the first.
    sources (Dict[str, None]): who found it, in their order.
    rules (Set[str]): the ids of its spans.
    scores (List[float]): its own, and those that span groups have for it.
    """

    span: Span
    sources: dict[str, None] = field(default_factory=dict)
    rules: set[str] = field(default_factory=set)
    scores: list[float] = field(default_factory=list)

    def add(self, span: Span, sources: Iterable[str]) -> None:
        self.sources.update(dict.fromkeys(sources))
        self.rules.add(span.id_)
        if not _has_id(self.span) and _has_id(span):
            self.span = span


Findings: TypeAlias = dict[Identity, _Finding]


def _add_scores(doc: Doc, findings: Findings, keys: Iterable[str], inside: Set[Identity]) -> None:
    """Add the scores of the entities themselves and those that the span groups ``keys`` have for
    them, but for what they have ``inside`` others."""
    # ``Doc.from_docs`` and ``Doc.to_json`` keep scores on entities, not those of span groups.
    for entity, finding in findings.items():
        if entity not in inside and (score := read_score(finding.span)) is not None:
            finding.scores.append(score)
    for key in keys:
        for span, score in read_scores(doc, key):
            entity = identity(span)
            is_other = key == SPANS_KEY and entity in inside
            if score is not None and entity in findings and not is_other:
                findings[entity].scores.append(float(score))


def _has_id(span: Span) -> bool:
    return bool(span.id or span.kb_id)


def _spans(doc: Doc, key: str) -> Iterable[Span]:
    return doc.ents if key == ENTS else doc.spans.get(key, ())


def _is_on_record(doc: Doc, key: str) -> bool:
    return key == ENTS or (key in doc.spans and is_recorded(doc.spans[key]))
