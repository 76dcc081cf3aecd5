import pytest
import spacy
import tiny
from span_strategies import gold_text

from spacy_cmner.analysis.evaluation import evaluate, mentions, prediction_records, score
from spacy_cmner.analysis.scores import Counts
from spacy_cmner.data.records import Entity, Record

TEXTS = [
    gold_text("右肺疼痛", (0, 4, "sym"), (0, 2, "bod")),
    gold_text("咳嗽，发热", (0, 2, "sym"), (3, 5, "sym")),
    gold_text("复查"),
    gold_text(""),
]


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    patterns = [("右肺", "bod"), ("咳嗽", "sym"), ("发热", "dis"), ("复查", "pro")]
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": surface} for surface, label in patterns])
    return nlp


def test_all_and_flat_gold(nlp):
    scores = evaluate(nlp, TEXTS).scores
    assert scores.texts == 4
    assert scores.all_gold.total == Counts(gold=4, predicted=4, correct=2)
    assert scores.flat_gold.total == Counts(gold=3, predicted=4, correct=1)
    assert scores.all_gold.per_type["bod"] == Counts(gold=1, predicted=1, correct=1)


def test_gold_has_any_length(nlp, monkeypatch):
    monkeypatch.setattr(nlp, "max_length", 3)
    assert evaluate(nlp, TEXTS).scores.all_gold.total == Counts(gold=4, predicted=4, correct=2)


def test_deduplicated(nlp):
    evaluation = evaluate(nlp, TEXTS, exclude=[gold_text("咳嗽，发热"), gold_text("他")])
    assert evaluation.scores.texts == 4
    assert evaluation.deduplicated.texts == 3
    assert evaluation.deduplicated.all_gold.total == Counts(gold=2, predicted=2, correct=1)
    assert evaluation.to_dict()["deduplicated"]["left_out"] == 1


def test_seen_and_unseen(nlp):
    """Seen is what training shows with the same type: its 发热 as dis is not the gold sym."""
    train = [gold_text("无咳嗽", (1, 3, "sym")), gold_text("发热", (0, 2, "dis"))]
    assert mentions(train) == {("咳嗽", "sym"), ("发热", "dis")}
    evaluation = evaluate(nlp, TEXTS, train=train)
    assert evaluation.seen.total == Counts(gold=1, predicted=2, correct=1)
    assert evaluation.unseen.total == Counts(gold=3, predicted=2, correct=1)


def test_missing_annotation(nlp):
    text = gold_text("右肺咳嗽", (0, 2, "bod"), missing=(2, 3))
    scores = evaluate(nlp, [text]).scores
    assert scores.all_gold.total == Counts(gold=1, predicted=1, correct=1)


def test_json_leaves_out_what_was_not_asked_for(nlp):
    metrics = evaluate(nlp, TEXTS).to_dict()
    assert set(metrics) == {"texts", "all", "flat", "errors", "speed"}
    assert metrics["all"]["f"] == pytest.approx(0.5)
    assert metrics["errors"]["TE"] == 1
    assert metrics["errors"]["missed"] == 1
    assert metrics["errors"]["spurious"] == 1
    assert metrics["speed"]["characters"] == 11
    assert metrics["speed"]["characters_per_second"] > 0


def test_nothing_to_evaluate(nlp):
    evaluation = evaluate(nlp, [], train=[], exclude=[])
    assert evaluation.scores.all_gold.total == evaluation.seen.total == Counts()
    assert evaluation.to_dict()["deduplicated"]["left_out"] == 0


def test_predictions_keep_ids(nlp):
    predictions = evaluate(nlp, TEXTS[:1]).predictions
    [record] = prediction_records(TEXTS[:1], predictions)
    assert record == Record("右肺疼痛", (Entity(0, 2, "bod"),))


def test_perfect_flat_predictions_miss_the_nested():
    scores = score(TEXTS, [text.gold.flat for text in TEXTS])
    assert scores.flat_gold.total.f1 == 1.0
    assert scores.all_gold.total == Counts(gold=4, predicted=3, correct=3)
