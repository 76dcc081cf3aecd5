"""Choice of the segmenter, terms kept whole, segmented files."""

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import spacy_pkuseg
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.resources import pkuseg_model
from spacy_cmner.resources.pkuseg_model import default_model_dir, unpack_pkuseg_model
from spacy_cmner.resources.segment import (
    Segmenter,
    TermSplitter,
    load_segmenter,
    read_words,
    segment_files,
)

TRAINING = ["患儿 发热 三 天", "患儿 咳嗽 两 天", "发热 咳嗽 一 周", "咳嗽 两 周 发热 三 天"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A pkuseg model of four sentences, trained here."""
    folder = tmp_path_factory.mktemp("pkuseg")
    (folder / "train.txt").write_text("\n".join(TRAINING * 5), encoding="utf8")
    script = f"""
import spacy_pkuseg
spacy_pkuseg.train(r"{folder}/train.txt", r"{folder}/train.txt", r"{folder}/tiny", train_iter=3)
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=folder)
    return folder / "tiny"


@pytest.fixture
def pkuseg_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(spacy_pkuseg.config, "pkuseg_home", str(tmp_path))
    return tmp_path


def test_model_folder_is_used(tiny_model: Path):
    segmenter = load_segmenter(tiny_model)
    assert segmenter.name == "pkuseg tiny"
    assert segmenter("患儿发热三天") == ["患儿", "发热", "三", "天"]


def test_medicine_comes_before_default(tiny_model: Path, pkuseg_home: Path):
    (pkuseg_home / "default").symlink_to(tiny_model)
    assert load_segmenter().name == "pkuseg default"
    (pkuseg_home / "medicine").symlink_to(tiny_model)
    assert load_segmenter().name == "pkuseg medicine"


def test_dictionary_of_a_model_joins_words(tiny_model: Path, tmp_path: Path):
    model = tmp_path / "clinic"
    model.mkdir()
    for file in tiny_model.iterdir():
        (model / file.name).symlink_to(file)
    (model / "clinic_dict.pkl").write_bytes(pickle.dumps("发热三天\n"))
    assert load_segmenter(model)("患儿发热三天") == ["患儿", "发热三天"]


def test_jieba_is_the_last_resort_and_says_so(pkuseg_home: Path):
    with pytest.warns(CmnerWarning, match=r"CM226.*jieba"):
        segmenter = load_segmenter(terms=["反复发热三天"])
    assert segmenter.name == "jieba"
    assert segmenter("患者 反复发热三天") == ["患者", "反复发热三天"]


def test_folder_without_a_model_is_an_error(tmp_path: Path):
    with pytest.raises(CmnerError, match=r"CM225.*pkuseg-model"):
        load_segmenter(tmp_path)


def test_missing_pkuseg_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "spacy_pkuseg", None)
    with pytest.raises(CmnerError, match=r"CM205.*spacy-pkuseg.*spacy-cmner\[resources\]"):
        load_segmenter()


def test_a_longer_term_that_fails_late_does_not_stretch_a_shorter_one():
    split = TermSplitter(["急性期", "急性期反应蛋白"])
    assert list(split("急性期反复")) == [("急性期", True), ("反复", False)]
    assert list(split("查急性期反应蛋白。")) == [
        ("查", False),
        ("急性期反应蛋白", True),
        ("。", False),
    ]


def test_two_character_terms_are_ignored():
    assert list(TermSplitter(["复发", "", "作"])("反复发作")) == [("反复发作", False)]


@given(st.lists(st.text("急性期\x00𠮷", max_size=5)), st.text("急性期\x00𠮷"))
def test_parts_make_up_the_text_and_terms_are_longest(terms: list[str], text: str):
    split = TermSplitter(terms)
    parts = list(split(text))
    assert "".join(part for part, _ in parts) == text
    start = 0
    for part, is_term in parts:
        assert part
        if is_term:
            assert part in terms
        for inner in range(start, start + (1 if is_term else len(part))):
            found = {term for term in split.terms if text.startswith(term, inner)}
            assert max(found, key=len, default="") == (part if is_term else "")
        start += len(part)


def test_read_terms_takes_the_first_column(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("急性期\t12\r\n\r\n 心悸 \n急性期\n".encode())
    assert read_words([tmp_path / "a.txt"]) == ["急性期", "心悸"]
    assert read_words([]) == []


def test_segment_files_writes_a_line_per_run(tmp_path: Path):
    (tmp_path / "in.txt").write_text("<user>: 急性期 反复\nxyz\n心悸\n", encoding="utf8")
    target = tmp_path / "out"
    segment_files(
        [tmp_path / "in.txt"], Segmenter("letters", list, TermSplitter(["急性期"])), target
    )
    assert target.read_text(encoding="utf8") == "急性期 反 复\n心 悸\n"


@pytest.fixture
def sdist(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive laid out as pkuseg's, with the tiny model in it."""
    extractor = spacy_pkuseg.FeatureExtractor.load(str(tiny_model))
    names = ("unigram", "bigram", "feature_to_idx", "tag_to_idx")
    features = pickle.dumps({name: getattr(extractor, name) for name in names})
    contents = {"features.pkl": features, "weights.npz": (tiny_model / "weights.npz").read_bytes()}
    path = tmp_path / "pkuseg.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{pkuseg_model.MEMBERS}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(pkuseg_model, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_unpacked_model_segments_without_a_pickle(sdist: Path, pkuseg_home: Path):
    target = unpack_pkuseg_model(archive=sdist)
    assert target == default_model_dir() == pkuseg_home / "default"
    assert sorted(file.name for file in target.iterdir()) == ["features.msgpack", "weights.npz"]
    assert load_segmenter()("患儿发热三天") == ["患儿", "发热", "三", "天"]


def test_foreign_archive_is_never_opened(tmp_path: Path):
    path = tmp_path / "pkuseg-0.0.25.tar.gz"
    path.write_bytes(b"not the one")
    with pytest.raises(CmnerError, match=r"CM229.*pkuseg-0\.0\.25\.tar\.gz"):
        unpack_pkuseg_model(tmp_path / "model", path)
    assert not (tmp_path / "model").exists()


def test_failed_download_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(CmnerError, match=r"(?s)CM228.*--archive"):
        unpack_pkuseg_model(tmp_path / "model")
