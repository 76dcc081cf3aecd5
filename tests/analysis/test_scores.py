import pytest
from hypothesis import given
from spacy.scorer import PRFScore
from span_strategies import PAIRS, entities

from spacy_cmner.analysis.scores import Counts, TypeCounts


def count(*pairs):
    counts = TypeCounts()
    for gold, predicted in pairs:
        counts.add(gold, predicted)
    return counts


def test_by_hand():
    gold = entities((0, 4, "sym"), (0, 2, "bod"), (6, 8, "sym"))
    predicted = entities((0, 4, "sym"), (0, 2, "sym"), (6, 7, "sym"))
    counts = count((gold, predicted), (entities((1, 2, "dru")), entities((1, 2, "dru"))))
    assert counts.total == Counts(gold=4, predicted=4, correct=2)
    assert counts.per_type == {
        "bod": Counts(gold=1, predicted=0, correct=0),
        "dru": Counts(gold=1, predicted=1, correct=1),
        "sym": Counts(gold=2, predicted=3, correct=1),
    }
    assert counts.per_type["sym"].ratios() == pytest.approx({"p": 1 / 3, "r": 1 / 2, "f": 0.4})
    assert counts.to_dict()["per_type"]["bod"] == {
        "p": 0.0,
        "r": 0.0,
        "f": 0.0,
        "gold": 1,
        "predicted": 0,
        "correct": 0,
    }


def test_nothing_scores_0():
    assert count().total.ratios() == {"p": 0.0, "r": 0.0, "f": 0.0}
    assert count((entities(), entities())).per_type == {}


@given(PAIRS)
def test_agrees_with_spacys_arithmetic(pairs):
    theirs = PRFScore()
    for gold, predicted in pairs:
        theirs.score_set(predicted, gold)
    ours = count(*pairs).total
    assert ours.ratios() == pytest.approx(theirs.to_dict())
    assert ours.gold - ours.correct == theirs.fn
    assert ours.predicted - ours.correct == theirs.fp


@given(PAIRS)
def test_types_add_up(pairs):
    counts = count(*pairs)
    for field in ("gold", "predicted", "correct"):
        total = sum(getattr(score, field) for score in counts.per_type.values())
        assert total == getattr(counts.total, field)
