"""A pipeline whose files are damaged or do not belong together says so, however it is loaded; what
is loaded gives the same results as what was saved."""

import gc
import pickle
import pickletools
import shutil
import zipfile
from pathlib import Path

import pytest
import spacy
import srsly
import tiny
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_cmner.cli._util import load_pipeline
from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.saving import CHECKSUMS, seal, unseal

TEXTS = ["无头晕，CT示右肺疼痛3天，服用阿莫西林0.5g。", "".join(t for t, _ in tiny.SENTENCES)]
FILES = (
    *("cmner/cfg", "cmner/model", "cmner/SHA256SUMS"),
    *("cmner_dictionary/terms.jsonl", "cmner_dictionary/stop_terms.json"),
    *("cmner_dictionary/SHA256SUMS", "cmner_assertion/triggers.jsonl"),
    "cmner_assertion/SHA256SUMS",
)
SPACYS_FILES = (
    *("config.cfg", "meta.json", "vocab/strings.json", "vocab/vectors", "vocab/vectors.cfg"),
    *("vocab/key2row", "vocab/lookups.bin"),
)


def findings(nlp) -> list[list[tuple]]:
    return [tiny.findings(doc) for doc in nlp.pipe(TEXTS)]


@pytest.fixture(scope="module")
def folder(hybrid, tmp_path_factory) -> Path:
    """Tests may damage it, but must mend it."""
    folder = tmp_path_factory.mktemp("saved") / "pipeline"
    hybrid.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def expected(hybrid) -> list[list[tuple]]:
    return findings(hybrid)


@pytest.fixture(scope="module")
def loaded(folder):
    """A pipeline to load the damaged files into, again and again."""
    return spacy.load(folder)


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


class Damaged:
    """A file with another content for a while; None: it is gone."""

    def __init__(self, path: Path, content: bytes | None) -> None:
        self.path, self.content = path, content

    def __enter__(self) -> None:
        self.intact = self.path.read_bytes()
        if self.content is None:
            self.path.unlink()
        else:
            self.path.write_bytes(self.content)

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.intact)


def test_these_are_all_files(folder):
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {*FILES, *SPACYS_FILES}


@pytest.mark.parametrize("name", [name for name in FILES if CHECKSUMS not in name])
@pytest.mark.parametrize("content", [None, b"{}", b"[1]", b"null\n", b"\x80\x04."])
def test_another_content_is_named(copy, loaded, name, content):
    """With checksums and, as in pipelines from before there were any, without."""
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)
    component = copy / name.split("/")[0]
    for _ in range(2):
        with pytest.raises(CmnerError, match=r"CM421.*copy the pipeline again") as caught:
            loaded.from_disk(copy)
        assert str(component) in str(caught.value)
        (component / CHECKSUMS).unlink(missing_ok=True)


@settings(max_examples=60)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.booleans())
@example("cmner_dictionary/terms.jsonl", 0.0, 0, True)
@example("cmner_assertion/SHA256SUMS", 0.0, 0, True)
def test_damage_is_named_or_harmless(folder, expected, loaded, name, place, bit, cut):
    data = (folder / name).read_bytes()
    byte = int(place * len(data))
    flipped = bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]
    with Damaged(folder / name, data[:byte] + (b"" if cut else flipped)):
        try:
            loaded.from_disk(folder)
        except CmnerError as error:
            assert "CM421" in str(error) and name.split("/")[0] in str(error)
        else:
            assert name.endswith(CHECKSUMS)
            assert findings(loaded) == expected


@settings(max_examples=30)
@given(st.sampled_from(SPACYS_FILES), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_spacys_own_files_are_named_by_the_commands(folder, name, place, bit):
    data = (folder / name).read_bytes()
    byte = int(place * len(data))
    flipped = bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]
    for content in (data[:byte], data[:byte] + flipped):
        with Damaged(folder / name, content):
            try:
                load_pipeline(folder)
            except CmnerError as error:
                assert "[CM" in str(error)


@pytest.mark.parametrize("name", SPACYS_FILES)
def test_a_lost_file_of_spacys_is_named_or_not_needed(folder, expected, name):
    with Damaged(folder / name, None):
        try:
            nlp = load_pipeline(folder)
        except CmnerError as error:
            assert "CM505" in str(error) and str(folder) in str(error)
        else:
            assert findings(nlp) == expected


@pytest.mark.parametrize("component", ["cmner", "cmner_dictionary", "cmner_assertion"])
def test_a_lost_component_is_named(copy, component):
    shutil.rmtree(copy / component)
    with pytest.raises(CmnerError, match=rf"CM421.*{component}"):
        spacy.load(copy)


