"""From the description of an experiment to its report, as a user runs it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import tiny
import torch
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli
from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.records import Entity, Record

CONFIG = Path(__file__).parents[2] / "configs" / "bilstm_crf.cfg"
DESIGN = """
data:
  tiny: {training.batcher.size: 3}
rows:
  good: {label: Good, config: bilstm_crf.cfg, baseline: true}
  bad: {label: Bad, config: bilstm_crf.cfg, overrides: {no.such.section: 1}}
experiments:
  trial: {title: Trial, rows: [bad, good]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "trial.yml").write_text(DESIGN, "utf-8")
    shutil.copy(CONFIG, folder)
    records = [
        Record(text, tuple(Entity(*entity) for entity in entities))
        for text, entities in tiny.SENTENCES
    ]
    for name in ("train", "dev"):
        write_docbin(records, folder / "corpus" / "tiny" / f"{name}.spacy")
    return folder


def call(folder: Path, command: str, *args: str):
    places = {"--corpus": "corpus", "--output": "out", "--design": "trial.yml"}
    options = [str(part) for name, path in places.items() for part in (name, folder / path)]
    return CliRunner().invoke(cmner_cli, ["experiment", command, *options, *args])


@pytest.fixture(scope="module")
def result(folder, resource_dir):
    """Two rows, the first of which cannot be trained."""
    paths = tiny.resource_paths(resource_dir)
    return call(
        folder,
        *("run", "trial", "--data", "tiny", "--epochs", "2", "--seeds", "3", "--threads", "1"),
        *("--paths.char_vectors", str(paths["vectors"])),
        *("--components.cmner.model.tok2vec.encode.hidden_width", "8"),
    )


def test_a_failed_row_is_named_and_does_not_stop_the_others(result, folder):
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "CM522" in output and "These runs failed: bad, seed 3." in output
    assert "good, seed 3: F1" in output
    made = (folder / "out" / "runs" / "tiny" / "1" / "good" / "seed-3").iterdir()
    assert {path.name for path in made} == {
        *("config.cfg", "log.txt", "metrics.json", "model-best"),
        *("predictions.jsonl", "training.jsonl"),
    }


