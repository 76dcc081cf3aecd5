"""How sure the recogniser is of an entity: ``span._.cmner_score``.

Importing this module registers the extension. Its value is the exact probability, under the CRF,
that the text contains the entity; None for entities of which it is not known.
"""

from collections.abc import Sequence

from spacy.tokens import Doc, Span, SpanGroup

from spacy_cmner.data.docs import SPANS_KEY

NAME = "cmner_score"


def write_scores(doc: Doc, spans: Sequence[Span], scores: Sequence[float | None]) -> None:
    """Put entities with their probabilities into ``doc.spans["cmner"]``, in the order given, and
    each probability on its entity.

    scores (Sequence[float]): one a span; they are the group's ``attrs["scores"]``.
    """
    for span, score in zip(spans, scores, strict=True):
        span._.set(NAME, score)
    attrs = {"scores": list(scores)}
    doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=list(spans), attrs=attrs)


if not Span.has_extension(NAME):
    Span.set_extension(NAME, default=None)
