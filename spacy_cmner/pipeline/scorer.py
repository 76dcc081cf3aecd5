"""Scores of recognised entities in training: exact boundaries and type, flat and against all gold.

The counting itself is that of ``analysis``, which the command `cmner evaluate` uses too.
"""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.training import Example

from spacy_cmner.analysis.gold import Gold, entities_of
from spacy_cmner.analysis.scores import TypeCounts
from spacy_cmner.data.spans import SPANS_KEY, found_entities
from spacy_cmner.pipeline.annotate import ENTS

Figures = dict[str, Any]


def create_ner_scorer(spans_key: str = SPANS_KEY) -> Callable[[Iterable[Example]], Figures]:
    """Registered as `spacy-cmner.ner_scorer.v1`.

    spans_key (str): where the reference documents keep all entities, nested ones included.
    RETURNS (Callable): the scorer of a component.
    """
    return NerScorer(spans_key)


class NerScorer:
    """Scores examples: ``ents_p/r/f`` as spaCy's own ``ner`` (flat), ``ents_all_p/r/f`` against
    all gold, each with its figures per type; None where there is nothing to score. What is scored
    is what the recogniser's target holds: ``doc.ents``, with what lies inside them, or a span
    group."""

    def __init__(self, spans_key: str) -> None:
        self.spans_key = spans_key

    def __call__(
        self, examples: Iterable[Example], *, target: str = ENTS, **kwargs: Any
    ) -> Figures:
        flat, everything = TypeCounts(), TypeCounts()
        for example in examples:
            gold = Gold.from_doc(example.reference, self.spans_key)
            if gold is None:
                continue
            doc = example.predicted
            found = found_entities(doc) if target == ENTS else doc.spans.get(target, ())
            predicted = entities_of(found)
            everything.add(gold.entities, gold.judged(predicted))
            flat.add(gold.flat, gold.judged(predicted, flat=True))
        return {**_scores("ents", flat), **_scores("ents_all", everything)}


def _scores(name: str, counts: TypeCounts) -> Figures:
    per_type = {label: score.ratios() for label, score in counts.per_type.items()}
    ratios = counts.total.ratios() if per_type else dict.fromkeys("prf")
    return {
        **{f"{name}_{key}": ratio for key, ratio in ratios.items()},
        f"{name}_per_type": per_type or None,
    }
