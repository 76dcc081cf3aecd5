"""A process that dies ends the run, which goes on when it is called again."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import tiny
from spacy.language import Language

from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import AHEAD, map_in_processes
from spacy_cmner.errors import CmnerError


@Language.factory("cmner_test_dies_once", default_config={"flag": ""})
def create_killer(nlp: Language, name: str, flag: str):
    def kill(doc):
        if doc.text == "第25次头痛" and Path(flag).exists():
            Path(flag).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return doc

    return kill


# spaCy says as well that processes have not ended well, and Python warns of forks.
@pytest.mark.filterwarnings("ignore:.*W127", "ignore:This process:DeprecationWarning")
def test_a_killed_worker(tmp_path):
    flag = tmp_path / "flag"
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
    nlp.add_pipe("cmner_test_dies_once", config={"flag": str(flag)})
    (tmp_path / "in.txt").write_text("".join(f"第{i}次头痛\n" for i in range(50)), encoding="utf-8")
    source, options = Source(tmp_path / "in.txt"), {"n_process": 2, "batch_size": 4}
    annotate_corpus(nlp, source, tmp_path / "whole.jsonl", **options)
    flag.touch()
    settings = {**options, "segment_characters": 40}
    with pytest.raises(CmnerError, match=r"CM153.*2 processes"):
        annotate_corpus(nlp, source, tmp_path / "out.jsonl", **settings)
    assert not flag.exists()
    annotate_corpus(nlp, source, tmp_path / "out.jsonl", **settings)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def double(batch):
    return [2 * number for number in batch]


def fail_at_7(batch):
    if 7 in batch:
        raise OSError("disk")
    return batch


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_results_come_in_order():
    batches = [[i, i + 1] for i in range(100)]
    assert list(map_in_processes(double, batches, 3)) == [[2 * i, 2 * i + 2] for i in range(100)]
    assert list(map_in_processes(double, [], 2)) == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_error_of_the_work_is_raised_in_its_place():
    results = map_in_processes(fail_at_7, ([i] for i in range(100)), 2)
    assert [next(results) for _ in range(7)] == [[i] for i in range(7)]
    with pytest.raises(OSError, match="disk"):
        next(results)
    assert multiprocessing.active_children() == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_few_batches_are_read_ahead():
    read = []
    results = map_in_processes(double, ([read.append(i) or i] for i in range(1000)), 2)
    next(results)
    assert len(read) <= AHEAD * 2
    results.close()


RUN = """
import sys
from pathlib import Path
import spacy
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source

def wait_to_be_killed(items):
    for item in items:
        print("now", flush=True)
        sys.stdin.read()
        yield item

folder = Path(sys.argv[1])
source = Source(folder / "in.txt")
annotate_corpus(
    spacy.blank("zh"), source, folder / "out.jsonl", n_process=2, progress=wait_to_be_killed
)
"""


def test_workers_end_with_a_killed_run(tmp_path):
    (tmp_path / "in.txt").write_text("头痛\n" * 5000, encoding="utf-8")
    command = [sys.executable, "-c", RUN, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == b"now\n"
        run.kill()
        # They share its output, which ends with the last of them.
        assert run.stdout.read() == b""


@pytest.mark.filterwarnings("error", "ignore:This process:DeprecationWarning")
def test_an_error_of_the_reader_ends_them_in_order(tmp_path):
    def fail(items):
        yield next(iter(items))
        raise KeyError("reader")

    (tmp_path / "in.txt").write_text("头痛\n" * 500, encoding="utf-8")
    source, out = Source(tmp_path / "in.txt"), tmp_path / "out.jsonl"
    with pytest.raises(KeyError, match="reader") as raised:
        annotate_corpus(spacy.blank("zh"), source, out, n_process=2, batch_size=5, progress=fail)
    assert multiprocessing.active_children() == []
    assert raised.tb  # not for being forgotten


@pytest.mark.parametrize("n_process", [0, -2])
def test_no_processes_are_refused(tmp_path, n_process):
    (tmp_path / "in.txt").write_text("头痛\n", encoding="utf-8")
    source, out = Source(tmp_path / "in.txt"), tmp_path / "out.jsonl"
    with pytest.raises(CmnerError, match=rf"CM156.*{n_process} "):
        annotate_corpus(spacy.blank("zh"), source, out, n_process=n_process)
    assert list(tmp_path.iterdir()) == [tmp_path / "in.txt"]
