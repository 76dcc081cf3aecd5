import json
import re

import numpy as np
import pytest
import spacy
import tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_cmner.analysis.calibration import judge_scores
from spacy_cmner.analysis.gold import Gold, GoldText
from spacy_cmner.analysis.temperature import TOLERANCE, fit_temperature, minimise
from spacy_cmner.cli import cmner_cli
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.models.crf_tagger import scale_scores


def gold(right) -> list[GoldText]:
    """The tiny texts; entities that are not to be found right have another type."""
    texts, number = [], 0
    for text, entities in tiny.SENTENCES:
        found = set()
        for start, end, label in entities:
            found.add(Entity(start, end, label if right(number) else "equ"))
            number += 1
        texts.append(GoldText(text, Gold(frozenset(found), frozenset(found))))
    return texts


def log_loss(nlp, texts) -> float:
    scores, correct = judge_scores(nlp, texts)
    return -float(np.log(np.where(correct, scores, 1 - np.array(scores))).mean())


@pytest.fixture(scope="module")
def mixed():
    return gold(lambda number: number % 5 < 3)


@pytest.fixture(scope="module")
def fitted(trained, mixed):
    return fit_temperature(trained, mixed)


def test_scores_are_as_high_as_the_precision(trained, fitted, mixed):
    nlp, temperature = fitted
    before, correct = judge_scores(trained, mixed)
    scores, _ = judge_scores(nlp, mixed)
    assert np.mean(before) > 0.9
    assert temperature > 1
    assert np.mean(scores) == pytest.approx(np.mean(correct), abs=0.1)


def test_no_other_temperature_has_a_smaller_loss(fitted, mixed):
    nlp, _ = fitted
    model = nlp.get_pipe("cmner").model
    loss = log_loss(nlp, mixed)
    for factor in (0.5, 0.9, 1.1, 2.0):
        scale_scores(model, factor)
        assert log_loss(nlp, mixed) > loss
        scale_scores(model, 1 / factor)


def test_entities_stay_and_log_probabilities_are_divided(trained, fitted):
    nlp, temperature = fitted

    def read(nlp, text):
        best, *others = nlp.get_pipe("cmner").kbest(nlp.make_doc(text), 3)
        odds = np.array([other.log_probability - best.log_probability for other in others])
        return [reading.spans for reading in (best, *others)], odds

    for text, _ in tiny.SENTENCES:
        (spans_before, before), (spans_after, after) = read(trained, text), read(nlp, text)
        assert spans_after == spans_before
        assert after * temperature == pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("key", ["hits", None], ids=["read", "read later"])
def test_given_evidence_counts_as_before(trained, mixed, tmp_path, key):
    settings = {"evidence_key": key, "evidence_weight": 3.0, "evidence_weights": {"sure": 9.0}}
    trained.to_disk(tmp_path / "trained")
    nlp = spacy.load(tmp_path / "trained", config={"components": {"cmner": settings}})
    fitted, temperature = fit_temperature(nlp, mixed)
    fitted.to_disk(tmp_path / "fitted")
    loaded = spacy.load(tmp_path / "fitted")

    def read(nlp, rule):
        nlp.get_pipe("cmner").evidence_key = "hits"
        doc = nlp.make_doc("一切正常")
        doc.spans["hits"] = [Span(doc, 0, 2, "sym", span_id=rule)]
        return nlp.get_pipe("cmner").kbest(doc, 4)

    for rule in ("", "sure"):
        before, after = read(nlp, rule), read(loaded, rule)
        assert [reading.spans for reading in after] == [reading.spans for reading in before]
        odds, others = (
            [each.log_probability - best.log_probability for each in rest]
            for best, *rest in (before, after)
        )
        assert np.array(others) * temperature == pytest.approx(np.array(odds), rel=1e-3)


def test_the_pipeline_given_stays_as_it_is(trained, mixed, monkeypatch):
    before = trained.get_pipe("cmner").to_bytes()
    monkeypatch.setitem(trained.meta, "performance", {"ents_f": 1.0})
    nlp, _ = fit_temperature(trained, mixed)
    assert trained.get_pipe("cmner").to_bytes() == before
    assert trained.meta["performance"] and not nlp.meta["performance"]
    assert nlp.get_pipe("cmner").threshold == trained.get_pipe("cmner").threshold


@pytest.mark.parametrize("right, word", [(True, "right"), (False, "wrong")])
def test_nothing_to_learn_from(trained, right, word):
    with pytest.raises(CmnerError, match=rf"CM517.*{word}"):
        fit_temperature(trained, gold(lambda number: right))


@given(st.floats(-3, 3))
def test_minimum_of_a_parabola(lowest):
    assert minimise(lambda x: (x - lowest) ** 2, -3, 3) == pytest.approx(lowest, abs=TOLERANCE)


def test_command(trained, mixed, tmp_path):
    trained.to_disk(tmp_path / "model")
    data = tmp_path / "gold.jsonl"
    write_jsonl([Record(each.text, tuple(sorted(each.gold.entities))) for each in mixed], data)
    picture = tmp_path / "fitted.png"
    arguments = ["calibrate", tmp_path / "model", data, "-o", picture, "--fit", tmp_path / "fitted"]
    result = CliRunner().invoke(cmner_cli, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    before, after = map(float, re.findall(r"Brier (\d\.\d+)", result.stdout))
    assert after < before
    figures = json.loads(picture.with_suffix(".json").read_text("utf-8"))
    assert figures["brier"] == pytest.approx(after, abs=1e-4)
    strings = [tmp_path / folder / "vocab" / "strings.json" for folder in ("model", "fitted")]
    assert strings[0].read_text("utf-8") == strings[1].read_text("utf-8")
    arguments[-1] = tmp_path / "model"
    result = CliRunner().invoke(cmner_cli, [*map(str, arguments)])
    assert result.exit_code == 1 and "CM157" in result.output
