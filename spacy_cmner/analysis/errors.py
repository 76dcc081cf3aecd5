"""What kinds of errors a recogniser makes: the error analysis of the paper's Table 7, completed.

The paper counts begin-boundary, end-boundary and type errors. Here every entity that is not
right, gold or predicted, falls into exactly one class, so the classes add up to the counts of the
scores. The rule:

1. An entity with the boundaries and the type of a gold entity is right.
2. Of the others, each predicted entity is paired with one gold entity at most, and each gold
   entity with one predicted, if they overlap: first those with the same boundaries (type error),
   then those with the same type and one boundary in common (begin or end error), then all other
   overlaps. Within a step the pair with the longer overlap goes first, then the earlier one.
3. A gold entity left without a partner is missed, a predicted one is spurious.
"""

from collections import Counter
from collections.abc import Iterator, Set
from enum import Enum
from typing import Any, NamedTuple

from spacy_cmner.data.records import Entity


class Verdict(str, Enum):
    """What is said of a gold entity, a predicted one, or a pair of both.

    CORRECT: the same boundaries and type.
    BEGIN: the same type and end, another begin (the paper's BE).
    END: the same type and begin, another end (EE).
    TYPE: the same boundaries, another type (TE).
    OVERLAP: an overlap with neither, such as two wrong boundaries, or one and a wrong type.
    MISSED: a gold entity without a counterpart.
    SPURIOUS: a predicted entity without a counterpart.
    """

    CORRECT = "correct"
    BEGIN = "BE"
    END = "EE"
    TYPE = "TE"
    OVERLAP = "overlap"
    MISSED = "missed"
    SPURIOUS = "spurious"


ERRORS = tuple(verdict for verdict in Verdict if verdict is not Verdict.CORRECT)
_STEPS = {Verdict.TYPE: 0, Verdict.BEGIN: 1, Verdict.END: 1, Verdict.OVERLAP: 2}


class Judgement(NamedTuple):
    """A verdict and what it is about; one of the two may be None."""

    verdict: Verdict
    gold: Entity | None
    predicted: Entity | None


def judge(gold: Set[Entity], predicted: Set[Entity]) -> list[Judgement]:
    """Classify the entities of one text by the rule of this module.

    RETURNS (List[Judgement]): every gold and every predicted entity is in exactly one.
    """
    judgements = [Judgement(Verdict.CORRECT, entity, entity) for entity in sorted(gold & predicted)]
    open_gold, open_predicted = gold - predicted, predicted - gold
    for verdict, expected, found in _candidates(open_gold, open_predicted):
        if expected in open_gold and found in open_predicted:
            judgements.append(Judgement(verdict, expected, found))
            open_gold, open_predicted = open_gold - {expected}, open_predicted - {found}
    judgements.extend(Judgement(Verdict.MISSED, entity, None) for entity in sorted(open_gold))
    judgements.extend(
        Judgement(Verdict.SPURIOUS, None, entity) for entity in sorted(open_predicted)
    )
    return judgements


class ErrorCounts:
    """The judgements of many texts, counted.

    counts (Counter[Verdict]): how often each verdict fell; a pair counts once.
    per_type (Dict[str, Counter[Verdict]]): the same by the gold entity's type; spurious ones by
        the predicted type.
    confusions (Counter[Tuple[str, str]]): the gold and the predicted type of the type errors.
    """

    def __init__(self) -> None:
        self.counts: Counter[Verdict] = Counter()
        self.per_type: dict[str, Counter[Verdict]] = {}
        self.confusions: Counter[tuple[str, str]] = Counter()

    def add(self, gold: Set[Entity], predicted: Set[Entity]) -> None:
        """Judge and count one text."""
        for verdict, expected, found in judge(gold, predicted):
            entity = expected or found
            if entity is None:
                continue
            self.counts[verdict] += 1
            self.per_type.setdefault(entity.label, Counter())[verdict] += 1
            if verdict is Verdict.TYPE and expected and found:
                self.confusions[expected.label, found.label] += 1

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the errors in all, ``per_type``, and ``confusions`` from gold to predicted."""
        return {
            **_by_name(self.counts),
            "per_type": {label: _by_name(self.per_type[label]) for label in sorted(self.per_type)},
            "confusions": [
                {"gold": gold, "predicted": predicted, "count": count}
                for (gold, predicted), count in self.confusions.most_common()
            ],
        }


def _by_name(counts: Counter[Verdict]) -> dict[str, int]:
    return {error.value: counts[error] for error in ERRORS}


def _candidates(gold: Set[Entity], predicted: Set[Entity]) -> Iterator[Judgement]:
    """The overlapping pairs, the closest first."""
    pairs = []
    for expected in gold:
        for found in predicted:
            overlap = min(expected.end, found.end) - max(expected.start, found.start)
            if overlap > 0:
                verdict = _compare(expected, found)
                pairs.append((_STEPS[verdict], -overlap, expected, found, verdict))
    for _, _, expected, found, verdict in sorted(pairs):
        yield Judgement(verdict, expected, found)


def _compare(expected: Entity, found: Entity) -> Verdict:
    same_start, same_end = expected.start == found.start, expected.end == found.end
    if same_start and same_end:
        return Verdict.TYPE
    if expected.label != found.label or not (same_start or same_end):
        return Verdict.OVERLAP
    return Verdict.END if same_start else Verdict.BEGIN
