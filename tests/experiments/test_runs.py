"""The trainings of experiments, with spaCy's commands replaced by what they write."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from spacy.util import load_config

from spacy_cmner.annotation.lock import locked
from spacy_cmner.data.corpus import read_docbin, write_docbin
from spacy_cmner.data.records import Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.experiments.design import Row, load_design
from spacy_cmner.experiments.runs import Run, Runs
from spacy_cmner.experiments.training import (
    Training,
    check_comparable,
    execute,
    find_corpus,
    fingerprint,
    make_config,
    summarise_training,
    write_subset,
)

CONFIGS = Path(__file__).parents[2] / "configs"
CONFIG = CONFIGS / "bilstm_crf.cfg"
DESIGN = CONFIGS / "experiments.yml"
# the tiny texts are six: one batch of ten
LOG = [
    {"step": 0, "score": 0.0, "seconds": 4},
    {"step": 1, "score": 0.5, "seconds": 14},
    {"step": 2, "score": 0.5, "seconds": 26},
]


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(Row("a", "A", CONFIG), 7, tmp_path / "a" / "seed-7")


@pytest.fixture
def training(docbin) -> Training:
    return Training(docbin, docbin, epochs=3)


@pytest.fixture
def calls(monkeypatch) -> list[SimpleNamespace]:
    """The commands called, each with the folder as it was; they write what spaCy's would."""
    calls = []

    def fake(command, *, env, stdout, **_):
        words = command[3:]
        output = Path(words[words.index("--output") + 1])
        folder = output if words[0] == "train" else output.parent
        files = {path.name for path in folder.iterdir()}
        calls.append(SimpleNamespace(words=words, env=env, files=files))
        if words[0] == "train":
            for name in ("model-best", "model-last"):
                (output / name).mkdir()
            lines = "".join(f"{json.dumps(line)}\n" for line in LOG)
            (output / "training.jsonl").write_text(lines, "utf-8")
        else:
            output.write_text(json.dumps({"all": {"f": 0.5}}), "utf-8")
        stdout.write("said\n")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", fake)
    return calls


def test_a_run_is_trained_scored_and_described(run, training, calls):
    execute(run, training)
    assert [call.words[:2] for call in calls] == [["train", str(run.config)], ["cmner", "evaluate"]]
    metrics = run.read_metrics()
    assert (metrics["row"], metrics["seed"], metrics["all"]) == ("a", 7, {"f": 0.5})
    assert metrics["training"] == {
        "best_epoch": 2,
        "epochs": 2,
        "seconds": 26,
        "seconds_per_epoch": 11,
        "texts": 6,
        "epochs_at_most": 3,
        "patience": 2,
    }
    assert set(metrics["fingerprints"]) == {"train", "dev"}
    kept = {path.name for path in run.folder.iterdir()}
    assert kept == {"config.cfg", "log.txt", "metrics.json", "model-best", "training.jsonl"}
    assert run.log.read_text("utf-8").count("said\n") == 2


def test_texts_of_which_less_is_known_are_others(tmp_path):
    records = [Record("见肺炎"), Record("见肺炎", missing=frozenset({2})), Record("见肺炎")]
    found = []
    for number, record in enumerate(records):
        write_docbin([record], tmp_path / f"{number}.spacy")
        found.append(fingerprint(tmp_path / f"{number}.spacy"))
    assert found[0] == found[2] != found[1]


def test_each_run_notes_the_texts_as_it_finds_them(run, calls, docbin, tmp_path):
    texts = tmp_path / "train.spacy"
    write_docbin([Record("见肺炎")], texts)
    training = Training(texts, docbin, epochs=3)
    before = training.fingerprints
    write_docbin([Record("咳嗽")], texts)
    execute(run, training)
    assert run.read_metrics()["fingerprints"] == {**before, "train": fingerprint(texts)} != before


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("name", load_design(DESIGN).experiments)
def test_what_the_shipped_experiments_train_can_be_compared(training, docbin, tmp_path, name):
    rows = load_design(DESIGN)[name].choose([])
    runs = [*Runs(tmp_path, "tiny", 1).plan(rows, [0, 1])]
    for run in runs:
        execute(run, training)
    check_comparable(runs, docbin)
    changed = load_config(runs[-1].config, {"training.dropout": 0.9}, interpolate=False)
    changed.to_disk(runs[-1].config, interpolate=False)
    with pytest.raises(CmnerError, match=r"CM532.*seed-1.*training\.dropout.*seed-0"):
        check_comparable(runs, docbin)


