import json

import pytest
import spacy
import tiny
import torch
from commands import run, run_into_closed_pipe

from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.jsonl import read_jsonl, write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Report
from spacy_cmner.errors import CmnerWarning

GOLD = [
    Record("右肺疼痛", (Entity(0, 2, "bod"), Entity(0, 4, "sym")), id="first"),
    Record("咳嗽，发热", (Entity(0, 2, "sym"), Entity(3, 5, "sym"))),
    Record(""),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline that needs no training, gold data in both formats, and training data."""
    folder = tmp_path_factory.mktemp("evaluate")
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    patterns = [{"label": "bod", "pattern": "右肺"}, {"label": "sym", "pattern": "咳嗽"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(folder / "model")
    write_docbin(GOLD, folder / "gold.spacy")
    write_jsonl(GOLD, folder / "gold.jsonl")
    write_docbin([GOLD[1]], folder / "train.spacy")
    return folder


@pytest.mark.parametrize("gold", ["gold.spacy", "gold.jsonl"])
def test_figures_and_predictions(folder, tmp_path, gold):
    output, predictions = tmp_path / "new" / "metrics.json", tmp_path / "found.jsonl"
    train = folder / "train.spacy"
    result = run(
        "evaluate",
        *(folder / "model", folder / gold),
        *("--output", output, "--predictions", predictions),
        *("--train", train, "--exclude-texts", train, "--gpu-id", -1),
    )
    assert result.exit_code == 0, result.output
    assert "unseen in training" in result.output
    assert "1 texts occur in" in " ".join(result.output.split())
    metrics = json.loads(output.read_text("utf-8"))
    assert metrics["data"] == str(folder / gold)
    assert (metrics["all"]["gold"], metrics["all"]["correct"]) == (4, 2)
    assert (metrics["flat"]["gold"], metrics["flat"]["correct"]) == (3, 1)
    assert metrics["deduplicated"]["all"]["f"] == pytest.approx(2 / 3)
    assert (metrics["seen"]["r"], metrics["unseen"]["r"]) == (0.5, 0.5)
    first, second, empty = read_jsonl(predictions, Report())
    assert first == Record("右肺疼痛", (Entity(0, 2, "bod"),), id="first")
    assert second == Record("咳嗽，发热", (Entity(0, 2, "sym"),))
    assert empty == Record("")


def test_files_are_there_before_the_tables(folder, tmp_path, monkeypatch):
    files = [tmp_path / "metrics.json", tmp_path / "found.jsonl"]
    options = ("--output", files[0], "--predictions", files[1])
    run_into_closed_pipe(monkeypatch, "evaluate", folder / "model", folder / "gold.spacy", *options)
    assert all(path.stat().st_size for path in files)


def test_only_what_is_asked_for(folder):
    result = run("evaluate", folder / "model", folder / "gold.spacy")
    assert result.exit_code == 0
    assert "deduplicated" not in result.output
    assert "unseen" not in result.output


def test_types_are_scored_alone(folder, tmp_path):
    output, predictions = tmp_path / "metrics.json", tmp_path / "found.jsonl"
    result = run(
        *("evaluate", folder / "model", folder / "gold.spacy", "--labels", "sym, "),
        *("--train", folder / "train.spacy"),
        *("--output", output, "--predictions", predictions),
    )
    assert result.exit_code == 0, result.output
    metrics = json.loads(output.read_text("utf-8"))
    assert metrics["labels"] == ["sym"]
    assert metrics["all"]["per_type"].keys() == metrics["flat"]["per_type"].keys() == {"sym"}
    counts = [metrics["all"][name] for name in ("gold", "predicted", "correct")]
    assert counts == [3, 1, 1]
    assert metrics["unseen"]["predicted"] == 0
    assert metrics["errors"]["missed"] == 2
    found = [record.entities for record in read_jsonl(predictions, Report())]
    assert found == [(), (Entity(0, 2, "sym"),), ()]


def test_a_type_that_is_not_in_the_gold_data_is_named(folder):
    with pytest.warns(CmnerWarning, match=r"CM118.* type dru\. Its types are: bod, sym\."):
        result = run("evaluate", folder / "model", folder / "gold.spacy", "--labels", "sym,dru")
    assert result.exit_code == 0
    result = run("evaluate", folder / "model", folder / "gold.spacy", "--labels", "dis,dru")
    assert result.exit_code == 1
    assert "CM118" in result.output and "dis, dru" in " ".join(result.output.split())


@pytest.mark.parametrize("option", ["--output", "--predictions"])
@pytest.mark.parametrize("read", ["gold.jsonl", "train.spacy", "other.json"])
def test_what_is_read_or_written_is_not_written_over(folder, tmp_path, option, read):
    paths = {name: tmp_path / name for name in ("gold.jsonl", "train.spacy", "other.json")}
    write_jsonl(GOLD, paths["gold.jsonl"])
    write_docbin([GOLD[1]], paths["train.spacy"])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    other = {"--output": "--predictions", "--predictions": "--output"}[option]
    outs = (option, paths[read], other, paths["other.json"])
    result = run(
        *("evaluate", folder / "model", paths["gold.jsonl"]),
        *("--train", paths["train.spacy"], *outs),
    )
    assert result.exit_code == 1
    assert "CM157" in result.output
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
@pytest.mark.parametrize("option", ["--output", "--predictions"])
def test_a_file_of_another_kind_stays(folder, tmp_path, option):
    corpus = tmp_path / "corpus.spacy"
    corpus.write_bytes(b"kept")
    result = run("evaluate", folder / "model", folder / "gold.jsonl", option, corpus)
    assert result.exit_code == 1 and "CM139" in result.output
    assert corpus.read_bytes() == b"kept"


def test_a_gpu_that_is_not_there_is_named(folder):
    result = run("evaluate", folder / "model", folder / "gold.spacy", "--gpu-id", 3)
    assert result.exit_code == 1
    assert "CM511" in result.output and "GPU 3" in result.output


@pytest.mark.parametrize(
    "model, data, code",
    [
        ("none", "gold.spacy", "CM505"),
        ("model", "gold.json", "CM501"),
        ("model", "none.spacy", "CM101"),
    ],
)
def test_errors_are_messages(folder, model, data, code):
    result = run("evaluate", folder / model, folder / data)
    assert result.exit_code == 1
    assert code in result.output
    assert isinstance(result.exception, SystemExit)


def test_settings_of_the_pipeline_reach_it(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    text, entities = tiny.SENTENCES[0]
    write_jsonl(
        [Record(text, tuple(Entity(*entity) for entity in entities))], tmp_path / "in.jsonl"
    )
    found = {}
    for threshold in ("0.0", "1.0"):
        output = tmp_path / f"{threshold}.json"
        result = run(
            *("evaluate", tmp_path / "model", tmp_path / "in.jsonl", "--output", output),
            *("--components.cmner.threshold", threshold),
        )
        assert result.exit_code == 0, result.output
        metrics = json.loads(output.read_text("utf-8"))
        assert metrics["settings"] == {"components.cmner.threshold": float(threshold)}
        found[threshold] = metrics["all"]["predicted"]
    assert found == {"0.0": 2, "1.0": 0}
