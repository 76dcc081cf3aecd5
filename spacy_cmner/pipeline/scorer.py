"""Scores of recognised entities: exact boundaries and type, flat and against all gold.

``doc.ents`` cannot hold nested entities. Where the reference keeps all of them in
``doc.spans[spans_key]``, the recogniser is scored against those too, which is the official metric
of CMeEE: every gold entity counts, whether or not a flat recogniser could find it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.scorer import PRFScore, get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

SPANS_KEY = "cmner"

Scores = dict[str, Any]
Triples = set[tuple[int, int, str]]


def create_ner_scorer(spans_key: str = SPANS_KEY) -> Callable[[Iterable[Example]], Scores]:
    """Registered as `spacy-cmner.ner_scorer.v1`.

    spans_key (str): where the reference documents keep all entities, nested ones included.
    RETURNS (Callable): the scorer of a component.
    """
    return NerScorer(spans_key)


class NerScorer:
    """Scores examples: ``ents_p/r/f`` as spaCy's own ``ner`` (flat), ``ents_all_p/r/f`` against
    all gold, each with its figures per type."""

    def __init__(self, spans_key: str) -> None:
        self.spans_key = spans_key

    def __call__(self, examples: Iterable[Example], **kwargs: Any) -> Scores:
        examples = list(examples)
        scores: Scores = dict(get_ner_prf(examples))
        total, per_type = self._score_all(examples)
        scores["ents_all_p"] = total.precision if total else None
        scores["ents_all_r"] = total.recall if total else None
        scores["ents_all_f"] = total.fscore if total else None
        scores["ents_all_per_type"] = {k: v.to_dict() for k, v in sorted(per_type.items())}
        return scores

    def _score_all(self, examples: list[Example]) -> tuple[PRFScore | None, dict[str, PRFScore]]:
        total = PRFScore()
        per_type: dict[str, PRFScore] = {}
        is_annotated = False
        for example in examples:
            gold = self.gold(example.reference)
            if gold is None:
                continue
            is_annotated = True
            found = triples(example.predicted.ents)
            total.score_set(found, gold)
            for label in {span[2] for span in found | gold}:
                score = per_type.setdefault(label, PRFScore())
                score.score_set(
                    {span for span in found if span[2] == label},
                    {span for span in gold if span[2] == label},
                )
        return (total if is_annotated else None), per_type

    def gold(self, reference: Doc) -> Triples | None:
        """All gold entities of a document, None where it was never annotated."""
        if self.spans_key in reference.spans:
            return triples(reference.spans[self.spans_key])
        if reference.has_annotation("ENT_IOB"):
            return triples(reference.ents)
        return None


def triples(spans: Iterable) -> Triples:
    """Spans as (first character, last character + 1, label)."""
    return {(span.start_char, span.end_char, span.label_) for span in spans}
