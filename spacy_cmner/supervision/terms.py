"""Term lists from annotated texts.

Not every string that was an entity once is a term: 心 is an entity in some sentences and part of
a word in most. What counts is how often a string is an entity where it occurs, in texts other than
those that made it known: there it always is one, and hides the shorter terms in it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from spacy_cmner.analysis.gold import GoldText
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.types import CharSpan

# A term, folded, and its type.
Key: TypeAlias = tuple[str, str]

# Longer terms are taken for alike.
LONG = 5


@dataclass(frozen=True)
class LearnedTerm:
    """A string that was an entity.

    text (str): as it first stood in a text.
    label (str): the type.
    precision (float): the estimated share of its occurrences in other texts that are entities of
        this type.
    count (int): how often it was one.
    """

    text: str
    label: str
    precision: float
    count: int


def learn_terms(
    texts: Sequence[GoldText],
    *,
    min_precision: float = 0.5,
    min_count: int = 1,
    min_length: int = 2,
) -> list[LearnedTerm]:
    """The strings that are reliably entities in annotated texts.

    In each text only the terms that are known from other texts are looked for, the longest first,
    as ``cmner_dictionary`` would: the jackknife. A term that was an entity in c of n such places
    has the precision (c + p) / (n + 1), with p that of all terms of its type and length together,
    (Σc + 0.5) / (Σn + 1).

    texts (Sequence[GoldText]): what ``load_gold`` reads; ``flat`` entities are learned from.
    min_precision (float): from 0 to 1.
    min_count (int): a term was an entity at least this often.
    min_length (int): characters of a term.
    RETURNS (List[LearnedTerm]): the most frequent first.
    RAISES: CM430 for a precision that is none.
    """
    if not 0 <= min_precision <= 1:
        raise Messages.CM430.error(value=min_precision)
    matcher = TermMatcher(match="all")
    known_from: defaultdict[Key, Counter[int]] = defaultdict(Counter)
    for number, text in enumerate(texts):
        for entity in sorted(text.gold.flat):
            surface = text.text[entity.start : entity.end]
            if surface.strip():
                matcher.add([(surface, entity.label)])
                known_from[matcher.fold(surface.strip()), entity.label][number] += 1
    correct: Counter[Key] = Counter()
    found: Counter[Key] = Counter()
    for number, text in enumerate(texts):
        gold = {(entity.start, entity.end, entity.label) for entity in text.gold.flat}
        candidates = []
        for span in matcher(text.text):
            key = matcher.fold(text.text[span.start : span.end]), span.label
            if len(known_from[key]) > (number in known_from[key]):
                candidates.append((span, key))
        for span, key in _longest(candidates):
            if text.gold.missing.isdisjoint(range(span.start, span.end)):
                found[key] += 1
                correct[key] += span in gold
    means = mean_precisions(correct, found)
    terms = [
        LearnedTerm(text, label, precision, known_from[key].total())
        for text, labels in matcher
        for label in labels
        for key in [(matcher.fold(text), label)]
        for precision in [(correct[key] + means.get(kind(key), 0.5)) / (found[key] + 1)]
    ]
    kept = [
        term
        for term in terms
        if term.precision >= min_precision
        and term.count >= min_count
        and len(term.text) >= min_length
    ]
    return sorted(kept, key=lambda term: (-term.count, term.text, term.label))


def _longest(candidates: list[tuple[CharSpan, Key]]) -> list[tuple[CharSpan, Key]]:
    """Those that stay if the longest are taken first; all types of what is taken."""
    taken: dict[int, tuple[int, int]] = {}
    chosen = []
    for span, key in sorted(candidates, key=lambda each: (each[0].start - each[0].end, each[0])):
        place = (span.start, span.end)
        if all(taken.get(i, place) == place for i in range(*place)):
            taken.update(dict.fromkeys(range(*place), place))
            chosen.append((span, key))
    return chosen


def kind(term: Key) -> tuple[str, int]:
    """What terms are alike before anything is known of them: those of a type and a length."""
    text, label = term
    return label, min(len(text), LONG)


def mean_precisions(correct: Counter[Key], found: Counter[Key]) -> dict[tuple[str, int], float]:
    """For each kind of terms how often one that is known is an entity where it occurs."""
    right: Counter[tuple[str, int]] = Counter()
    places: Counter[tuple[str, int]] = Counter()
    for term, count in found.items():
        right[kind(term)] += correct[term]
        places[kind(term)] += count
    return {each: (right[each] + 0.5) / (n + 1) for each, n in places.items()}
