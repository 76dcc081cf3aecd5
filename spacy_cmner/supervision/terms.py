"""Term lists from annotated texts.

Not every string that was an entity once is a term: 心 is an entity in some sentences and part of
a word in most. What counts is how often a string is an entity where it occurs. Since a term is
only known because it was an entity at least once, that occurrence says nothing of others and is
left out of the estimate.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spacy_cmner.analysis.gold import GoldText
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.term_matcher import TermMatcher

# Longer terms are taken for alike.
LONG = 5


@dataclass(frozen=True)
class LearnedTerm:
    """A string that was an entity.

    text (str): as it first stood in a text.
    label (str): the type.
    precision (float): the estimated share of further occurrences that are entities of this type.
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

    The precision of a term that was an entity in g of its n occurrences is (g - 1 + p) / n: the
    first one only made the term known, and p, the mean of (g - 1) / (n - 1) over the terms of its
    type and length, stands in for it. Occurrences are those that ``cmner_dictionary`` would find,
    the longest terms first; those without annotation do not count.

    texts (Sequence[GoldText]): what ``load_gold`` reads; ``flat`` entities are learned from.
    min_precision (float): from 0 to 1.
    min_count (int): a term was an entity at least this often.
    min_length (int): characters of a term.
    RETURNS (List[LearnedTerm]): the most frequent first.
    RAISES: CM430 for a precision that is none.
    """
    if not 0 <= min_precision <= 1:
        raise Messages.CM430.error(value=min_precision)
    matcher = TermMatcher(match="longest")
    for text in texts:
        matcher.add(
            (text.text[entity.start : entity.end], entity.label)
            for entity in sorted(text.gold.flat)
            if text.text[entity.start : entity.end].strip()
        )
    correct: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    for text in texts:
        gold = {(entity.start, entity.end, entity.label) for entity in text.gold.flat}
        for span in matcher(text.text):
            if text.gold.missing.isdisjoint(range(span.start, span.end)):
                term = matcher.fold(text.text[span.start : span.end]), span.label
                found[term] += 1
                correct[term] += tuple(span) in gold
    means = mean_precisions(correct, found)
    terms = [
        LearnedTerm(text, label, precision, correct[key])
        for text, labels in matcher
        for label in labels
        if (key := (matcher.fold(text), label)) in found
        for precision in [(correct[key] - 1 + means[kind(key)]) / found[key]]
    ]
    kept = [
        term
        for term in terms
        if term.precision >= min_precision
        and term.count >= min_count
        and len(term.text) >= min_length
    ]
    return sorted(kept, key=lambda term: (-term.count, term.text, term.label))


def kind(term: tuple[str, str]) -> tuple[str, int]:
    """What terms are alike before anything is known of them: those of a type and a length."""
    text, label = term
    return label, min(len(text), LONG)


def mean_precisions(
    correct: Counter[tuple[str, str]], found: Counter[tuple[str, str]]
) -> dict[tuple[str, int], float]:
    """For each kind of terms how often one that was an entity once is one elsewhere; 1/2 where
    that was never seen."""
    again: Counter[tuple[str, int]] = Counter()
    further: Counter[tuple[str, int]] = Counter()
    for term, count in found.items():
        again[kind(term)] += correct[term] - 1
        further[kind(term)] += count - 1
    return {each: (again[each] + 0.5) / (n + 1) for each, n in further.items()}
