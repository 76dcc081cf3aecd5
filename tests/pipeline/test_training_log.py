import io

import numpy as np
import pytest
import spacy
import srsly

from spacy_cmner.pipeline.training_log import create_training_log


def info(step: int, losses: dict[str, float], score: float | None = 0.5, **other) -> dict:
    return {
        "epoch": 0,
        "step": step,
        "seconds": 3,
        "score": score,
        "losses": losses,
        "other_scores": {"ents_f": 0.5, "ents_per_type": {"bod": {"f": 1.0}}, **other},
    }


LOSSES = {"cmner": 12.3456, "cmner_reconstruction": 0.5}


@pytest.fixture
def nlp():
    weights = {"ents_f": 1.0, "ents_p": 0.0, "ents_per_type": None}
    return spacy.blank("zh", config={"training": {"score_weights": weights}})


def lines(nlp, infos: list, **settings) -> list[list[str]]:
    stdout = io.StringIO()
    log_step, finalize = create_training_log(**settings)(nlp, stdout, io.StringIO())
    for item in infos:
        log_step(item)
    finalize()
    return [line.split("  ") for line in stdout.getvalue().splitlines()]


def cells(line: list[str]) -> list[str]:
    return [cell.strip() for cell in line if cell.strip()]


def test_one_column_for_each_loss_and_score(nlp):
    header, row = map(cells, lines(nlp, [info(1, LOSSES)]))
    assert header == [
        *("epoch", "step", "seconds", "loss cmner", "loss cmner_reconstruction"),
        *("ents_f", "ents_p", "score"),
    ]
    assert row == ["0", "1", "3", "12.35", "0.50", "50.00", "-", "0.5000"]


def test_a_score_of_nothing_is_no_missing_one(nlp):
    _, row = map(cells, lines(nlp, [info(1, LOSSES, ents_p=0.0)]))
    assert row[5:7] == ["50.00", "0.00"]


def test_columns_line_up(nlp):
    written = lines(nlp, [info(1, LOSSES), info(1000, {**LOSSES, "cmner": 1e6})])
    assert len({len("  ".join(line)) for line in written}) == 1


def test_steps_without_an_evaluation_are_silent(nlp):
    assert lines(nlp, [None, info(1, LOSSES, score=None)]) == []


def test_a_loss_may_appear_later(nlp):
    """A first batch of empty texts has no reconstruction loss yet."""
    written = [cells(line) for line in lines(nlp, [info(1, {"cmner": 0.0}), info(2, LOSSES)])]
    assert [line[0] for line in written] == ["epoch", "0", "epoch", "0"]
    assert [len(line) for line in written] == [7, 7, 8, 8]


def test_lines_as_json(nlp, tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    for _ in range(2):  # a second run starts the file anew
        losses = {**LOSSES, "cmner_reconstruction": np.float32(0.5)}
        lines(nlp, [info(1, losses), None, info(2, losses, ents_p=0.25)], output_file=path)
    rows = list(srsly.read_jsonl(path))
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[1] == {
        "epoch": 0,
        "step": 2,
        "seconds": 3,
        "losses": LOSSES,
        "scores": {"ents_f": 0.5, "ents_p": 0.25},
        "score": 0.5,
    }


@pytest.mark.parametrize(
    ("infos", "warns"),
    [
        ([info(0, LOSSES), None, None], True),
        ([info(0, LOSSES), None, info(2, LOSSES), None], False),
        ([info(0, LOSSES)], False),
        ([], False),
    ],
)
def test_says_that_only_the_first_step_was_evaluated(nlp, capsys, infos, warns):
    nlp.config["training"]["eval_frequency"] = 1500
    lines(nlp, infos)
    said = capsys.readouterr().out
    assert ("CM440" in said) == ("[CM440] Of 3 steps" in said and "1500" in said) == warns
