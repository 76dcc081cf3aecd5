import errno
import json

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_cmner.analysis.calibration import calibrate, calibration
from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.plots import save_figure
from spacy_cmner.cli import cmner_cli
from spacy_cmner.errors import CmnerError

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1)


def test_by_hand():
    result = calibration([0.9, 0.95, 0.3, 0.2, 0.0], [True, False, False, True, False], n_bins=2)
    low, high = result.bins
    assert (low.count, high.count) == (3, 2)
    assert low.confidence == pytest.approx(0.5 / 3)
    assert low.precision == pytest.approx(1 / 3)
    assert high.gap == pytest.approx(0.925 - 0.5)
    assert result.error == pytest.approx((0.5 + 2 * 0.425) / 5)
    assert result.brier == pytest.approx((0.1**2 + 0.95**2 + 0.3**2 + 0.8**2) / 5)


@pytest.mark.parametrize("score, place", [(0.0, 0), (0.1, 0), (0.1001, 1), (0.999, 9), (1.0, 9)])
def test_every_score_has_a_bin(score, place):
    result = calibration([score], [True])
    assert [each.count for each in result.bins].index(1) == place


@given(PAIRS)
def test_the_error_is_between_the_gap_of_the_means_and_1(pairs):
    scores, correct = zip(*pairs, strict=True)
    result = calibration(scores, correct)
    overall = abs(sum(scores) - sum(correct)) / len(pairs)
    assert overall - 1e-9 <= result.error <= 1 + 1e-9
    assert result.count == len(pairs)


def test_scores_of_a_pipeline(trained, gold):
    pipe = trained.get_pipe("cmner")
    result = calibrate(trained, load_gold(gold))
    assert result.count == sum(len(entities) for _, entities in tiny.SENTENCES)
    assert result.bins[-1].precision == 1
    assert result.error < 0.1
    assert not pipe.scores


def test_gold_has_any_length(trained, gold, monkeypatch):
    monkeypatch.setattr(trained, "max_length", 3)
    assert calibrate(trained, load_gold(gold)).count == 10


def test_half_a_picture_takes_no_other_s_place(tmp_path):
    class TornFigure:
        def savefig(self, path, **settings):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "the disk is full")

    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="full"):
        save_figure(TornFigure(), path)
    assert path.read_bytes() == b"old"


@pytest.fixture
def gold(trained, tmp_path):
    path = tmp_path / "gold.spacy"
    DocBin(docs=[example.reference for example in tiny.examples(trained)]).to_disk(path)
    return path


def test_nothing_to_calibrate():
    with pytest.raises(CmnerError, match="CM515"):
        calibration([], [])


def test_command(trained, gold, tmp_path):
    trained.to_disk(tmp_path / "model")
    picture = tmp_path / "reliability.png"
    arguments = [tmp_path / "model", gold, "--output", picture]
    result = CliRunner().invoke(cmner_cli, ["calibrate", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "ECE 0.0" in result.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads(picture.with_suffix(".json").read_text("utf-8"))["entities"] == 10


@pytest.mark.parametrize("name", ["picture", "picture.xyz", "picture.json"])
def test_what_is_no_picture_is_refused_before_the_work(tmp_path, name):
    arguments = ["calibrate", "none", "none.spacy", "--output", str(tmp_path / name)]
    result = CliRunner().invoke(cmner_cli, arguments)
    assert result.exit_code == 1 and "CM513" in result.output
