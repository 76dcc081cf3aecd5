"""Where commands write: looked at before the work, and whole or not at all after it."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import tiny
from commands import run

from spacy_cmner.cli._util import check_pipeline_place, save_pipeline
from spacy_cmner.data.files import check_writable
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError

# Commands whose other files are not there, or hold nothing of the kind; the last word is written.
FILES = [
    "convert none.jsonl out.spacy --format jsonl",
    "convert none.jsonl new.spacy --format jsonl --report out.jsonl",
    "evaluate none none.spacy --output out.json",
    "evaluate none none.spacy --predictions out.jsonl",
    "compare none.spacy none.jsonl --output out.md",
    "cases none.spacy none.jsonl --output out.md",
    "calibrate none none.spacy --output out.png",
    "demo none --output out.html",
    "terms none.spacy out.jsonl",
    "distant none.txt --terms none.txt out.spacy",
    "pseudo-label none none.txt out.spacy",
    "preannotate none none.txt out.jsonl",
    "resources glyphs --font none.ttf out.npz",
    "resources contact-sheet --table none.npz out.png 癌",
    "resources components --cjk-decomp none.txt out.npz",
    "resources vectors out.npz empty.txt",
    "resources import-vectors out.npz empty.txt",
    "resources lexicon out.npz empty.txt",
    "resources lexicon new.npz empty.txt --segmented out.txt",
    "experiment collate trial --design trial.yml --corpus none --output out",
]
REPORTS = {"scores": ["md", "csv", "png"], "cases": ["md"]}
FOLDERS = ["compile {0} {1}", "join {0} {0} --output {1}", "calibrate {0} gold.jsonl --fit {1}"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    write_design("scores")
    return tmp_path


def write_design(report: str) -> None:
    row = "rows: {row: {label: Row, config: empty.txt}}"
    trial = f"experiments: {{trial: {{title: Trial, rows: [row], report: {report}}}}}"
    Path("trial.yml").write_text(f"{row}\n{trial}\n", "utf-8")


def in_place(line: str, folder: str = "") -> list[str]:
    """The words of a command, its output in a folder."""
    return [f"{folder}{word}" if word.startswith("out") else word for word in line.split()]


@pytest.mark.parametrize("line", [line for line in FILES if not line.endswith("out")])
def test_a_folder_in_place_of_a_file_is_said_before_the_work(here, line):
    words = in_place(line)
    Path(next(word for word in words if word.startswith("out"))).mkdir()
    check_said(words, "Is a directory")


@pytest.mark.parametrize("line", FILES)
def test_a_file_in_place_of_a_folder_is_said_before_the_work(here, line):
    check_said(in_place(line, "empty.txt/"), "Not a directory")


@pytest.mark.parametrize("report, ending", [(r, end) for r in REPORTS for end in REPORTS[r]])
def test_each_file_of_a_report_is_looked_at(here, report, ending):
    write_design(report)
    Path(f"out/trial/cmeee/1/trial.{ending}").mkdir(parents=True)
    check_said(FILES[-1].split(), "Is a directory")


def test_figures_beside_a_diagram_are_looked_at(here):
    Path("out.json").mkdir()
    check_said(["calibrate", "none", "none.spacy", "--output", "out.png"], "Is a directory")


@pytest.mark.parametrize(
    "line",
    [
        "distant texts --terms none.txt texts/out.spacy",
        "pseudo-label none texts texts/out.spacy",
        "preannotate none texts texts/out.jsonl",
    ],
)
def test_nothing_is_written_into_the_folder_of_the_texts(here, line):
    """Of which it would be a text, or would take the place of one."""
    Path("texts").mkdir()
    check_said(line.split(), "texts/out", code="CM157")


def check_said(words, reason, code="CM510"):
    before = sorted(Path().rglob("*"))
    result = run(*words)
    assert result.exit_code == 1
    assert code in result.output and reason in " ".join(result.output.split())
    assert sorted(Path().rglob("*")) == before


def test_what_can_be_written_passes_and_is_not_begun(tmp_path):
    old = tmp_path / "old"
    old.touch()
    check_writable(old, tmp_path / "new" / "deep" / "file", None, Path(os.devnull))
    assert list(tmp_path.iterdir()) == [old]


def test_a_folder_that_must_not_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    check_writable(tmp_path.parent / "file")
    with pytest.raises(PermissionError) as caught:
        check_writable(tmp_path / "new" / "file")
    assert caught.value.filename == str(tmp_path / "new" / "file")


@pytest.fixture
def model(trained, here):
    trained.to_disk("model")
    write_jsonl([Record(text) for text, _ in tiny.SENTENCES], Path("gold.jsonl"))
    return "model"


@pytest.mark.parametrize("line", FOLDERS)
@pytest.mark.parametrize("held", ["notes.txt", "config.cfg", "model-best"])
def test_a_folder_that_holds_something_else_stays(model, line, held):
    """Also beside a pipeline; and a config may be one to train by."""
    out = Path("out")
    if held == "model-best":
        shutil.copytree(model, out)
        shutil.copytree(model, out / held)
    else:
        out.mkdir()
        shutil.copy(Path(model, "config.cfg"), out / held)
    before = sorted(Path().rglob("*"))
    result = run(*line.format(model, out).split())
    assert result.exit_code == 1
    assert "CM514" in result.output and f"holds {held}," in " ".join(result.output.split())
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("line", FOLDERS)
def test_a_file_in_place_of_a_pipeline(model, line):
    check_said(line.format(model, "empty.txt").split(), "Not a directory")


def test_a_mounted_folder_cannot_be_replaced(here, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: path == here)
    with pytest.raises(CmnerError, match=rf"CM518.*{re.escape(str(here / 'pipeline'))}"):
        check_pipeline_place(here, [])
    check_pipeline_place(here / "pipeline", [])


@pytest.mark.parametrize("is_link", [False, True])
def test_nothing_stays_of_a_pipeline_that_is_replaced(trained, hybrid, tmp_path, is_link):
    out, place = tmp_path / "out", tmp_path / "place"
    if is_link:
        place.mkdir()
        out.symlink_to(place, target_is_directory=True)
    for nlp in (hybrid, trained):
        check_pipeline_place(out, [])
        save_pipeline(nlp, out)
    (tmp_path / "new").mkdir()
    save_pipeline(trained, tmp_path / "new")
    assert names(out) == names(tmp_path / "new")
    assert out.is_symlink() == is_link
    assert {path.name for path in tmp_path.iterdir()} == {"out", "new", *["place"] * is_link}
    text, entities = tiny.SENTENCES[0]
    assert tiny.entities(spacy.load(out)(text)) == entities


def test_a_pipeline_stays_that_nothing_can_take_the_place_of(trained, tmp_path, monkeypatch):
    """Windows renames no folder in which another program, such as a virus scanner, has a file
    open."""

    out = tmp_path / "out"
    save_pipeline(trained, out)
    before = names(tmp_path)
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.is_dir():
            raise PermissionError(errno.EACCES, "in use", str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError, match=re.escape(str(out))):
        save_pipeline(trained, out)
    assert names(tmp_path) == before
    text, entities = tiny.SENTENCES[0]
    assert tiny.entities(spacy.load(out)(text)) == entities


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# A command that dies when what it has written is to take its place.
DYING = """
import os, signal, sys
from pathlib import Path
from spacy_cmner.cli import cmner_cli
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = Path.rename = die
cmner_cli(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "line",
    [
        "evaluate model gold.jsonl --output old/file.json",
        "distant texts.txt --terms terms.jsonl old/file.spacy",
        "compile model old/model",
        "compile model new/model",
    ],
)
def test_a_command_that_is_killed_leaves_the_old_output_or_none(model, line):
    Path("texts.txt").write_text("无发热，无咳嗽。", "utf-8")
    Path("terms.jsonl").write_text('{"term": "发热", "type": "sym"}', "utf-8")
    out = Path(line.split()[-1])
    if out.parent.name == "old":
        for name in ("file.json", "file.spacy", "model/config.cfg", "model/meta.json"):
            path = Path("old", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("model", "config.cfg"), path)
    before = {path: path.read_bytes() for path in out.parent.rglob("*") if path.is_file()}
    code = subprocess.run([sys.executable, "-c", DYING, *line.split()], check=False).returncode
    assert code == -signal.SIGKILL
    assert out.exists() == bool(before)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("line", ["terms 金标.jsonl 术语.jsonl", "cases 金标.jsonl 预测.jsonl"])
def test_output_that_is_not_utf_8_takes_any_text(here, line):
    text = "予0.1µg·kg⁻¹，发热"
    write_jsonl([Record(text, (Entity(12, 14, "sym"),))], Path("金标.jsonl"))
    write_jsonl([Record(text)], Path("预测.jsonl"))
    command = [sys.executable, "-m", "spacy", "cmner", *line.split()]
    settings = {**os.environ, "PYTHONIOENCODING": "gbk", "PYTHONUTF8": "0"}
    done = subprocess.run(command, env=settings, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    printed = done.stdout.decode("gbk")
    assert ("术语.jsonl: 1 terms" if "术语" in line else "予0.1?g·kg?") in printed
