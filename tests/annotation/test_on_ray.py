"""A run on a real cluster of this machine, with an actor that is killed while it works."""

import json
import os
import signal
import subprocess
import sys

import pytest
import spacy
import tiny

from spacy_cmner.annotation import on_ray
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.job import beside
from spacy_cmner.annotation.on_ray import (
    _Annotator,
    _array,
    _count_actors,
    _Segment,
    annotate_on_ray,
    errors_of_actors,
)
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sinks import CsvFile, create_part_folder
from spacy_cmner.annotation.sources import Source
from spacy_cmner.errors import CmnerError

# A script: what it defines is sent to the actors, which could not import it from a test module.
RUN = """
import os
import signal
import sys
from pathlib import Path

import ray
import spacy
from spacy.language import Language
from spacy_cmner.annotation.on_ray import annotate_on_ray
from spacy_cmner.annotation.sources import Source
from spacy_cmner.errors import CmnerError

folder = Path(sys.argv[1])

def load():
    @Language.component("cmner_test_killer")
    def kill(doc):
        if doc.text == "第250次头痛" and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return doc

    nlp = spacy.load(folder / "pipeline")
    nlp.add_pipe("cmner_test_killer")
    return nlp

ray.init(num_cpus=3, object_store_memory=10**8, include_dashboard=False, log_to_driver=False)
result = annotate_on_ray(load, Source(folder / "in"), folder / "out.jsonl", actors=2)
print(result.read, result.bad, result.characters, result.entities)
again = annotate_on_ray(load, Source(folder / "in"), folder / "out.jsonl", actors=2)
print(again == result)
annotate_on_ray(load, Source(folder / "in"), folder / "out.csv", actors=2)

def load_faulty():
    @Language.component("cmner_test_fault")
    def fail(doc):
        raise CmnerError("[CM405] a fault of the pipeline")

    nlp = load()
    nlp.add_pipe("cmner_test_fault")
    return nlp

try:
    annotate_on_ray(load_faulty, Source(folder / "in"), folder / "faulty.jsonl")
except CmnerError as error:
    print(error)
"""


def write_job(folder):
    """A pipeline and its source: three files of a hundred records, one bad line among each."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
    nlp.to_disk(folder / "pipeline")
    (folder / "in").mkdir()
    for i in range(3):
        rows = [{"id": n, "text": f"第{n}次头痛"} for n in range(i * 100, i * 100 + 100)]
        lines = [*map(json.dumps, rows[:1]), "bad", *map(json.dumps, rows[1:])]
        (folder / "in" / f"{i}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return nlp


def test_a_killed_actor_loses_nothing_and_doubles_nothing(tmp_path):
    pytest.importorskip("ray.data")
    nlp = write_job(tmp_path)
    script = tmp_path / "run.py"
    script.write_text(RUN, encoding="utf-8")
    command = [sys.executable, script, tmp_path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()

    here = annotate_corpus(nlp, Source(tmp_path / "in"), tmp_path / "here.jsonl")
    figures = f"{here.read} {here.bad} {here.characters} {here.entities}"
    *counts, error = [line for line in done.stdout.splitlines() if "raylet" not in line]
    assert counts == [figures, "True"]
    assert error == "[CM405] a fault of the pipeline"
    parts = sorted((tmp_path / "out.jsonl").iterdir())
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "here.jsonl").read_bytes()
    tables = [part.read_bytes() for part in sorted((tmp_path / "out.csv").iterdir())]
    annotate_corpus(nlp, Source(tmp_path / "in"), tmp_path / "here.csv")
    rows = b"".join(table.removeprefix(CsvFile.head) for table in tables)
    assert CsvFile.head + rows == (tmp_path / "here.csv").read_bytes()
    errors = [tmp_path / f"{name}.jsonl.errors.jsonl" for name in ("out", "here")]
    assert errors[0].read_bytes() == errors[1].read_bytes()


RUN_TO_BE_KILLED = """
import sys
from pathlib import Path

import ray
import spacy
from spacy_cmner.annotation.on_ray import annotate_on_ray
from spacy_cmner.annotation.sources import Source

folder, stop = Path(sys.argv[1]), int(sys.argv[2])
read = []

def load():
    return spacy.load(folder / "pipeline")

def wait_to_be_killed(checkpoint):
    read.append(checkpoint.read)
    if len(read) == stop:
        print("now", flush=True)
        sys.stdin.read()

