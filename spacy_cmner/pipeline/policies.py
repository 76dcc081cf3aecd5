"""How entities from several components become one set without overlaps.

Every policy ranks the candidates and takes them in that order, each one unless it overlaps one
already taken. docs/hybrid.md has a picture of each.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Span

from spacy_cmner.pipeline.source import MODEL


@dataclass(frozen=True)
class Candidate:
    """An entity that at least one component found.

    span (Span): its tokens and label.
    sources (Tuple[str, ...]): who found it, each once.
    score (float): how far it can be trusted, from 0 to 1.
    """

    span: Span
    sources: tuple[str, ...]
    score: float

    @property
    def by_model(self) -> bool:
        return MODEL in self.sources

    @property
    def by_rules(self) -> bool:
        return any(source != MODEL for source in self.sources)


def _always(candidate: Candidate) -> bool:
    return True


@dataclass(frozen=True)
class Policy:
    """A named way to merge.

    rank (Callable): the candidate with the smallest value is taken first; of equals the longer
        one, then the first in the text, then that of the first input.
    accepts (Callable): whether a candidate can be taken at all.
    """

    rank: Callable[[Candidate], Any]
    accepts: Callable[[Candidate], bool] = _always

    def __call__(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """The candidates that stay, in the order of the text."""
        accepted = [candidate for candidate in candidates if self.accepts(candidate)]
        accepted.sort(key=lambda c: (self.rank(c), c.span.start - c.span.end, c.span.start))
        chosen: list[Candidate] = []
        taken: set[int] = set()
        for candidate in accepted:
            tokens = range(candidate.span.start, candidate.span.end)
            if taken.isdisjoint(tokens):
                taken.update(tokens)
                chosen.append(candidate)
        return sorted(chosen, key=lambda candidate: candidate.span.start)


POLICIES = {
    "prefer_model": Policy(lambda candidate: not candidate.by_model),
    "prefer_rules": Policy(lambda candidate: not candidate.by_rules),
    "longest": Policy(lambda candidate: 0),
    "highest_score": Policy(lambda candidate: -candidate.score),
    "agreement": Policy(lambda candidate: 0, lambda candidate: len(candidate.sources) > 1),
}
