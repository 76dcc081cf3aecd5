import csv

import pytest
from commands import run, run_into_closed_pipe

from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record

TEXT = "咳嗽，发热"
COUGH, FEVER, DISEASE = Entity(0, 2, "sym"), Entity(3, 5, "sym"), Entity(3, 5, "dis")


@pytest.fixture
def files(tmp_path):
    """Gold data and the predictions of two systems in files of the same name."""
    paths = [tmp_path / "gold.jsonl", tmp_path / "a" / "dev.jsonl", tmp_path / "b" / "dev.jsonl"]
    for path, second in zip(paths, (FEVER, DISEASE, FEVER), strict=True):
        write_jsonl([Record(TEXT, (COUGH,)), Record(TEXT, (COUGH, second))], path)
    return paths


def test_tables_on_the_terminal_and_in_markdown(files, tmp_path):
    output = tmp_path / "new" / "report.md"
    result = run("compare", *files, "--output", output, "--samples", 50, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "50 samples, seed 3" in result.output
    report = output.read_text("utf-8")
    assert report.startswith(f"### Scores, and differences from {files[2]}\n")
    assert f"| {files[1]} | 66.67 | 66.67 | 66.67 | 3 | 3 | 2 | -33.33 |" in report
    assert f"| {files[1]} | 0 | 0 | 1 | 0 | 0 | 0 |" in report


def test_csv_has_a_row_a_system(files, tmp_path):
    output = tmp_path / "report.csv"
    assert run("compare", *files, "-o", output, "--samples", 10, "--flat").exit_code == 0
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["system"] for row in rows] == [str(path) for path in files[1:]]
    assert [row["TE"] for row in rows] == ["1", "0"]
    assert [row["ΔF1"] for row in rows] == ["-33.33", ""]


def test_cases(files, tmp_path):
    output = tmp_path / "cases.md"
    result = run("cases", *files, "--output", output, "--limit", 0)
    assert result.exit_code == 0, result.output
    assert "1 of 2 texts; 0 shown" in result.output
    assert "| 3–5 | sym | dis (TE) | sym | 发热 |" in output.read_text("utf-8")
    shown = run("cases", files[0], files[1])
    assert "dis (TE)" in shown.output


@pytest.mark.parametrize("command", ["compare", "cases"])
def test_files_are_there_before_the_tables(files, tmp_path, monkeypatch, command):
    output = tmp_path / "report.md"
    run_into_closed_pipe(monkeypatch, command, *files, "--output", output)
    assert "###" in output.read_text("utf-8")


def test_types_are_compared_alone(files, tmp_path):
    scores, cases = tmp_path / "scores.csv", tmp_path / "cases.md"
    write_jsonl([Record(TEXT, (COUGH,)), Record(TEXT, (COUGH, FEVER, DISEASE))], files[0])
    options = ("--labels", "dis", "--output")
    result = run("compare", *files, "--samples", 10, *options, scores)
    assert result.exit_code == 0, result.output
    with scores.open(encoding="utf-8", newline="") as file:
        rows = [(row["gold"], row["predicted"], row["correct"]) for row in csv.DictReader(file)]
    assert rows == [("1", "1", "1"), ("1", "0", "0")]
    assert run("cases", *files, *options, cases).exit_code == 0
    report = cases.read_text("utf-8")
    assert "| 3–5 | dis | dis | – | 发热 |" in report and "sym" not in report


def test_of_some_types_what_is_inside_others_is_not_flat(tmp_path):
    names = (tmp_path / "gold.jsonl", tmp_path / "found.jsonl", tmp_path / "scores.csv")
    record = Record("右肺疼痛", (Entity(0, 4, "sym"), Entity(0, 2, "bod")))
    other = Record("右肺", (Entity(0, 2, "bod"),))
    for path in names[:2]:
        write_jsonl([record, other], path)
    result = run("compare", *names[:2], "--flat", "--labels", "bod", "--output", names[2])
    assert result.exit_code == 0, result.output
    with names[2].open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["gold"], row["predicted"], row["correct"]) == ("1", "1", "1")


@pytest.mark.parametrize("command, name", [("compare", "report.txt"), ("cases", "cases.csv")])
def test_the_ending_is_checked_before_the_work(tmp_path, command, name):
    result = run(command, tmp_path / "none.spacy", tmp_path / "none.jsonl", "-o", tmp_path / name)
    assert result.exit_code == 1
    assert "CM507" in result.output


@pytest.mark.parametrize(
    "command, name", [("compare", "R.MD"), ("compare", "R.CSV"), ("cases", "R.MD")]
)
def test_the_ending_may_be_in_capitals(files, tmp_path, command, name):
    lower, upper = tmp_path / name.lower(), tmp_path / "capitals" / name
    for output in (lower, upper):
        assert run(command, *files, "-o", output).exit_code == 0
    assert upper.read_bytes() == lower.read_bytes()


@pytest.mark.parametrize("command", ["compare", "cases"])
def test_predictions_for_other_texts_are_refused(files, command):
    write_jsonl([Record(TEXT)], files[2])
    result = run(command, *files)
    assert result.exit_code == 1
    assert "CM502" in result.output


@pytest.mark.parametrize("command", ["compare", "cases"])
def test_a_system_is_given_once(files, command):
    result = run(command, files[0], files[1], files[2], files[1])
    assert result.exit_code == 1
    assert "CM512" in result.output and "given twice" in " ".join(result.output.split())


@pytest.mark.parametrize("command", ["compare", "cases"])
def test_predictions_are_not_written_over(files, tmp_path, command):
    predictions = tmp_path / "found.md"
    predictions.write_bytes(files[1].read_bytes())
    result = run(command, files[0], predictions, "--output", predictions)
    assert result.exit_code == 1
    assert "CM157" in result.output
    assert predictions.read_bytes() == files[1].read_bytes()
