"""How sure the recogniser is of an entity: ``span._.cmner_score``.

Importing this module registers the extension. Its value is the exact probability, under the CRF,
that the text contains the entity; None for entities of which it is not known. Where it is kept is
said in ``entity_data.py``.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from numbers import Real

from spacy.tokens import Doc, Span, SpanGroup

from spacy_cmner.data.spans import SCORES, SPANS_KEY
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.entity_data import identity, read_all, restore, write
from spacy_cmner.pipeline.source import mark_recorded

NAME = "cmner_score"


def write_scores(
    doc: Doc, spans: Sequence[Span], scores: Sequence[float | None], key: str = SPANS_KEY
) -> None:
    """Put entities with their probabilities into a span group, in the order given, and each
    probability on its entity.

    Those that another recogniser has put there before stay as long as they are entities.

    scores (Sequence[float]): one a span; they are the group's ``attrs["scores"]``.
    key (str): of ``doc.spans``.
    """
    for span, score in zip(spans, scores, strict=True):
        write(span, NAME, score)
    found: list[tuple[Span, float | None]] = []
    earlier = read_scores(doc, key)
    if earlier:
        others = {*map(identity, doc.ents)}.difference(map(identity, spans))
        found = [(span, score) for span, score in earlier if identity(span) in others]
    found.extend(zip(spans, scores, strict=True))
    before = doc.spans[key].attrs if key in doc.spans else {}
    attrs = {**before, SCORES: [score for _, score in found]}
    doc.spans[key] = SpanGroup(doc, name=key, spans=[span for span, _ in found], attrs=attrs)
    mark_recorded(doc.spans[key])


def read_scores(doc: Doc, key: str) -> list[tuple[Span, float | None]]:
    """The spans of a group with their scores, as the recogniser and spaCy's ``spancat`` write them.

    None is an unknown score: that of a span which someone has appended. Where there are more scores
    than spans, some were taken out, and whose the others are cannot be seen; then a score counts
    that is on the entity itself.

    RETURNS: empty if there is no such group, or it has no scores.
    """
    group = doc.spans.get(key)
    if group is None or SCORES not in group.attrs:
        return []
    scores = group.attrs[SCORES]
    if len(scores) > len(group):
        return [(span, read_score(span)) for span in group]
    return [*zip_longest(group, scores)]


def read_score(span: Span) -> float | None:
    """The probability of an entity; None where no recogniser has given it one."""
    return read_all(span, NAME).get(span.label_)


def _set(span: Span, value: float | Mapping[str, float | None] | None) -> None:
    if isinstance(value, Mapping):
        restore(span, NAME, value)
    elif value is None or (isinstance(value, Real) and 0 <= value <= 1):
        write(span, NAME, value)
    else:
        raise Messages.CM435.error(name=NAME, value=value, expected="a probability, or None")


if not Span.has_extension(NAME):
    Span.set_extension(NAME, getter=read_score, setter=_set)
