"""Scores that mean what they say, by one number that is fitted on annotated texts.

Neural networks learn to be too sure. All scores of the CRF are divided by a temperature, which
changes how probable its tag sequences are, but not their order: the most probable one stays, and
with it the entities of Viterbi decoding. As these scores are linear in the weights of the output,
the temperature goes into the weights, those of given evidence included, and costs nothing in use.

Guo et al. (2017), On Calibration of Modern Neural Networks, section 4.2.
"""

from collections.abc import Callable, Sequence
from math import exp, log, sqrt

import numpy as np
from spacy.language import Language

from spacy_cmner.analysis.calibration import judge_scores
from spacy_cmner.analysis.gold import GoldText
from spacy_cmner.errors import Messages
from spacy_cmner.models.crf_tagger import scale_scores
from spacy_cmner.models.rebuild import rebuild
from spacy_cmner.pipeline.decoding import VITERBI
from spacy_cmner.pipeline.recognisers import find_recognisers, settings

HIGHEST = 4.0
TOLERANCE = 0.01
# Scores of 0 and 1 are so by rounding.
SMALLEST = 1e-6
GOLDEN_RATIO = (sqrt(5) - 1) / 2


def fit_temperature(nlp: Language, texts: Sequence[GoldText]) -> tuple[Language, float]:
    """Make a pipeline with the same most probable entities, and scores that can be trusted.

    The temperature is that of the smallest mean logarithmic loss of the scores of the entities of
    the most probable tag sequence, right or wrong, from a quarter to four; the texts are read a
    dozen times to find it.

    nlp (Language): a trained pipeline with a ``cmner``; it is not changed.
    texts (Sequence[GoldText]): that nothing in the pipeline was trained on.
    RETURNS (Tuple[Language, float]): the new pipeline, without scores in its meta until it is
        evaluated, as other entities pass a threshold; and the temperature, above 1 if the scores
        were too sure.
    RAISES: CM431 if no component is a recogniser; CM515 if no entity has a score; CM517 if all of
        them are right, or all wrong.
    """

    def compute_loss(log_temperature: float) -> float:
        # Copies read the texts: a pipeline that is saved keeps all strings that it has read.
        trial = _soften(nlp, exp(log_temperature))
        with settings(find_recognisers(trial), decoding=VITERBI, threshold=0.0):
            scores, correct = judge_scores(trial, texts)
        truth = np.array(correct, dtype=bool)
        if truth.all() or not truth.any():
            raise Messages.CM517.error(count=len(truth), what="right" if truth.all() else "wrong")
        values = np.clip(scores, SMALLEST, 1 - SMALLEST)
        return -float(np.log(np.where(truth, values, 1 - values)).mean())

    temperature = exp(minimise(compute_loss, -log(HIGHEST), log(HIGHEST)))
    return _soften(nlp, temperature), temperature


def _soften(nlp: Language, temperature: float) -> Language:
    factor = 1 / temperature
    weights = {
        pipe.name: {
            "evidence_weight": pipe.evidence_weight * factor,
            "evidence_weights": {rule: w * factor for rule, w in pipe.evidence_weights.items()},
        }
        for pipe in find_recognisers(nlp)
    }
    softened = rebuild(nlp, {}, weights)
    for recogniser in find_recognisers(softened):
        scale_scores(recogniser.model, factor)
    softened.meta["performance"] = {}
    return softened


def minimise(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum has it, by golden section search to ``TOLERANCE``."""
    points = [high - GOLDEN_RATIO * (high - low), low + GOLDEN_RATIO * (high - low)]
    values = [function(point) for point in points]
    while high - low > 2 * TOLERANCE:
        if values[0] < values[1]:
            high = points[1]
            points = [high - GOLDEN_RATIO * (high - low), points[0]]
            values = [function(points[0]), values[0]]
        else:
            low = points[0]
            points = [points[1], low + GOLDEN_RATIO * (high - low)]
            values = [values[1], function(points[1])]
    return (low + high) / 2
