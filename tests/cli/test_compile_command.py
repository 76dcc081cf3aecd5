import re

import pytest
import spacy
import tiny
from spacy.tokens import DocBin
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli


def run(*args):
    return CliRunner().invoke(cmner_cli, ["compile", *map(str, args)])


@pytest.fixture
def source(trained, tmp_path):
    trained.to_disk(tmp_path / "trained")
    return tmp_path / "trained"


def test_compares_both_pipelines(source, trained, tmp_path):
    gold = tmp_path / "gold.spacy"
    DocBin(docs=[example.reference for example in tiny.examples(trained)]).to_disk(gold)
    out = tmp_path / "compiled"
    result = run(source, out, "--data", gold, "--precision", "float16")
    assert result.exit_code == 0
    assert re.search(r"other entities: 0 of 6", result.stdout)
    assert "F1, all gold: 100.00 → 100.00 (+0.00)" in result.stdout
    assert "F1, flat gold: 100.00 → 100.00 (+0.00)" in result.stdout
    text, entities = tiny.SENTENCES[0]
    assert tiny.entities(spacy.load(out)(text)) == entities


def test_gold_that_cannot_be_read_is_named_before_anything_is_written(source, tmp_path):
    result = run(source, tmp_path / "compiled", "--data", tmp_path / "gold.json")
    assert result.exit_code == 1
    assert "CM501" in result.stdout + result.stderr
    assert not (tmp_path / "compiled").exists()


def test_compiling_twice_is_refused(source, tmp_path):
    assert run(source, tmp_path / "once").exit_code == 0
    result = run(tmp_path / "once", tmp_path / "twice")
    assert result.exit_code == 1
    assert "CM318" in result.stdout + result.stderr
    assert not (tmp_path / "twice").exists()


def test_the_trained_pipeline_is_not_written_over(source):
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    result = run(source, source / "cmner" / "..")
    assert result.exit_code == 1
    assert "CM509" in result.stdout + result.stderr
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before


def test_a_compiled_pipeline_can_still_move_to_onnx(source, tmp_path):
    assert run(source, tmp_path / "once").exit_code == 0
    result = run(tmp_path / "once", tmp_path / "onnx", "--runtime", "onnx")
    assert result.exit_code == 0
    text, entities = tiny.SENTENCES[0]
    assert tiny.entities(spacy.load(tmp_path / "onnx")(text)) == entities


def test_an_unknown_pipeline_is_named(tmp_path):
    result = run("zh_no_such_package", tmp_path / "out")
    assert result.exit_code == 1
    assert re.search(r"CM505.*zh_no_such_package", result.stdout + result.stderr, re.DOTALL)


def test_a_pipeline_with_code_of_ones_own_is_told_how_to_bring_it_along(source, tmp_path):
    config = load_config(source / "config.cfg")
    config["components"]["cmner"]["scorer"] = {"@scorers": "mine.v1"}  # as trained with --code
    config.to_disk(source / "config.cfg")
    result = run(source, tmp_path / "out")
    said = " ".join((result.stdout + result.stderr).split())
    assert result.exit_code == 1
    assert re.search(r"CM505.*'mine\.v1'.*spacy package --code", said)
