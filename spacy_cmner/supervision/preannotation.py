"""Texts with their predicted entities for people to correct, the least certain first.

A person's time is best spent on the texts that the recogniser is least sure of: uncertainty
sampling (Lewis and Gale, 1994). The CRF gives the probability of a reading of a text exactly.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from spacy_cmner.annotation.documents import cannot_be_read, warn_of_bad
from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.annotation.runner import with_entities
from spacy_cmner.data.spans import found_entities
from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.annotate import ENTS
from spacy_cmner.pipeline.cmner import ChineseMedicalNER
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.recognisers import find_recognisers, settings

Measure = Literal["reading", "character", "entity"]


class Suggestion(NamedTuple):
    """A text to be corrected.

    record (SourceRecord): with the entities that were found.
    certainty (float): the lower, the more is to be learned from it.
    """

    record: SourceRecord
    certainty: float


def rank(
    nlp: Language, records: Iterable[SourceRecord], by: Measure = "reading"
) -> list[Suggestion]:
    """Annotate texts and sort them by the certainty of the recogniser, the least certain first.

    nlp (Language): a pipeline with a ``cmner`` component; of several the last one counts that sets
        ``doc.ents``.
    by (str): the certainty of a text. ``reading``: the probability of its best reading (Culotta and
        McCallum, 2005), which is lower for longer texts; ``character``: the logarithm of that by
        the length of the text (Shen et al., 2018); ``entity``: the probability of its least
        certain entity, 1 without any.
    RETURNS (List[Suggestion]): one for each text; those on which a component fails are left out.
    RAISES: CM431 if no component of the pipeline is a recogniser; CM176 if one fails on all texts.
    WARNS: CM176 of texts that are left out.
    """
    recognisers = find_recognisers(nlp)
    # To one that fills a span group what others have put into doc.ents is certain.
    recogniser = ([pipe for pipe in recognisers if pipe.target == ENTS] or recognisers)[-1]
    measure = CERTAINTIES[by]
    with settings(recognisers, scores=True):
        annotated = list(_annotate(nlp, recogniser, records, measure))
    suggestions = [item for item in annotated if isinstance(item, Suggestion)]
    warn_of_bad([item for item in annotated if isinstance(item, BadRecord)], len(suggestions))
    suggestions.sort(key=lambda suggestion: suggestion.certainty)
    return [Suggestion(record, measure.shown(value)) for record, value in suggestions]


def _annotate(
    nlp: Language,
    recogniser: ChineseMedicalNER,
    records: Iterable[SourceRecord],
    certainty: "Certainty",
) -> Iterator[Suggestion | BadRecord]:
    """The best reading is looked for before its entities are on the document: afterwards they are
    constraints, and it is certain."""
    for record in records:
        log_probability = 0.0
        try:
            doc = nlp.make_doc(record.text)
            for _, pipe in nlp.pipeline:
                if pipe is recogniser and certainty.needs_reading:
                    log_probability = recogniser.kbest(doc, 1)[0].log_probability
                doc = pipe(doc)
        except CmnerError:
            raise
        except Exception as error:  # noqa: BLE001 – whatever a component may raise
            yield cannot_be_read(record, error)
        else:
            yield Suggestion(with_entities(record, doc), certainty.of(doc, log_probability))


def _least_entity(doc: Doc) -> float:
    scores = [read_score(entity) for entity in found_entities(doc)]
    return min((score for score in scores if score is not None), default=1.0)


class Certainty(NamedTuple):
    """How certain a recogniser is of a text.

    of (Callable[[Doc, float], float]): from the annotated text and the logarithm of the probability
        of its best reading.
    shown (Callable[[float], float]): what is shown of it once texts are sorted: a probability would
        be 0 of all long texts.
    needs_reading (bool): whether it uses that, which takes another pass over the text.
    """

    of: Callable[[Doc, float], float]
    shown: Callable[[float], float] = float
    needs_reading: bool = True


CERTAINTIES: dict[str, Certainty] = {
    "reading": Certainty(lambda doc, log_probability: log_probability, shown=math.exp),
    "character": Certainty(lambda doc, log_probability: log_probability / max(len(doc.text), 1)),
    "entity": Certainty(lambda doc, _: _least_entity(doc), needs_reading=False),
}
