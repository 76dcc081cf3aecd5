"""The command: its options reach the run, and what it says."""

import json

import pytest
import spacy
import tiny
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.annotation.checkpoint import Checkpoint
from spacy_cmner.cli import annotate


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


def test_no_entity_at_all_is_said(pipeline, tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("头痛\n", encoding="utf-8")
    elsewhere = ("--components.cmner_dictionary.target", "hits")
    for name, settings, warned in (("a", (), False), ("b", elsewhere, True)):
        result = run(pipeline, source, tmp_path / f"{name}.jsonl", *settings)
        assert result.exit_code == 0, result.output
        assert ("No entity was found" in result.output) == warned


def test_it_goes_on_and_begins_anew_when_asked(pipeline, tmp_path):
    source, out = tmp_path / "in.txt", tmp_path / "out"
    source.write_text("头痛\n", encoding="utf-8")
    for extra in ([], [], ["--overwrite"], ["-n", "2", "--batch-size", "1"]):
        assert run(pipeline, source, out, "--format", "brat", *extra).exit_code == 0
    assert (out / "part-000000" / "000001.ann").read_text(encoding="utf-8") == "T1\tsym 0 2\t头痛\n"
    source.write_text("头痛。\n", encoding="utf-8")
    result = run(pipeline, source, out, "--format", "brat")
    assert result.exit_code == 1 and "CM149" in result.output


def test_a_type_that_brat_cannot_hold_is_said_before_the_run(pipeline, tmp_path):
    nlp = spacy.load(pipeline)
    nlp.get_pipe("cmner_dictionary").add_terms([("发热", "体 征")])
    nlp.to_disk(tmp_path / "pipeline")
    source, out = tmp_path / "in.txt", tmp_path / "out"
    source.write_text("头痛\n", encoding="utf-8")
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run(tmp_path / "pipeline", source, out, "--format", "brat")
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and "CM113" in said and "type '体 征'" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert run(tmp_path / "pipeline", source, out, "--format", "csv").exit_code == 0


def test_no_pipeline_and_no_source(pipeline, tmp_path):
    (tmp_path / "in.txt").touch()
    result = run(tmp_path / "none", tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and "CM505" in result.output
    result = run(pipeline, tmp_path / "none.txt", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and "CM101" in result.output


@pytest.mark.parametrize(
    ("line", "encoding", "reason"),
    [
        ('{"note": "头痛"}', "utf-8", "it has no 'text'"),
        ('{"text": "发热"}', "gb18030", "--encoding gb18030"),
    ],
)
def test_when_nothing_could_be_annotated_it_fails_and_says_why(
    pipeline, tmp_path, line, encoding, reason
):
    (tmp_path / "in.jsonl").write_text(f"{line}\n", encoding=encoding)
    result = run(pipeline, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and "CM159" in said and reason in said


@pytest.mark.parametrize(
    ("name", "encoding", "code"),
    [("out.jsonl", "utf-8", "CM142"), ("out.csv", "gb18030", "CM168"), ("out", "utf-8", "CM145")],
)
def test_a_refused_run_leaves_nothing_and_what_was_there(pipeline, tmp_path, name, encoding, code):
    column = "病历" if name == "out" else "note"
    (tmp_path / "in.csv").write_text("id,病历\n1,头痛\n", encoding=encoding)
    options = ["--text-column", column, "--overwrite"]
    for texts in (None, "an earlier result"):
        if texts:
            (tmp_path / name).write_text(texts)
        before = sorted(path.name for path in tmp_path.iterdir())
        result = run(pipeline, tmp_path / "in.csv", tmp_path / name, *options)
        assert result.exit_code == 1 and code in result.output
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert not texts or (tmp_path / name).read_text() == texts


def test_csv_for_excel(pipeline, tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("头痛\n", encoding="utf-8")
    for n in (1, 2):
        out = tmp_path / f"{n}.csv"
        assert run(pipeline, source, out, "-n", n).exit_code == 0
        row = f",{source},1,0,2,sym,头痛,,dictionary,,"
        assert row in out.read_text(encoding="utf-8-sig").splitlines()


def test_where_nothing_can_be_written_is_said(pipeline, tmp_path):
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    for out in ("in.txt/out.jsonl", "/proc/out.jsonl"):
        result = run(pipeline, tmp_path / "in.txt", tmp_path / out)
        assert result.exit_code == 1 and ("CM510" in result.output or "CM157" in result.output)


@pytest.mark.parametrize("n_process", ["2", "-1"])
def test_processes_cannot_share_a_gpu(tmp_path, n_process):
    """Said before anything is loaded: there is no such pipeline, nor such a GPU."""
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    result = run(
        tmp_path / "none", tmp_path / "in.txt", tmp_path / "out", "-n", n_process, "-g", "7"
    )
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and f"[CM161] {n_process} processes cannot share GPU 7" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_options_reach_the_cluster(pipeline, tmp_path, monkeypatch):
    asked = {}

    def annotate_on_ray(load, texts, out, *, progress, **options):
        asked.update(options)
        checkpoint = Checkpoint(read=3)
        progress(checkpoint)
        return checkpoint

    monkeypatch.setattr(annotate, "annotate_on_ray", annotate_on_ray)
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    options = ["--ray", "-n", "4", "-g", "0", "--batch-size", "9", "--format", "brat"]
    result = run(pipeline, tmp_path / "in.txt", tmp_path / "out", *options)
    assert result.exit_code == 0 and "3 texts" in " ".join(result.output.split())
    expected = {"actors": 4, "gpu": True, "batch_size": 9, "format": "brat", "overwrite": False}
    assert asked == expected
    run(pipeline, tmp_path / "in.txt", tmp_path / "out", "--ray")
    assert not asked["gpu"] and asked["batch_size"] is None


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory, trained):
    path = tmp_path_factory.mktemp("recogniser")
    trained.to_disk(path)
    return path


def test_settings_of_the_pipeline_reach_it(recogniser, tmp_path):
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text(tiny.SENTENCES[0][0], encoding="utf-8")
    assert run(recogniser, source, out).exit_code == 0
    assert {entity["score"] for entity in entities(out)} == {None}
    asked = run(recogniser, source, out, "--components.cmner.scores", "true")
    assert asked.exit_code == 1 and "CM149" in asked.output  # not in the middle of a run
    asked = run(recogniser, source, out, "--overwrite", "--components.cmner.scores", "true")
    assert asked.exit_code == 0, asked.output
    assert entities(out) and all(0 < entity["score"] <= 1 for entity in entities(out))


def entities(out):
    return [
        entity
        for line in out.read_text(encoding="utf-8").splitlines()
        for entity in json.loads(line)["entities"]
    ]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("components.cmner.scors", "true", "CM522"),
        ("components.none.scores", "true", "CM522"),
        ("components.cmner.scores", "maybe", "CM522"),
        ("components.cmner.threshold", "3", "CM408"),
        ("overwrte", "true", "overwrte"),
    ],
)
def test_settings_that_cannot_be(recogniser, tmp_path, setting, value, said):
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    result = run(recogniser, tmp_path / "in.txt", tmp_path / "out.jsonl", f"--{setting}", value)
    assert result.exit_code and said in result.output
    assert setting.rpartition(".")[2] in result.output
    assert not (tmp_path / "out.jsonl").exists()
