"""Figures over seeds and against a baseline, from runs that were written by hand."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.analysis.errors import ErrorCounts
from spacy_cmner.analysis.evaluation import (
    Evaluation,
    Predictions,
    mentions,
    prediction_records,
    score,
    score_by_mention,
)
from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.significance import compare_f1, count_documents
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.errors import CmnerError
from spacy_cmner.experiments.design import Experiment, Row
from spacy_cmner.experiments.report import make_tables, write_report
from spacy_cmner.experiments.runs import Run, Runs
from spacy_cmner.experiments.summary import Spread, compare_rows, summarise

ROWS = [
    Row("weak", "Weak", Path("weak.cfg"), baseline=True),
    Row("strong", "Strong", Path("strong.cfg"), baseline=True),
    Row("ours", "Ours", Path("ours.cfg")),
    Row("late", "Late", Path("late.cfg")),
]
# how many of the first gold entities a run finds in each text, by row and seed
FOUND = {"weak": {0: 0, 1: 1}, "strong": {0: 1, 1: 1}, "ours": {1: 2, 2: 9}}


@pytest.fixture(scope="module")
def texts(docbin):
    return load_gold(docbin)


def entities_found(texts, count):
    return [frozenset(sorted(text.gold.entities)[:count]) for text in texts]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, texts):
    """Finished runs of three rows; the fourth was cut off."""
    runs = Runs(tmp_path_factory.mktemp("experiments"), "tiny", 0.5)
    for row in ROWS[:3]:
        for run in runs.plan([row], [*FOUND[row.name]]):
            write_run(run, texts, entities_found(texts, FOUND[row.name][run.seed]))
    (cut_off,) = runs.plan([ROWS[3]], [0])
    cut_off.folder.mkdir(parents=True)
    return runs


def write_run(run: Run, texts, found) -> None:
    run.folder.mkdir(parents=True)
    predictions = Predictions(found, 100, 0.5 + run.seed)
    write_jsonl(prediction_records(texts, predictions), run.predictions)
    errors = ErrorCounts()
    for text, entities in zip(texts, found, strict=True):
        errors.add(text.gold.entities, entities)
    scores = score(texts, found)
    seen, unseen = score_by_mention(texts, found, mentions(texts[:3]))
    metrics = {
        **Evaluation(scores, errors, predictions, scores, seen, unseen).to_dict(),
        "training": {
            "best_epoch": run.seed,
            "epochs": 3,
            "seconds_per_epoch": 2.5,
            "texts": 3,
            "epochs_at_most": 4,
            "patience": 2,
        },
        "hardware": {"machine": "abacus", "gpu": None, "threads": 1},
    }
    run.metrics.write_text(json.dumps(metrics), "utf-8")


def summary_of(runs, texts, **settings):
    experiment = Experiment("table", "Title", ROWS, **settings)
    return summarise(experiment, ROWS, runs, texts, samples=50)


def test_mean_and_deviation():
    assert Spread.of([1.0, 2.0, 4.0]).show(2) == "2.33 ± 1.53"
    assert Spread.of([5.0]).show(1) == "5.0"


@given(st.lists(st.floats(0, 100), min_size=2, max_size=8))
def test_mean_and_deviation_are_those_of_a_sample(values):
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(np.mean(values))
    assert spread.deviation == pytest.approx(np.std(values, ddof=1), abs=1e-6)


def test_rows_without_a_finished_run_are_missing(runs, texts):
    summary = summary_of(runs, texts)
    assert [each.row.name for each in summary.rows] == ["weak", "strong", "ours"]
    assert [row.name for row in summary.missing] == ["late"]
    assert [run.seed for run in summary.rows[2].runs] == [1, 2]


def test_the_best_baseline_is_the_reference(runs, texts):
    summary = summary_of(runs, texts)
    assert summary.reference.row.name == "strong"
    assert [each.test is None for each in summary.rows] == [False, True, False]


def test_a_named_reference_goes_before_the_baselines(runs, texts):
    assert summary_of(runs, texts, reference="ours").reference.row.name == "ours"
    summary = summary_of(runs, texts, reference="late")
    assert summary.reference is None
    assert all(each.test is None for each in summary.rows)


def test_tests_sum_the_counts_of_common_seeds(runs, texts):
    gold = [text.gold.entities for text in texts]

    def counts(row, seeds):
        found = [entities_found(texts, FOUND[row][seed]) for seed in seeds]
        return sum(count_documents(gold, each) for each in found)

    weak, _, ours = (each.test for each in summary_of(runs, texts).rows)
    both = counts("weak", [0, 1]), counts("strong", [0, 1])
    assert weak == compare_f1(*both, samples=50)
    assert ours == compare_f1(counts("ours", [1]), counts("strong", [1]), samples=50)
    assert ours.difference > 0


def test_no_test_without_a_common_seed(runs, texts):
    counts = np.ones((2, 2), dtype=np.int64)
    assert compare_rows({1: counts}, {0: counts}, 10) is None
    assert compare_rows({1: counts}, {0: counts, 1: counts}, 10).difference == 0


def test_nothing_finished(tmp_path, texts):
    with pytest.raises(CmnerError, match=r"CM526.*run table --data tiny --fraction 0\.5"):
        summary_of(Runs(tmp_path, "tiny", 0.5), texts)


def test_csv_holds_means_and_deviations_of_what_runs_have_written(runs, texts):
    _, table, plot = write_report(summary_of(runs, texts), runs, texts)
    lines = table.read_text("utf-8").splitlines()
    rows = {row["row"]: row for row in csv.DictReader(lines)}
    for name in FOUND:
        written = [
            json.loads((runs.out / f"runs/tiny/0.5/{name}/seed-{seed}/metrics.json").read_text())
            for seed in FOUND[name]
        ]
        for column, values in {
            "F1 all": [100 * each["all"]["f"] for each in written],
            "F1 flat": [100 * each["flat"]["f"] for each in written],
            "F1 seen": [100 * each["seen"]["f"] for each in written],
            "F1 unseen": [100 * each["unseen"]["f"] for each in written],
            "missed": [each["errors"]["missed"] for each in written],
            "best epoch": [each["training"]["best_epoch"] for each in written],
            "decoding characters/s": [100 / (0.5 + seed) for seed in FOUND[name]],
        }.items():
            assert float(rows[name][f"{column} mean"]) == pytest.approx(np.mean(values))
            assert float(rows[name][f"{column} std"]) == pytest.approx(np.std(values, ddof=1))
    assert rows["strong"]["ΔF1"] == ""
    assert float(rows["weak"]["ΔF1"]) < 0 < float(rows["ours"]["ΔF1"])
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_markdown_says_what_it_rests_on(runs, texts):
    markdown, *_ = write_report(summary_of(runs, texts), runs, texts)
    text = markdown.read_text("utf-8")
    assert markdown == runs.out / "table/tiny/0.5/table.md"
    for part in (
        *("### Title", "### Difference from Strong", "### F1 per type", "### Costs"),
        *("| Ours | 2 |", "0.5 of the training set (3 texts)", "Seeds 0, 1, 2", "abacus CPU"),
        *("At most 4 epochs; patience 2", "Not finished: Late."),
    ):
        assert part in text
    assert "| Strong | 2 |" in text and "| Strong | -" not in text


def test_rows_that_could_not_be_tested_are_named(runs, texts):
    """Seed 2 of ours is no seed of the reference."""
    summary = summary_of(runs, texts)
    assert not summary.untested
    *others, ours = summary.rows
    alone = replace(ours, runs=ours.runs[1:], metrics=ours.metrics[1:], test=None)
    markdown, *_ = write_report(replace(summary, rows=[*others, alone]), runs, texts)
    text = markdown.read_text("utf-8")
    assert "Not tested, as no seed is that of Strong: Ours." in text
    assert "| Ours | 1 |" in text and "| Ours | +" not in text
    nothing_tested = replace(summary, rows=[alone])
    assert not any(table.title.startswith("Difference") for table in make_tables(nothing_tested))


def test_a_figure_that_a_run_lacks_is_left_out(runs, texts):
    summary = summary_of(runs, texts)
    assert "F1 new texts" in make_tables(summary)[0].header
    older = dict(summary.rows[0].metrics[0])
    del older["deduplicated"]
    rows = [replace(summary.rows[0], metrics=[older]), *summary.rows[1:]]
    table = make_tables(replace(summary, rows=rows))[0]
    assert table.header == ("model", "seeds", "P", "R", "F1 all", "F1 flat", "F1 seen", "F1 unseen")


def test_kinds_of_errors(runs, texts):
    summary = summary_of(runs, texts, report="errors")
    (table,) = make_tables(summary)
    assert table.header == ("model", "seeds", "BE", "EE", "TE", "overlap", "missed", "spurious")
    n = sum(len(text.gold.entities) for text in texts)
    half = sum(bool(text.gold.entities) for text in texts) / 2
    assert table.rows[0][6].startswith(f"{n - half:.1f} ± ")
    *_, plot = write_report(summary, runs, texts)
    assert plot.stat().st_size > 0


def test_a_curve_has_numbers_for_labels(runs, texts):
    rows = [replace(row, label=str(100 * i)) for i, row in enumerate(ROWS[:3])]
    experiment = Experiment("curve", "Size", rows, "curve")
    *_, plot = write_report(summarise(experiment, rows, runs, texts, samples=5), runs, texts)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_cases(runs, texts):
    summary = summary_of(runs, texts, report="cases")
    assert make_tables(summary) == []
    (path,) = write_report(summary, runs, texts)
    text = path.read_text("utf-8")
    assert "| span | gold | Weak | Strong | Ours | surface |" in text
    assert tiny.SENTENCES[0][0] in text
    assert tiny.SENTENCES[-1][0] not in text  # no entity, and none found
    assert "Seeds 0, 1. abacus" in text  # the first of each, and no mean of them
