"""A run on a real cluster of this machine, with an actor that is killed while it works."""

import json
import re
import subprocess
import sys

import pytest
import spacy
import tiny

from spacy_cmner.annotation.on_ray import annotate_on_ray, errors_of_actors
from spacy_cmner.annotation.runner import annotate_corpus
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
try:
    annotate_on_ray(load, Source(folder / "faulty"), folder / "faulty.jsonl")
except CmnerError as error:
    print(error)
"""


def test_a_killed_actor_loses_nothing_and_doubles_nothing(tmp_path):
    pytest.importorskip("ray.data")
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "in").mkdir()
    for i in range(3):
        rows = [{"id": n, "text": f"第{n}次头痛"} for n in range(i * 100, i * 100 + 100)]
        lines = [*map(json.dumps, rows), "bad"]
        (tmp_path / "in" / f"{i}.jsonl").write_text("\n".join(lines), encoding="utf-8")

    (tmp_path / "faulty").mkdir()
    (tmp_path / "faulty" / "a.csv").write_text("id,words\n1,x\n")

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
    assert re.fullmatch(r"\[CM142\] .*a\.csv has no column 'text'.* there are: id, words\.", error)
    parts = sorted((tmp_path / "out.jsonl").iterdir())
    assert b"".join(part.read_bytes() for part in parts) == (tmp_path / "here.jsonl").read_bytes()
    errors = [tmp_path / f"{name}.jsonl.errors.jsonl" for name in ("out", "here")]
    assert errors[0].read_bytes() == errors[1].read_bytes()


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
