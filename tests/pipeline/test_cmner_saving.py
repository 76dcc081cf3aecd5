"""A saved pipeline is self-contained and gives the same entities, in any process."""

import json
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import spacy
import tiny

from spacy_cmner.errors import CmnerError

TEXTS = [*(text for text, _ in tiny.SENTENCES), "", "\r\n", "".join(t for t, _ in tiny.SENTENCES)]
# Python 3.12 and later warn of forks in a process with threads, which torch has.
FORK = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def entities(nlp, **settings):
    return [tiny.entities(doc) for doc in nlp.pipe(TEXTS, **settings)]


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "pipeline"
    trained.to_disk(folder)
    return folder


def run(script: str, *arguments: Path) -> str:
    """Run a script in a process of its own, where warnings are errors as well."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_disk(trained, folder):
    nlp = spacy.load(folder)
    assert entities(nlp) == entities(trained)
    assert nlp.get_pipe("cmner").labels == tiny.LABELS


def test_bytes(trained):
    assert entities(tiny.blank().from_bytes(trained.to_bytes())) == entities(trained)


def test_the_same_pipeline_gives_the_same_bytes(trained, fresh):
    model = trained.get_pipe("cmner").model
    assert fresh.get_pipe("cmner").model.to_bytes() == model.to_bytes()


@pytest.mark.parametrize("form", ["bytes", "fewer bytes", "disk"])
def test_the_model_can_be_left_out(trained, tmp_path, form):
    saved, pipe = trained.get_pipe("cmner"), tiny.blank().get_pipe("cmner")
    if form == "bytes":
        pipe.from_bytes(saved.to_bytes(), exclude=["model"])
    elif form == "fewer bytes":
        pipe.from_bytes(saved.to_bytes(exclude=["model"]))
    else:
        saved.to_disk(tmp_path)
        pipe.from_disk(tmp_path, exclude=["model"])
    assert pipe.labels == tiny.LABELS
    assert not pipe.model.get_ref("transitions").has_param("transitions")


def test_the_labels_can_be_left_out_if_they_are_as_many(trained, fresh):
    data, pipe = trained.get_pipe("cmner").to_bytes(), fresh.get_pipe("cmner")
    assert pipe.from_bytes(data, exclude=["cfg"]).labels == tiny.LABELS
    pipe.add_label("exam")
    with pytest.raises(CmnerError, match="CM422"):
        pipe.from_bytes(data, exclude=["model"])


def test_pickle(trained):
    pipe = pickle.loads(pickle.dumps(trained.get_pipe("cmner")))
    doc = pipe(trained.make_doc(TEXTS[0]))
    assert tiny.entities(doc) == tiny.SENTENCES[0][1]
    assert entities(pickle.loads(pickle.dumps(trained))) == entities(trained)


def test_training_goes_on_after_loading(folder):
    nlp = spacy.load(folder)
    sentences = [*tiny.SENTENCES, ("未见头晕。", [])]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    tiny.learn(nlp, optimizer, 30, sentences)
    assert [tiny.entities(nlp(text)) for text, _ in sentences] == [e for _, e in sentences]


def test_settings_can_be_overridden_on_loading(folder):
    overrides = {"components": {"cmner": {"alignment_mode": "expand", "max_length": 9}}}
    pipe = spacy.load(folder, config=overrides).get_pipe("cmner")
    assert (pipe.alignment_mode, pipe.max_length) == ("expand", 9)
    assert pipe.labels == tiny.LABELS


def test_a_pipeline_that_was_never_initialised_can_be_saved(tmp_path):
    nlp = tiny.blank()
    nlp.get_pipe("cmner").add_label("bod")
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("cmner").labels == ("bod",)


def test_needs_no_resources_and_no_library_that_builds_them(trained, folder):
    script = """
        import json, sys
        import spacy
        from spacy_cmner.resources import shipped
        shipped.SHIPPED.clear()
        nlp = spacy.load(sys.argv[1])
        texts = json.loads(sys.argv[2])
        found = [[(e.start_char, e.end_char, e.label_) for e in d.ents] for d in nlp.pipe(texts)]
        forbidden = {"gensim", "PIL", "fontTools", "transformers", "spacy_pkuseg", "jieba"}
        if "spacy_transformers" in sys.modules:  # spaCy imports every plug-in that is installed
            forbidden -= {"PIL", "transformers"}
        print(json.dumps([found, sorted(forbidden & set(sys.modules))]))
    """
    found, imported = json.loads(run(script, folder, json.dumps(TEXTS)))
    assert [[tuple(e) for e in doc] for doc in found] == entities(trained)
    assert imported == []


@FORK
def test_forked_processes(trained):
    """They inherit torch's threads, which are at work here first."""
    expected = entities(trained)
    assert entities(trained, n_process=2, batch_size=2) == expected


def test_spawned_processes(trained, monkeypatch):
    """They inherit nothing: the pipeline is pickled."""
    monkeypatch.setattr(spacy.language, "mp", multiprocessing.get_context("spawn"))
    assert entities(trained, n_process=2, batch_size=5) == entities(trained)


def test_no_resource_stays_in_the_model(trained, folder):
    for nlp in (trained, spacy.load(folder)):
        assert not any("resources" in node.attrs for node in nlp.get_pipe("cmner").model.walk())
