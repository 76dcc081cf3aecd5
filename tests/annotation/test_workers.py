"""A process of `nlp.pipe` that dies ends the run, which goes on when it is called again."""

import os
import signal
from pathlib import Path

import pytest
import spacy
import tiny
from spacy.language import Language

from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import watched_workers
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


def test_other_errors_stay_what_they_are():
    with pytest.raises(OSError, match="disk"), watched_workers(2):
        raise OSError("disk")
