"""The command: its options reach the run, and what it says."""

import json

import pytest
import spacy
import tiny
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
    path = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["cmner", "annotate", *map(str, arguments)])


def test_columns_encoding_length_and_summary(pipeline, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
    source.write_bytes("no,note\n7,头痛两天\n8,头痛三四五天\n".encode("gb18030"))
    options = ["--text-column", "note", "--id-column", "no", "--encoding", "gb18030"]
    result = run(pipeline, source, out, *options, "--max-length", 5)
    assert result.exit_code == 0, result.output
    [row] = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert (row["id"], row["entities"][0]["label"]) == ("7", "sym")
    said = " ".join(result.output.split())  # wasabi breaks lines
    assert "1 texts, 4 characters, 1 entities" in said
    assert "1 bad records" in said and "100%" in said


def test_it_goes_on_and_begins_anew_when_asked(pipeline, tmp_path):
    source, out = tmp_path / "in.txt", tmp_path / "out"
    source.write_text("头痛\n", encoding="utf-8")
    for extra in ([], [], ["--overwrite"], ["-n", "2", "--batch-size", "1"]):
        assert run(pipeline, source, out, "--format", "brat", *extra).exit_code == 0
    assert (out / "part-000000" / "000001.ann").read_text(encoding="utf-8") == "T1\tsym 0 2\t头痛\n"
    source.write_text("头痛。\n", encoding="utf-8")
    result = run(pipeline, source, out, "--format", "brat")
    assert result.exit_code == 1 and "CM149" in result.output


def test_no_pipeline_and_no_source(pipeline, tmp_path):
    (tmp_path / "in.txt").touch()
    result = run(tmp_path / "none", tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and "CM505" in result.output
    result = run(pipeline, tmp_path / "none.txt", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and "CM101" in result.output


def test_when_nothing_could_be_annotated_it_fails(pipeline, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"note": "头痛"}\n', encoding="utf-8")
    result = run(pipeline, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and "CM159" in result.output


def test_where_nothing_can_be_written_is_said(pipeline, tmp_path):
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    for out in ("in.txt/out.jsonl", "/proc/out.jsonl"):
        result = run(pipeline, tmp_path / "in.txt", tmp_path / out)
        assert result.exit_code == 1 and ("CM510" in result.output or "CM157" in result.output)