@pytest.mark.parametrize("command", ["annotate", "evaluate", "compile"])
def test_the_commands_say_it(copy, tmp_path, command):
    with (copy / "cmner" / "model").open("r+b") as file:
        file.truncate(1000)
    (tmp_path / "in.jsonl").write_text('{"text": "右肺", "entities": []}\n', encoding="utf-8")
    arguments = [copy, tmp_path / "out"] if command == "compile" else [copy, tmp_path / "in.jsonl"]
    if command == "annotate":
        arguments.append(tmp_path / "out.jsonl")
    result = CliRunner().invoke(app, ["cmner", command, *map(str, arguments)])
    assert result.exit_code == 1
    assert "CM421" in result.output and "Traceback" not in result.output


def without_checksums(folder: Path) -> Path:
    for sums in folder.rglob(CHECKSUMS):
        sums.unlink()
    return folder


def test_pipelines_from_before_there_were_checksums(copy, expected):
    assert findings(spacy.load(without_checksums(copy))) == expected


def test_labels_of_another_model(copy):
    srsly.write_json(without_checksums(copy) / "cmner" / "cfg", {"labels": ["bod", "dru"]})
    with pytest.raises(CmnerError, match=r"CM422.*bod, dru.*9 tags.*13"):
        spacy.load(copy)


def test_a_lost_label_file_of_an_old_pipeline(copy):
    (without_checksums(copy) / "cmner" / "cfg").unlink()
    with pytest.raises(CmnerError, match=r"CM422"):
        spacy.load(copy)


@pytest.mark.parametrize("encoder", ["IdcnnEncoder", "SoftLexiconEmbed", "Flat", "spaCy"])
def test_a_model_of_another_config(copy, encoder):
    """Pipelines with files of one component taken from another pipeline."""
    tok2vec = {"@architectures": f"spacy-cmner.{encoder}.v1"}
    if encoder == "IdcnnEncoder":
        tok2vec = {**tiny.MODEL["tok2vec"], "encode": tok2vec}
    elif encoder != "spaCy":
        tok2vec["characters"] = tiny.EMBED
    else:
        tok2vec = {
            "@architectures": "spacy.HashEmbedCNN.v2",
            **{"width": 8, "depth": 1, "embed_size": 50, "window_size": 1, "maxout_pieces": 2},
            **{"subword_features": False, "pretrained_vectors": None},
        }
    nlp = tiny.blank()
    nlp.replace_pipe("cmner", "cmner", config={"model": {**tiny.MODEL, "tok2vec": tok2vec}})
    with pytest.raises(CmnerError, match=r"CM421.*another pipeline"):
        nlp.from_disk(copy)


def test_a_component_mixed_from_two_savings(copy, fresh, tmp_path):
    """As a kill while it is written leaves it behind."""
    tiny.learn(fresh, fresh.resume_training(), 1)
    fresh.to_disk(tmp_path / "later")
    shutil.copy(tmp_path / "later" / "cmner" / "model", copy / "cmner" / "model")
    with pytest.raises(CmnerError, match=r"CM421.*model is another file"):
        spacy.load(copy)


@pytest.mark.parametrize("component", ["cmner", "cmner_dictionary", "cmner_assertion"])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
@settings(max_examples=20)
def test_damaged_bytes(folder, loaded, expected, component, place, bit, cut):
    loaded.from_disk(folder)  # other tests leave it half loaded
    pipe = loaded.get_pipe(component)
    data = pipe.to_bytes()
    byte = int(place * len(data))
    flipped = bytes([data[byte] ^ 1 << bit]) + data[byte + 1 :]
    with pytest.raises(CmnerError, match=f"CM421.*'{component}'"):
        pipe.from_bytes(data[:byte] + (b"" if cut else flipped))
    assert gc.isenabled()
    pipe.from_bytes(data)
    assert findings(loaded) == expected


def test_bytes_from_before_there_were_checksums(loaded, expected):
    for name in ("cmner", "cmner_dictionary", "cmner_assertion"):
        pipe = loaded.get_pipe(name)
        pipe.from_bytes(unseal(pipe.to_bytes()))
    assert findings(loaded) == expected


@given(st.binary())
def test_a_seal_gives_back_what_it_holds(data):
    assert unseal(seal(data)) == data


# No pickle


def test_no_pickle_is_loaded(small, tmp_path, monkeypatch):
    small.to_disk(tmp_path)
    expected = findings(small)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something unpickles")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    assert findings(spacy.load(tmp_path)) == expected


def test_no_file_is_a_pickle(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            assert not zipfile.is_zipfile(path)  # as torch.save writes
            with pytest.raises(ValueError):
                list(pickletools.genops(path.read_bytes()))