ray.init(num_cpus=2, object_store_memory=10**8, include_dashboard=False, log_to_driver=False)
annotate_on_ray(
    load,
    Source(folder / "in"),
    folder / "out.jsonl",
    segment_characters=300,
    progress=wait_to_be_killed,
)
print("read", *read)
"""


def test_a_killed_driver_loses_nothing_and_doubles_nothing(tmp_path):
    pytest.importorskip("ray.data")
    nlp = write_job(tmp_path)
    command = [sys.executable, "-c", RUN_TO_BE_KILLED, tmp_path]
    with subprocess.Popen(
        [*command, "4"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert any(line == b"now\n" for line in process.stdout)  # Ray may print, too
        os.kill(process.pid, signal.SIGKILL)
    out = tmp_path / "out.jsonl"
    state = json.loads(beside(out, "state.json").read_bytes())
    done = {part: part.stat().st_mtime_ns for part in out.glob("part-*")}
    assert 100 < state["read"] < 300 and state["output"] == len(done) == 4

    # what the killed run had not noted: a part of a draft, a part, a bad record
    (out / ".part-x.jsonl").write_text("{")
    (out / "part-000004.jsonl").write_text("{}\n")
    with beside(out, "errors.jsonl").open("a") as file:
        file.write("{}\n")
    again = subprocess.run([*command, "0"], capture_output=True, encoding="utf-8")
    assert again.returncode == 0, again.stderr
    [read] = [line.split()[1:] for line in again.stdout.splitlines() if line.startswith("read ")]
    assert int(read[0]) > state["read"] and read[-1] == "303"

    annotate_corpus(nlp, Source(tmp_path / "in"), tmp_path / "here.jsonl")
    parts = sorted(out.iterdir())
    assert {part: part.stat().st_mtime_ns for part in parts[:4]} == done
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "here.jsonl").read_bytes()
    errors = [beside(tmp_path / f"{name}.jsonl", "errors.jsonl") for name in ("out", "here")]
    assert errors[0].read_bytes() == errors[1].read_bytes()


def test_actors_are_as_many_as_there_are_cpus_and_gpus_for():
    assert _count_actors({"CPU": 8.0}, 4, gpu=False) == 4
    assert _count_actors({"CPU": 8.0}, -1, gpu=False) == 7
    assert _count_actors({"CPU": 8.0, "GPU": 2.0}, 4, gpu=True) == 2
    assert _count_actors({"CPU": 2.0, "GPU": 2.0}, -1, gpu=True) == 1
    with pytest.raises(CmnerError, match="CM162"):
        _count_actors({"CPU": 8.0}, 1, gpu=True)


def test_an_actor_has_its_gpu_before_the_pipeline_and_batches_as_asked(monkeypatch, tmp_path):
    order = []

    def load():
        order.append("load")
        nlp = spacy.blank("zh")
        pipe = nlp.pipe
        monkeypatch.setattr(
            nlp, "pipe", lambda *args, **kw: order.append(kw["batch_size"]) or pipe(*args, **kw)
        )
        return nlp

    monkeypatch.setattr(on_ray, "require_gpu", lambda: order.append("gpu"))
    sink = create_part_folder(tmp_path / "out.jsonl")
    sink.rewind(0)
    annotator = _Annotator(load, sink, gpu=True, batch_size=7)
    list(annotator({"segment": _array(_Segment("x", [SourceRecord("头痛")]))}))
    assert order[:2] == ["gpu", "load"] and {*order[2:]} == {7}
    order.clear()
    _Annotator(load, sink, gpu=False, batch_size=7)
    assert order == ["load"]


def test_a_single_cpu_is_too_few(tmp_path, monkeypatch):
    """One actor would take it, and wait for ever for what nobody reads."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 1.0})
    (tmp_path / "a.txt").touch()
    with pytest.raises(CmnerError, match=r"CM154.*1 CPU.*2 are needed"):
        annotate_on_ray(spacy.blank, Source(tmp_path / "a.txt"), tmp_path / "out.jsonl")


def test_actors_that_die_again_and_again_are_named():
    ray = pytest.importorskip("ray")
    with pytest.raises(CmnerError, match=r"CM155.*again \(.*\)"), errors_of_actors(ray):
        raise ray.exceptions.ActorDiedError()


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "a.txt").touch()
    with pytest.raises(CmnerError, match=r"CM151.*spacy-cmner\[ray\]"):
        annotate_on_ray(spacy.blank, Source(tmp_path / "a.txt"), tmp_path / "out.jsonl")
