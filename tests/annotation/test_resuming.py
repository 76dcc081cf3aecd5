"""What a kill leaves behind, and which run goes on where another ended."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
import tiny
from runs import TEXTS, contents, read_rows, write_rows, write_texts

from spacy_cmner.annotation.job import beside, fingerprint_pipeline
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.boundaries import create_word_boundaries


class StoppedError(Exception):
    pass


def stop_after(n: int):
    def progress(items):
        for i, item in enumerate(items):
            if i == n:
                raise StoppedError
            yield item

    return progress


def test_names_that_are_not_utf8(nlp, tmp_path):
    """As of files from systems whose names are GBK."""
    first, second = (tmp_path / os.fsdecode(name.encode("gbk")) for name in ("病历", "医嘱"))
    try:
        first.mkdir()
        second.mkdir()
    except OSError:
        pytest.skip("the file system has no such names")
    source, other = (write_texts(folder / "texts.jsonl") for folder in (first, second))
    out = first / "found.jsonl"
    for _ in range(2):
        checkpoint = annotate_corpus(nlp, Source(source), out)
        assert checkpoint.finished and len(read_rows(out)) == checkpoint.read == len(TEXTS)
    with pytest.raises(CmnerError, match="CM149"):
        annotate_corpus(nlp, Source(other), out)


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "docbin", "brat"])
@pytest.mark.parametrize("n", [0, 1, 7, 19])
def test_a_stopped_run_goes_on_to_the_same_output(nlp, tmp_path, format, n):
    rows = [{"text": f"头痛{i}"} if i % 4 else "bad" for i in range(20)]
    write_rows(tmp_path / "in.jsonl", rows)
    source = Source(tmp_path / "in.jsonl")
    whole, out = tmp_path / "whole" / "out", tmp_path / "cut" / "out"
    settings = {"format": format, "segment_characters": 9}
    annotate_corpus(nlp, source, whole, **settings)
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, **settings, progress=stop_after(n))
    # what a kill between writing and the checkpoint leaves
    if format in ("jsonl", "csv"):
        with out.open("ab") as file:
            file.write('{"text": "头'.encode()[:-1])
    else:
        (out / ".part-000019").mkdir()
        (out / "part-000099").write_bytes(b"half")
    with beside(out, "errors.jsonl").open("ab") as file:
        file.write(b'{"num')
    result = annotate_corpus(nlp, source, out, **settings)
    assert contents(out) == contents(whole)
    ends = [beside(path, "errors.jsonl").read_bytes() for path in (out, whole)]
    assert ends[0] == ends[1]
    assert (result.read, result.bad, result.finished) == (20, 5, True)


RUN = """
import sys
from pathlib import Path
import spacy
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source

nlp, source, out = spacy.load(sys.argv[1]), Source(Path(sys.argv[2])), Path(sys.argv[3])

def wait_to_be_killed(items):
    for i, item in enumerate(items):
        if i == 1234:
            print("now", flush=True)
            sys.stdin.read()
        yield item

