import pytest
from hypothesis import given
from span_strategies import ENTITIES, ENTITY, LENGTH, PAIRS, entities

from spacy_cmner.analysis.errors import ErrorCounts, Verdict, judge
from spacy_cmner.analysis.scores import TypeCounts
from spacy_cmner.data.records import Entity


@pytest.mark.parametrize(
    "predicted, verdict",
    [
        ((2, 6, "sym"), Verdict.CORRECT),
        ((1, 6, "sym"), Verdict.BEGIN),
        ((3, 6, "sym"), Verdict.BEGIN),
        ((2, 5, "sym"), Verdict.END),
        ((2, 7, "sym"), Verdict.END),
        ((2, 6, "dis"), Verdict.TYPE),
        ((3, 5, "sym"), Verdict.OVERLAP),
        ((1, 3, "sym"), Verdict.OVERLAP),
        ((2, 5, "dis"), Verdict.OVERLAP),
    ],
)
def test_pairs(predicted, verdict):
    gold, found = Entity(2, 6, "sym"), Entity(*predicted)
    assert judge({gold}, {found}) == [(verdict, gold, found)]


def test_neighbours_are_no_pair():
    gold, found = Entity(2, 4, "sym"), Entity(4, 6, "sym")
    assert judge({gold}, {found}) == [
        (Verdict.MISSED, gold, None),
        (Verdict.SPURIOUS, None, found),
    ]


def test_a_right_entity_is_no_partner():
    outer, inner = Entity(0, 4, "sym"), Entity(0, 2, "sym")
    assert judge({outer, inner}, {outer}) == [
        (Verdict.CORRECT, outer, outer),
        (Verdict.MISSED, inner, None),
    ]


def test_type_errors_are_paired_first():
    """The other gold entity overlaps as much, and comes before it."""
    gold = entities((0, 4, "sym"), (2, 4, "bod"))
    found = entities((2, 4, "sym"))
    assert judge(gold, found) == [
        (Verdict.TYPE, Entity(2, 4, "bod"), Entity(2, 4, "sym")),
        (Verdict.MISSED, Entity(0, 4, "sym"), None),
    ]


def test_the_longer_overlap_is_paired_first():
    """One long prediction over two gold entities, which is how dense texts go wrong."""
    gold = entities((0, 2, "sym"), (2, 5, "sym"))
    assert judge(gold, entities((0, 5, "sym"))) == [
        (Verdict.BEGIN, Entity(2, 5, "sym"), Entity(0, 5, "sym")),
        (Verdict.MISSED, Entity(0, 2, "sym"), None),
    ]


def test_counts_by_hand():
    errors = ErrorCounts()
    errors.add(entities((0, 2, "bod"), (4, 6, "sym")), entities((0, 2, "sym"), (7, 8, "dru")))
    errors.add(entities((0, 2, "bod")), entities((0, 2, "sym")))
    metrics = errors.to_dict()
    nothing = {"BE": 0, "EE": 0, "TE": 0, "overlap": 0, "missed": 0, "spurious": 0}
    assert metrics["per_type"] == {
        "bod": {**nothing, "TE": 2},
        "dru": {**nothing, "spurious": 1},
        "sym": {**nothing, "missed": 1},
    }
    assert metrics["TE"] == 2
    assert metrics["confusions"] == [{"gold": "bod", "predicted": "sym", "count": 2}]


@given(ENTITIES, ENTITIES)
def test_classes_partition_both_sides(gold, predicted):
    judgements = judge(gold, predicted)
    assert sorted(j.gold for j in judgements if j.gold) == sorted(gold)
    assert sorted(j.predicted for j in judgements if j.predicted) == sorted(predicted)
    assert {j.gold for j in judgements if j.verdict is Verdict.CORRECT} == gold & predicted


@given(ENTITY, ENTITY)
def test_begin_and_end_are_mirror_images(gold, predicted):
    def mirror(entity):
        return Entity(LENGTH - entity.end, LENGTH - entity.start, entity.label)

    swap = {Verdict.BEGIN: Verdict.END, Verdict.END: Verdict.BEGIN}
    verdicts = [judgement.verdict for judgement in judge({gold}, {predicted})]
    mirrored = [judgement.verdict for judgement in judge({mirror(gold)}, {mirror(predicted)})]
    assert mirrored == [swap.get(verdict, verdict) for verdict in verdicts]


@given(PAIRS)
def test_errors_add_up_to_the_scores(pairs):
    errors, counts = ErrorCounts(), TypeCounts()
    for gold, predicted in pairs:
        errors.add(gold, predicted)
        counts.add(gold, predicted)
    paired = sum(
        errors.counts[verdict]
        for verdict in (Verdict.BEGIN, Verdict.END, Verdict.TYPE, Verdict.OVERLAP)
    )
    total = counts.total
    assert errors.counts[Verdict.CORRECT] == total.correct
    assert paired + errors.counts[Verdict.MISSED] == total.gold - total.correct
    assert paired + errors.counts[Verdict.SPURIOUS] == total.predicted - total.correct
    assert sum(errors.confusions.values()) == errors.counts[Verdict.TYPE]
    for verdict in Verdict:
        per_type = sum(by_verdict[verdict] for by_verdict in errors.per_type.values())
        assert per_type == errors.counts[verdict]
