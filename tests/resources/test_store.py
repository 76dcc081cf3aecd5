import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources import store
from spacy_cmner.resources.components import ComponentTable
from spacy_cmner.resources.glyphs import GlyphTable
from spacy_cmner.resources.lexicon import Lexicon
from spacy_cmner.resources.vectors import Vectors

ARRAYS = {"ids": np.arange(6, dtype=np.int32).reshape(2, 3), "names": np.array(["肝", "𠮷"])}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "made" / "table.npz"
    store.save(path, "things", ARRAYS, {"source": "自己"})
    return path


def test_round_trip(path):
    arrays, metadata = store.load(path, "things")
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert metadata == {"format": "things", "version": store.FORMAT_VERSION, "source": "自己"}


def test_numpy_opens_the_file(path):
    with np.load(path) as archive:
        np.testing.assert_array_equal(archive["ids"], ARRAYS["ids"])


def test_same_content_gives_same_bytes(path, tmp_path):
    again = tmp_path / "again.npz"
    store.save(again, "things", dict(reversed(ARRAYS.items())), {"source": "自己"})
    assert again.read_bytes() == path.read_bytes()
    assert list(tmp_path.rglob("*.part")) == []


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CmnerError, match=r"CM201.*nowhere\.npz"):
        store.load(tmp_path / "nowhere.npz", "glyphs")


def test_other_kind_is_named(path):
    with pytest.raises(CmnerError, match=r"CM203.*holds things, but glyphs"):
        store.load(path, "glyphs")


def test_later_format_is_refused(path, monkeypatch):
    monkeypatch.setattr(store, "FORMAT_VERSION", 0)
    with pytest.raises(CmnerError, match=r"CM204.*version 1"):
        store.load(path, "things")


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("glyphs", GlyphTable.load),
        ("components", ComponentTable.load),
        ("vectors", Vectors.load),
        ("lexicon", Lexicon.load),
    ],
)
def test_a_file_without_its_arrays_is_refused(tmp_path, kind, read):
    store.save(tmp_path / "bad.npz", kind, {"other": np.zeros(1)})
    with pytest.raises(CmnerError, match=rf"CM202.*bad\.npz.*it has no \w+.*resources {kind}"):
        read(tmp_path / "bad.npz")


def test_objects_are_never_written_or_read(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        store.save(tmp_path / "bad.npz", "things", {"x": np.array([object()])})
    np.savez(tmp_path / "bad.npz", x=np.array([{}], dtype=object))
    with pytest.raises(CmnerError, match="CM202"):
        store.load(tmp_path / "bad.npz", "things")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", "词向量 100".encode()])
def test_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    with pytest.raises(CmnerError, match=r"CM202.*foreign\.npz"):
        store.load(path, "things")


def test_single_array_is_refused(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(CmnerError, match="CM202"):
        store.load(tmp_path / "one.npy", "things")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_every_truncation_is_noticed(tmp_path, compression):
    path = tmp_path / "table.npz"
    store.save(path, "things", ARRAYS, compression=compression)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(CmnerError, match="CM202"):
            store.load(path, "things")


@given(data=st.data())
def test_damage_is_noticed_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    compression = data.draw(
        st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]), label="compression"
    )
    store.save(path, "things", ARRAYS, compression=compression)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1), label="position")] ^= data.draw(
        st.integers(1, 255), label="flipped bits"
    )
    path.write_bytes(content)
    try:
        arrays, _ = store.load(path, "things")
    except CmnerError:
        return
    for name in arrays.keys() & ARRAYS.keys():
        np.testing.assert_array_equal(arrays[name], ARRAYS[name])