def test_evaluations_are_one_an_epoch(result, folder):
    lines = (folder / "out/runs/tiny/1/good/seed-3/training.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 2, 4]


def test_what_is_finished_is_collated(result, folder):
    collated = call(folder, "collate", "trial", "--data", "tiny", "--samples", "10")
    assert collated.exit_code == 0, collated.output
    assert "Not finished: bad" in collated.output
    report = folder / "out" / "trial" / "tiny" / "1"
    assert {path.name for path in report.iterdir()} == {"trial.md", "trial.csv", "trial.png"}
    assert "| Good | 1 |" in (report / "trial.md").read_text("utf-8")


def test_matplotlib_is_looked_for_before_the_work(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    collated = call(folder, "collate", "trial", "--data", "none")
    assert collated.exit_code == 1 and "CM516" in collated.output


def test_what_rests_on_other_texts_is_not_collated(result, folder, tmp_path):
    """Two seeds trained on different texts, or one scored on texts that were annotated anew."""
    runs = tmp_path / "runs" / "tiny" / "1" / "good"
    for name in ("seed-3", "seed-4"):
        shutil.copytree(folder / "out" / "runs" / "tiny" / "1" / "good" / "seed-3", runs / name)
    metrics = runs / "seed-4" / "metrics.json"
    content = json.loads(metrics.read_text("utf-8"))
    content["fingerprints"]["train"] = "other"
    metrics.write_text(json.dumps(content), "utf-8")
    collated = call(folder, "collate", "trial", "--data", "tiny", "--output", str(tmp_path))
    assert collated.exit_code == 1
    assert all(part in collated.output for part in ("CM531", "seed-4", "seed-3"))

    for name in ("train", "dev"):
        records = [Record(text) for text, _ in tiny.SENTENCES]
        write_docbin(records, tmp_path / "corpus" / "tiny" / f"{name}.spacy")
    corpus = str(tmp_path / "corpus")
    collated = call(folder, "collate", "trial", "--data", "tiny", "--corpus", corpus)
    assert collated.exit_code == 1
    assert "CM529" in collated.output and "seed-3" in collated.output


def test_seeds_that_were_trained_differently_are_not_collated(result, folder, tmp_path):
    runs = tmp_path / "runs" / "tiny" / "1" / "good"
    for name in ("seed-3", "seed-4"):
        shutil.copytree(folder / "out" / "runs" / "tiny" / "1" / "good" / "seed-3", runs / name)
    path = runs / "seed-4" / "config.cfg"
    config = load_config(path, interpolate=False)
    config["system"]["seed"] = 4
    config["training"]["max_steps"] += 2
    config.to_disk(path, interpolate=False)
    arguments = ["collate", "trial", "--data", "tiny", "--samples", "10", "--output", str(tmp_path)]
    assert call(folder, *arguments).exit_code == 0
    config["training"]["dropout"] = 0.9
    config.to_disk(path, interpolate=False)
    collated = call(folder, *arguments)
    assert collated.exit_code == 1
    words = ("CM532", "training.dropout", "seed-3", "seed-4")
    assert all(word in collated.output for word in words)


def test_a_row_that_was_changed_since_is_not_collated(result, folder):
    row = "config: bilstm_crf.cfg, overrides: {training.dropout: 0.1}"
    design = DESIGN.replace(
        "good: {label: Good, config: bilstm_crf.cfg", f"good: {{label: Good, {row}"
    )
    (folder / "changed.yml").write_text(design, "utf-8")
    changed = str(folder / "changed.yml")
    collated = call(folder, "collate", "trial", "--data", "tiny", "--design", changed)
    assert collated.exit_code == 1
    assert "CM523" in collated.output and "seed-3" in collated.output


@pytest.mark.parametrize(
    "command, args, names",
    [
        ("run", ["table", "--data", "tiny"], "'table'. Choose from: trial"),
        ("run", ["trial", "--data", "small"], "'small'. Choose from: tiny"),
        ("run", ["trial", "--data", "tiny", "--models", "good, best"], "Choose from: bad, good"),
        ("collate", ["table", "--data", "tiny"], "'table'. Choose from: trial"),
        ("collate", ["trial", "--data", "small"], "'small'. Choose from: tiny"),
        ("collate", ["trial", "--data", "tiny", "--models", "best"], "Choose from: bad, good"),
    ],
)
def test_unknown_names_are_answered_with_those_that_there_are(folder, command, args, names):
    result = call(folder, command, *args)
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "CM521" in output and names in output


def test_a_development_set_that_cannot_be_scored_is_named_before_the_work(folder, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(folder / "corpus" / "tiny", corpus / "tiny")
    write_docbin([], corpus / "tiny" / "dev.spacy")
    made = call(folder, "run", "trial", "--data", "tiny", "--corpus", str(corpus))
    assert made.exit_code == 1 and "CM506" in made.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_a_gpu_that_is_not_there_is_named_before_the_work(folder):
    made = call(folder, "run", "trial", "--data", "tiny", "--gpu-id", "3")
    assert made.exit_code == 1 and "CM511" in made.output and "GPU 3" in made.output


@pytest.mark.parametrize("seeds", ["0,one", "", ",", "-1"])
def test_seeds_are_numbers(folder, seeds):
    result = call(folder, "run", "trial", "--data", "tiny", "--seeds", seeds)
    assert result.exit_code == 2
    assert "--seeds" in result.output


def test_an_option_that_there_is_not(folder):
    result = call(folder, "run", "trial", "--data", "tiny", "--epoch", "2")
    assert result.exit_code == 2
    assert "--epoch" in result.output


@pytest.mark.parametrize(
    "setting, instead",
    [
        ("--training.max_steps", "--epochs"),
        ("--training.patience", "--patience"),
        ("--system.seed", "--seeds"),
        ("--paths.train", "--corpus"),
    ],
)
def test_settings_that_the_command_decides_are_not_ignored(folder, setting, instead):
    result = call(folder, "run", "trial", "--data", "tiny", setting, "1")
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "CM528" in output and setting[2:] in output and instead in output


@pytest.mark.parametrize(
    "place, setting",
    [("tiny: {", "training.patience: 5, "), ("overrides: {", "training.seed: 5, ")],
)
def test_nor_those_of_the_description(folder, place, setting):
    design = folder / "decided.yml"
    design.write_text(DESIGN.replace(place, place + setting), "utf-8")
    result = call(folder, "run", "trial", "--data", "tiny", "--design", str(design))
    assert result.exit_code == 1
    assert "CM528" in result.output and setting.partition(":")[0] in result.output


@pytest.mark.parametrize("command", ["run", "collate"])
def test_no_data_set_at_all(folder, tmp_path, command):
    result = call(folder, command, "trial", "--data", "tiny", "--corpus", str(tmp_path))
    assert result.exit_code == 1
    assert "CM530" in result.output and "cmner convert" in " ".join(result.output.split())