@pytest.mark.usefixtures("calls")
def test_runs_with_different_patience_are_not_compared(run, training, docbin):
    execute(run, replace(training, patience=5))
    other = replace(run, seed=8, folder=run.folder.with_name("seed-8"))
    execute(other, replace(training, epochs=9))
    with pytest.raises(CmnerError, match=r"CM532.*seed-8.*training\.patience.*seed-7"):
        check_comparable([run, other], docbin)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    "setting, value",
    [
        ("components.cmner.decoding", "marginal"),
        ("corpora.train.limit", 3),
        ("components.cmner.model.tok2vec.encode.depth", 2),
    ],
)
def test_rows_of_which_one_was_given_a_setting_are_not_compared(
    training, docbin, tmp_path, setting, value
):
    rows = load_design(DESIGN)["table3"].choose(["bilstm_crf", "soft_lexicon", "flat"])
    first, second, last = Runs(tmp_path, "tiny", 1).plan(rows, [0])
    execute(first, replace(training, overrides={setting: value}))
    for other in (second, last):
        execute(other, training)
        for pair in ([first, other], [other, first]):
            with pytest.raises(CmnerError, match=rf"CM532.*{setting}"):
                check_comparable(pair, docbin)
    shutil.rmtree(second.folder)
    execute(second, replace(training, overrides={setting: value}))
    check_comparable([first, second], docbin)


def test_a_finished_run_whose_config_cannot_be_compared_is_named(run, training, docbin, calls):
    execute(run, training)
    misfit = replace(run, row=replace(run.row, overrides={"no.such.section": 1}))
    with pytest.raises(CmnerError, match=r"(?s)CM522.*seed-7.*no -> such"):
        check_comparable([misfit], docbin)
    run.config.unlink()
    with pytest.raises(CmnerError, match=r"CM101.*config\.cfg"):
        check_comparable([run], docbin)


def test_a_finished_run_is_left_alone(run, training, calls):
    execute(run, training)
    execute(run, training)
    assert len(calls) == 2


def test_a_run_that_was_cut_off_is_trained_anew(run, training, calls):
    execute(run, training)
    run.metrics.unlink()
    execute(run, training)
    assert len(calls) == 4
    assert calls[2].files == {"config.cfg", "log.txt"}
    assert run.finished


@pytest.mark.parametrize(
    "change", [{"epochs": 4}, {"patience": 0}, {"overrides": {"training.dropout": 0.1}}]
)
def test_a_run_with_other_settings_is_not_taken_for_the_same(run, training, calls, docbin, change):
    execute(run, training)
    with pytest.raises(CmnerError, match=r"CM523.*seed-7"):
        execute(run, Training(docbin, docbin, **{"epochs": 3, **change}))


def test_a_run_on_other_texts_is_not_taken_for_the_same(run, training, calls, docbin, tmp_path):
    execute(run, training)
    other = tmp_path / "other.spacy"
    write_subset(docbin, other, 0.9)
    with pytest.raises(CmnerError, match=r"CM529.*seed-7"):
        execute(run, Training(docbin, other, epochs=3))
    again = tmp_path / "again.spacy"
    write_docbin(read_docbin(docbin), again)
    execute(run, Training(docbin, again, epochs=3))
    assert len(calls) == 2


def test_a_run_that_another_call_is_at_is_left_to_it(run, training, calls):
    with locked(run.lock), pytest.raises(CmnerError, match=r"CM152.*seed-7"):
        execute(run, training)
    assert not calls
    assert not run.folder.exists()


def test_finished_runs_stand_beside_other_files(run, tmp_path):
    runs = Runs(tmp_path, "a", 1.0)
    for each in runs.plan([run.row], [10, 2]):
        each.folder.mkdir(parents=True)
        each.metrics.touch()
        each.lock.touch()
    each.folder.with_name("seed-2 (copy)").mkdir()
    assert [each.seed for each in runs.finished(run.row)] == [2, 10]


def test_a_failed_command_is_named_with_its_log(run, training, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=3))
    with pytest.raises(CmnerError, match=r"CM524.* a with seed 7 .*code 3.*log\.txt"):
        execute(run, training)
    assert not run.finished


def test_damaged_figures_are_named(run, training, calls):
    execute(run, training)
    run.metrics.write_text('{"all": ', "utf-8")
    with pytest.raises(CmnerError, match=r"CM103.*metrics\.json"):
        execute(run, training)


