"""The most probable readings of a text, from those of its sentences."""

from collections.abc import Sequence
from heapq import nlargest
from math import exp
from typing import NamedTuple

from spacy_cmner.types import CharSpan


class Reading(NamedTuple):
    """All entities that a text may hold.

    spans (List[CharSpan]): in the order of the text, without overlaps.
    log_probability (float): of exactly these entities, natural logarithm.
    """

    spans: list[CharSpan]
    log_probability: float

    @property
    def probability(self) -> float:
        return exp(self.log_probability)


NOTHING = Reading([], 0.0)


def combine_readings(sentences: Sequence[Sequence[Reading]], k: int) -> list[Reading]:
    """The k most probable readings of a text, whose sentences are read independently.

    sentences (Sequence[Sequence[Reading]]): of each sentence its k most probable readings.
    """
    best = [NOTHING]
    for readings in sentences:
        pairs = [(left, right) for left in best for right in readings]
        chosen = nlargest(
            k, pairs, key=lambda pair: pair[0].log_probability + pair[1].log_probability
        )
        best = [
            Reading(left.spans + right.spans, left.log_probability + right.log_probability)
            for left, right in chosen
        ]
    return best