annotate_corpus(nlp, source, out, segment_characters=500, progress=wait_to_be_killed)
"""


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_sigkill_loses_nothing_and_doubles_nothing(nlp, tmp_path, name):
    nlp.to_disk(tmp_path / "pipeline")
    source = write_texts(tmp_path / "in.jsonl", [f"第{i}次头痛" for i in range(2000)])
    whole, out = tmp_path / "whole" / name, tmp_path / "killed" / name
    annotate_corpus(nlp, Source(source), whole, segment_characters=500)
    command = [sys.executable, "-c", RUN, tmp_path / "pipeline", source, out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"now\n"
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 0 < sum(map(len, contents(out).values())) < sum(map(len, contents(whole).values()))
    read = []

    def count(items):
        for item in items:
            read.append(item)
            yield item

    result = annotate_corpus(nlp, Source(source), out, segment_characters=500, progress=count)
    assert contents(out) == contents(whole)
    assert result.read == 2000 and 0 < len(read) < 2000


def test_a_finished_run_is_not_run_again(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    first = annotate_corpus(nlp, source, out)
    read_again = pytest.fail
    assert annotate_corpus(nlp, source, out, progress=read_again) == first
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, progress=stop_after(0), overwrite=True)


def test_a_source_that_was_corrected_is_not_taken_for_the_same(nlp, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", ["体温39.2"]), tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out)
    write_texts(source, ["体温36.2"])  # as many bytes
    with pytest.raises(CmnerError, match=r"CM149.*another content of the source.*--overwrite"):
        annotate_corpus(nlp, Source(source), out)


def test_another_run_does_not_go_on_in_this_output(nlp, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out)
    before = out.read_bytes()
    with pytest.raises(CmnerError, match=r"CM149.*another id"):
        annotate_corpus(nlp, Source(source, Layout(id="name")), out)
    write_texts(source, [*TEXTS, "多一个"])
    with pytest.raises(CmnerError, match=r"CM149.*another bytes"):
        annotate_corpus(nlp, Source(source), out)
    assert out.read_bytes() == before
    annotate_corpus(nlp, Source(source), out, overwrite=True)
    assert len(read_rows(out)) == 6


@pytest.mark.parametrize(
    ("name", "layout", "format", "what"),
    [
        ("same.jsonl", {}, "jsonl", "source"),
        ("in.jsonl", {"text": "words"}, "jsonl", "text"),
        ("in.jsonl", {"encoding": "gb18030"}, "jsonl", "encoding"),
        ("in.jsonl", {"max_length": 99}, "jsonl", "max_length"),
        ("in.jsonl", {}, "csv", "output"),
    ],
)
def test_nothing_else_goes_on_in_this_output(nlp, tmp_path, name, layout, format, what):
    for source in ("in.jsonl", "same.jsonl"):
        write_texts(tmp_path / source)
    annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), tmp_path / "out", format="jsonl")
    other = Source(tmp_path / name, Layout(**layout))
    with pytest.raises(CmnerError, match=f"CM149.*another {what}"):
        annotate_corpus(nlp, other, tmp_path / "out", format=format)


def test_as_many_bytes_in_other_files_are_not_gone_on_with(nlp, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out.jsonl"
    source.mkdir()
    parts = [write_texts(source / name) for name in ("1.jsonl", "2.jsonl")]
    annotate_corpus(nlp, Source(source), out)
    parts[0].write_bytes(b"".join(part.read_bytes() for part in parts))
    parts[1].unlink()
    with pytest.raises(CmnerError, match=r"CM149.*another files.*2.*1"):
        annotate_corpus(nlp, Source(source), out)


def test_components_that_are_missing_are_named(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    message = r"CM149.*another components.*cmner_dictionary"
    with nlp.select_pipes(disable="cmner_dictionary"), pytest.raises(CmnerError, match=message):
        annotate_corpus(nlp, source, out)


def test_another_version_of_the_pipeline_does_not_go_on_in_this_output(nlp, tmp_path, monkeypatch):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    monkeypatch.setitem(nlp.meta, "version", "9.8.7")
    with pytest.raises(CmnerError, match=r"CM149.*another pipeline .*9\.8\.7"):
        annotate_corpus(nlp, source, out)


def test_a_source_is_the_same_by_a_relative_path(nlp, tmp_path, monkeypatch):
    source, out = write_texts(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    first = annotate_corpus(nlp, Source(source), out)
    monkeypatch.chdir(tmp_path)
    assert annotate_corpus(nlp, Source(Path(source.name)), out) == first


def test_another_pipeline_of_the_same_name_does_not_go_on_in_this_output(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    nlp.to_disk(tmp_path / "pipeline")
    other = spacy.load(tmp_path / "pipeline")
    annotate_corpus(other, source, out)
    other.get_pipe("cmner_dictionary").add_terms([("服药", "sym")])
    with pytest.raises(CmnerError, match=r"CM149.*another fingerprint of the pipeline"):
        annotate_corpus(other, source, out)


FINGERPRINT = """
import sys
import spacy
from spacy_cmner.annotation.job import fingerprint_pipeline