def test_threads(run, docbin, calls, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    execute(run, Training(docbin, docbin, epochs=1, threads=2))
    assert {call.env["OMP_NUM_THREADS"] for call in calls} == {"2"}
    run.metrics.unlink()
    execute(run, Training(docbin, docbin, epochs=1))
    assert {call.env["OMP_NUM_THREADS"] for call in calls[2:]} == {"5"}


def test_one_evaluation_an_epoch(run, docbin):
    training = Training(docbin, docbin, 5, 2, {"training.batcher.size": 4})
    config = make_config(run, training)
    block = config["training"]
    assert (block["eval_frequency"], block["max_steps"], block["patience"]) == (2, 10, 4)
    assert block["max_epochs"] == 0
    assert config["system"]["seed"] == 7


def test_all_else_is_the_config(run, training):
    config, source = make_config(run, training), load_config(CONFIG)
    for name in ("max_epochs", "max_steps", "eval_frequency", "patience"):
        assert config["training"].pop(name) != source["training"].pop(name)
    assert config["system"].pop("seed") != source["system"].pop("seed")
    assert config == source


def test_settings_that_do_not_fit(tmp_path, training):
    row = Row("a", "A", CONFIG, {"no.such.section": 1})
    with pytest.raises(CmnerError, match=r"CM522.*bilstm_crf\.cfg"):
        make_config(Run(row, 0, tmp_path), training)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": "${system.seed}"},
        {"@batchers": "spacy.batch_by_words.v1", "tolerance": 0.2},
    ],
)
def test_batches_of_no_fixed_number_of_texts(run, docbin, change):
    settings = {f"training.batcher.{name}": value for name, value in change.items()}
    with pytest.raises(CmnerError, match=r"CM522.*batcher.*batch_by_sequence"):
        make_config(run, Training(docbin, docbin, 5, 2, settings))


@pytest.mark.parametrize(
    "content, problem",
    [("[system]\nseed = 0\n", "batcher"), ("# 中文\n[system]\nseed = 0\n", "utf-8")],
)
def test_configs_that_no_run_can_be_trained_by(tmp_path, training, content, problem):
    path = tmp_path / "own.cfg"
    path.write_bytes(content.encode("gb18030"))
    with pytest.raises(CmnerError, match=rf"CM522.*own\.cfg.*{problem}"):
        make_config(Run(Row("a", "A", path), 0, tmp_path), training)


def test_summary_takes_the_last_of_equal_epochs_for_the_best():
    """It is the one that spaCy's model-best is of."""
    lines = [{"step": 30 * i, "score": s, "seconds": 7 * i} for i, s in enumerate([0, 2, 3, 3, 1])]
    summary = summarise_training(lines, {"eval_frequency": 30})
    assert summary == {"best_epoch": 3, "epochs": 4, "seconds": 28, "seconds_per_epoch": 7.0}


def test_subset_is_the_same_at_every_call_and_part_of_a_larger_one(docbin, tmp_path):
    def texts(name, fraction):
        write_subset(docbin, tmp_path / name / "train.spacy", fraction)
        return list(read_docbin(tmp_path / name / "train.spacy"))

    half = texts("a", 0.5)
    assert len(half) == 3
    assert half == texts("b", 0.5)
    assert set(map(str, texts("c", 0.34))) < set(map(str, half))
    assert texts("d", 1.0) == list(read_docbin(docbin))


def test_subset_follows_its_source(docbin, tmp_path):
    source, out = tmp_path / "source.spacy", tmp_path / "part" / "train.spacy"
    write_docbin([*read_docbin(docbin)][:2], source)
    os.utime(source, (0, 0))
    write_subset(docbin, out, 1.0)
    write_subset(source, out, 1.0)
    assert len([*read_docbin(out)]) == 2
    assert [path.name for path in out.parent.iterdir()] == ["train.spacy"]
    os.utime(out, (0, 0))
    write_subset(docbin, out, 1.0)
    assert len(list(read_docbin(out))) == 6


@pytest.mark.parametrize("fraction, code", [(0.0, "CM109"), (1.5, "CM109"), (0.01, "CM527")])
def test_impossible_fractions(docbin, tmp_path, fraction, code):
    with pytest.raises(CmnerError, match=code):
        write_subset(docbin, tmp_path / "train.spacy", fraction)


def test_unknown_data_set(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.spacy").touch()
    assert find_corpus(tmp_path, "a") == (tmp_path / "a/train.spacy", tmp_path / "a/dev.spacy")
    with pytest.raises(CmnerError, match=r"CM521.*'c'.*a, b"):
        find_corpus(tmp_path, "c")
