import hashlib
import json

import pytest
from commands import run

from spacy_cmner.data.corpus import convert, read_docbin
from spacy_cmner.data.records import Entity
from spacy_cmner.errors import CmnerWarning


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "cmeee.json"
    entities = [
        {"start_idx": 1, "end_idx": 2, "type": "dis", "entity": "肺炎"},
        {"start_idx": 2, "end_idx": 1, "type": "dis", "entity": ""},
    ]
    path.write_text(json.dumps([{"text": "见肺炎", "entities": entities}]), encoding="utf-8")
    return path


def test_convert_reports_and_goes_on(source, tmp_path):
    out, report = tmp_path / "gold.spacy", tmp_path / "report.jsonl"
    result = run("convert", source, out, "--format", "cmeee", "--report", report)
    assert result.exit_code == 0
    assert "[CM123] Record 0" in result.output
    assert len(list(read_docbin(out))) == 1
    assert json.loads(report.read_text("utf-8").splitlines()[1])["code"] == "CM123"


def test_strict_fails_after_writing_the_sound_part(source, tmp_path):
    out = tmp_path / "gold.spacy"
    result = run("convert", source, out, "--format", "cmeee", "--strict")
    assert result.exit_code == 1
    assert out.exists()


def test_strict_accepts_sound_data(tmp_path):
    source = tmp_path / "sound.txt"
    source.write_text("肺 B-dis\n", encoding="utf-8")
    out = tmp_path / "gold.spacy"
    assert run("convert", source, out, "--format", "bio", "--strict").exit_code == 0


def test_strict_takes_no_offence_at_types_that_were_not_asked_for(tmp_path):
    source = tmp_path / "sound.txt"
    source.write_text("肺 B-bod\n炎 B-dis\n", encoding="utf-8")
    args = ("convert", source, tmp_path / "gold.spacy", "-f", "bio", "--labels", "dis", "--strict")
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert "CM127" in result.output


@pytest.mark.parametrize(
    "options, message",
    [
        (["--labels", "DIS,symptom"], "of the type DIS, symptom. Its types are: dis."),
        (["--labels", "dis,dru="], "CM174] --labels cannot hold 'dru='"),
        (["--labels", "=dru"], "CM174] --labels cannot hold '=dru'"),
        (["--labels", "dis=a,dis=b"], "CM174] --labels cannot hold 'dis=b'"),
        (["--labels", "dis,dis=b"], "CM174] --labels cannot hold 'dis=b'"),
        (["--fraction", "0.1"], "A fraction of 0.1"),
    ],
)
def test_an_output_with_nothing_in_it_is_not_written(source, tmp_path, options, message):
    out = tmp_path / "gold.spacy"
    result = run("convert", source, out, "-f", "cmeee", *options)
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert message in output
    assert not out.exists()


def test_a_type_that_is_not_there_is_named(source, tmp_path):
    with pytest.warns(CmnerWarning, match="CM118.*of the type dru. Its types are: dis"):
        convert(source, "cmeee", tmp_path / "gold.spacy", labels=["dis", "dru"])


@pytest.mark.parametrize("report", ["cmeee.json", "gold.spacy"])
def test_the_report_takes_no_other_file_s_place(source, tmp_path, report):
    before = source.read_bytes()
    out = tmp_path / "gold.spacy"
    result = run("convert", source, out, "-f", "cmeee", "--report", tmp_path / report)
    assert result.exit_code == 1
    assert "CM157" in result.output
    assert source.read_bytes() == before
    assert not out.exists()


def test_options_reach_the_library(tmp_path):
    source, out = tmp_path / "a.jsonl", tmp_path / "gold.spacy"
    lines = [{"text": "肺炎", "label": [[0, 1, "bod"], [0, 2, "dis"]]}] * 4
    source.write_bytes(
        "\n".join(json.dumps(x, ensure_ascii=False) for x in lines).encode("gb18030")
    )
    options = ["--encoding", "gb18030", "--labels", "dis, ", "--fraction", "0.5", "--limit", "1"]
    result = run(
        "convert", source, out, "-f", "jsonl", "--flatten", "first", "--seed", "3", *options
    )
    assert result.exit_code == 0
    [record] = read_docbin(out)
    assert [entity.label for entity in record.entities] == ["dis"]
    assert "3 good records were left out" in " ".join(result.output.split())


def test_types_are_renamed(tmp_path):
    source, out = tmp_path / "a.jsonl", tmp_path / "gold.spacy"
    entities = [[0, 2, "疾病"], [0, 2, "dis"], [2, 4, "药物"], [4, 5, "其他"]]
    source.write_text(json.dumps({"text": "肺炎青霉素", "label": entities}), encoding="utf-8")
    result = run("convert", source, out, "-f", "jsonl", "--labels", "疾病 = dis,药物=dru, dis")
    assert result.exit_code == 0
    [record] = read_docbin(out)
    assert record.entities == (Entity(0, 2, "dis"), Entity(2, 4, "dru"))
    assert "CM127" in result.output


def test_error_is_a_message_not_a_traceback(tmp_path):
    result = run("convert", tmp_path / "none.json", tmp_path / "gold.spacy", "--format", "cmeee")
    assert result.exit_code == 1
    assert "CM101" in result.output
    assert "Traceback" not in result.output


def test_verify(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    sums = tmp_path / "SUMS"
    sums.write_text(f"{hashlib.sha256(b'a').hexdigest()}  a\n")
    assert run("verify", tmp_path, sums).exit_code == 0
    (tmp_path / "a").write_bytes(b"b")
    result = run("verify", tmp_path, sums)
    assert result.exit_code == 1
    assert "CM110" in result.output


def test_gold_under_another_ending_is_not_replaced(source, tmp_path):
    out = tmp_path / "gold.jsonl"
    out.write_text("mine", encoding="utf-8")
    result = run("convert", source, out, "--format", "cmeee")
    assert result.exit_code == 1
    assert "CM139" in result.output and ".spacy" in result.output
    assert out.read_text(encoding="utf-8") == "mine"