nlp = spacy.blank("zh")
nlp.add_pipe("sentencizer").punct_chars = set(sys.argv[1])
nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
nlp.add_pipe("cmner_merge", config={"priors": {"dictionary": 0.9}})
print(fingerprint_pipeline(nlp))
"""


def test_the_fingerprint_is_the_same_in_every_process():
    """A sentencizer has a set, whose order is not."""
    prints = [
        subprocess.check_output(
            [sys.executable, "-c", FINGERPRINT, characters],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for characters, seed in [("。！？", "1"), ("。！？", "2"), ("。！", "1")]
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("cmner", "alignment_mode", "expand"),
        ("cmner", "target", "second"),
        ("cmner", "source", "second"),
        ("cmner", "evidence_key", "dictionary"),
        ("cmner", "evidence_weights", {"dictionary": 2.0}),
        ("cmner_dictionary", "target", "ents"),
        ("cmner_dictionary", "overwrite", True),
        ("cmner_merge", "policy", "longest"),
        ("cmner_merge", "priors", {"model": np.float32(0.5)}),
        ("cmner_merge", "priors", {"model": np.float32(0.75)}),
        ("cmner_patterns", "target", "ents"),
        ("cmner_patterns", "source", "patterns"),
        ("cmner_assertion", "inputs", ["patterns"]),
    ],
)
def test_a_setting_of_a_component_in_use_is_another_pipeline(
    hybrid, monkeypatch, name, setting, value
):
    before = fingerprint_pipeline(hybrid)
    with monkeypatch.context() as patch:
        patch.setattr(hybrid.get_pipe(name), setting, value)
        changed = fingerprint_pipeline(hybrid)
    assert fingerprint_pipeline(hybrid) == before != changed


def test_other_terms_matches_and_components_are_another_pipeline(trained):
    nlp = tiny.hybrid(trained)
    prints = [fingerprint_pipeline(nlp)]
    dictionary = nlp.get_pipe("cmner_dictionary")
    dictionary.add_terms([("服药", "sym")])
    prints.append(fingerprint_pipeline(nlp))
    dictionary.add_stop_terms(["头晕"])
    prints.append(fingerprint_pipeline(nlp))
    dictionary.matcher.match = "all"
    prints.append(fingerprint_pipeline(nlp))
    dictionary.matcher.boundaries = create_word_boundaries()
    prints.append(fingerprint_pipeline(nlp))
    nlp.disable_pipe("cmner_assertion")
    prints.append(fingerprint_pipeline(nlp))
    assert len(set(prints)) == len(prints)


def test_other_weights_and_settings_are_another_pipeline(fresh, trained, tmp_path):
    before = fingerprint_pipeline(trained)
    list(trained.pipe(TEXTS))
    trained.to_disk(tmp_path)
    assert fingerprint_pipeline(spacy.load(tmp_path)) == fingerprint_pipeline(trained) == before
    override = {"components": {"cmner": {"threshold": 0.5}}}
    assert fingerprint_pipeline(spacy.load(tmp_path, config=override)) != before
    fresh.get_pipe("cmner").threshold = 0.5
    assert fingerprint_pipeline(fresh) != before
    fresh.get_pipe("cmner").threshold = 0.0
    assert fingerprint_pipeline(fresh) == before
    transitions = fresh.get_pipe("cmner").model.get_ref("transitions").get_param("transitions")
    transitions[0, 0] += 1e-3
    assert fingerprint_pipeline(fresh) != before


def test_two_runs_at_once_are_refused(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"

    def second_run(items):
        with pytest.raises(CmnerError, match=r"CM152.*out\.jsonl\.lock.*another run"):
            annotate_corpus(nlp, source, out, overwrite=True)
        yield from items

    result = annotate_corpus(nlp, source, out, progress=second_run)
    assert (result.read, len(read_rows(out))) == (5, 5)


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_files_of_others_stay(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    out.write_text("mine")
    with pytest.raises(CmnerError, match="CM146"):
        annotate_corpus(nlp, source, out)
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", name]
    annotate_corpus(nlp, source, out, overwrite=True)
    assert b"mine" not in b"".join(contents(out).values())


def test_the_folder_that_one_is_in(nlp, tmp_path, monkeypatch):
    source, here = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(CmnerError, match="CM146"):
        annotate_corpus(nlp, source, Path(), format="brat")
    annotate_corpus(nlp, source, Path(), format="brat", overwrite=True)
    assert [path.name for path in here.iterdir()] == ["part-000000"]
    assert (tmp_path / "here.state.json").is_file()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_others_beside_the_parts_stays(nlp, tmp_path, overwrite):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.parquet"
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, segment_characters=5, progress=stop_after(4))
    (out / "part-list.txt").write_text("mine")
    annotate_corpus(nlp, source, out, overwrite=overwrite)
    assert (out / "part-list.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_lost_output_is_noticed(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, segment_characters=5, progress=stop_after(4))
    (out if out.is_file() else out / "part-000000.parquet").unlink()
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_output_that_was_cut_short_is_noticed(nlp, tmp_path, format):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out"
    with pytest.raises(StoppedError):
        annotate_corpus(
            nlp, source, out, format=format, segment_characters=5, progress=stop_after(4)
        )
    written = out.read_bytes()
    out.write_bytes(written[:-1])
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out, format=format)
    assert out.read_bytes() == written[:-1]


@pytest.mark.parametrize("name", ["out.jsonl", "out.spacy"])
def test_a_full_disk_is_said_with_the_output_and_the_run_goes_on(nlp, tmp_path, monkeypatch, name):
    def fail(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    with monkeypatch.context() as patch:
        patch.setattr("spacy_cmner.annotation.sinks.sync", fail)
        with pytest.raises(OSError, match=re.escape(str(out))):
            annotate_corpus(nlp, source, out)
    annotate_corpus(nlp, source, out)
    annotate_corpus(nlp, source, tmp_path / "again" / name)
    assert contents(out) == contents(tmp_path / "again" / name)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"read": 3}'])
def test_a_damaged_checkpoint_is_refused(nlp, tmp_path, content):
    out = tmp_path / "out.jsonl"
    beside(out, "state.json").write_text(content)
    with pytest.raises(CmnerError, match="CM148"):
        annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), out)


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_lost_output_of_a_finished_run_is_noticed(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    annotate_corpus(nlp, source, out)
    (out if out.is_file() else out / "part-000000.parquet").unlink()
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.spacy"])
def test_a_run_that_could_not_begin_does_not_stand_in_the_way(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl", ["头痛"])), tmp_path / name
    with pytest.raises(CmnerError, match="CM405"):
        annotate_corpus(tiny.blank(), source, out)
    assert annotate_corpus(nlp, source, out).entities == 1


def test_a_folder_of_parts_becomes_a_file_when_asked(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out"
    annotate_corpus(nlp, source, out, format="brat")
    annotate_corpus(nlp, source, out, format="jsonl", overwrite=True)
    assert len(read_rows(out)) == len(TEXTS)
