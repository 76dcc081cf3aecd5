"""The most probable readings of a text, from those of its sentences."""

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import numpy as np

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
        left, right = ([reading.log_probability for reading in each] for each in (best, readings))
        sums = np.add.outer(left, right)
        chosen = np.argsort(-sums, axis=None, kind="stable")[:k]
        best = [
            Reading(best[i].spans + readings[j].spans, float(sums[i, j]))
            for i, j in zip(*np.unravel_index(chosen, sums.shape), strict=True)
        ]
    return best
