"""Vector files in word2vec formats, sound and broken."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources.vectors import Vectors
from spacy_cmner.resources.word2vec import load_word2vec

WORDS = ("</s>", "的", "发热", "𠮷", "ＡＢ", "　")
VECTORS = np.linspace(-1, 1, len(WORDS) * 5, dtype=np.float32).reshape(len(WORDS), 5)
ROWS = [f"{word} {' '.join(map(str, row))}" for word, row in zip(WORDS, VECTORS, strict=True)]
HEADER = f"{len(WORDS)} 5"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode("utf8") if isinstance(content, str) else content)
    return path


def assert_sound(vectors: Vectors) -> None:
    assert vectors.words == WORDS
    assert vectors.counts is None
    np.testing.assert_array_equal(vectors.vectors, VECTORS)


@pytest.mark.parametrize(
    "content",
    [
        "\n".join([HEADER, *ROWS, ""]),
        "\n".join([*ROWS, ""]),
        "\n".join([HEADER, *ROWS]),
        "\r\n".join([HEADER, *ROWS, ""]),
        " \n".join([HEADER, *ROWS, ""]),
        "\ufeff" + "\n".join([HEADER, *ROWS, ""]),
        "\ufeff" + "\n".join([*ROWS, ""]),
        "\n".join([HEADER, *ROWS, "", ""]),
        "\n".join([HEADER, *ROWS, ""]).replace(" ", "\t"),
        "\n".join([*ROWS, ""]).replace(" ", "\t"),
    ],
    ids=[
        "header",
        "bare",
        "no last newline",
        "crlf",
        "C tool",
        "BOM",
        "BOM, bare",
        "blank line",
        "tabs",
        "tabs, bare",
    ],
)
def test_text_file(tmp_path: Path, content: str):
    assert_sound(load_word2vec(write(tmp_path / "v.vec", content)))


def test_gzipped_text_whatever_its_name(tmp_path: Path):
    content = gzip.compress("\n".join([HEADER, *ROWS, ""]).encode("utf8"))
    assert_sound(load_word2vec(write(tmp_path / "v.vec", content)))


def binary(row_end: bytes) -> bytes:
    rows = (
        word.encode("utf8") + b" " + row.tobytes() + row_end
        for word, row in zip(WORDS, VECTORS, strict=True)
    )
    return HEADER.encode() + b"\n" + b"".join(rows)


@pytest.mark.parametrize("row_end", [b"", b"\n"], ids=["gensim", "C tool"])
def test_binary_file(tmp_path: Path, row_end: bytes):
    assert_sound(load_word2vec(write(tmp_path / "v.bin", binary(row_end))))


words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=4)


@given(
    st.dictionaries(
        words,
        st.lists(st.floats(-9, 9, width=32), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
@example(rows={"0": [3.723250019711039e-42, 0.0, 0.0]}, as_binary=True)  # its bytes: a line "a"
def test_reads_what_gensim_writes(tmp_path_factory, rows: dict[str, list[float]], as_binary: bool):
    path = tmp_path_factory.mktemp("w2v") / "v"
    keyed = KeyedVectors(vector_size=3)
    keyed.add_vectors(list(rows), np.array(list(rows.values()), dtype=np.float32))
    keyed.save_word2vec_format(str(path), binary=as_binary)
    vectors = load_word2vec(path)
    assert vectors.words == tuple(rows)
    np.testing.assert_array_equal(vectors.vectors, keyed.vectors)


def test_first_of_two_rows_for_a_word_counts(tmp_path: Path):
    vectors = load_word2vec(write(tmp_path / "v.vec", "热 1 2\n痛 3 4\n热 5 6\n"))
    assert vectors.words == ("热", "痛")
    np.testing.assert_array_equal(vectors.vectors, [[1, 2], [3, 4]])


def test_max_words_reads_no_further(tmp_path: Path):
    content = "\n".join([HEADER, *ROWS[:2], "broken"])
    assert load_word2vec(write(tmp_path / "v.vec", content), max_words=2).words == WORDS[:2]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "CM230"),
        ("\n", "CM230"),
        ("0 5\n", "CM230"),
        (f"9 {'9' * 5000}\n", "CM234"),  # more digits than Python reads
        ("的\n热\n", "CM230"),
        ("\n".join([HEADER, *ROWS[:3], ""]), r"CM231.*row 3 of 6"),
        ("\n".join([*ROWS[:3], ROWS[3][:9]]), r"CM231.*line 4"),
        ("\n".join([HEADER, *ROWS])[:-15], r"CM231.*line 7"),
        ("\n".join([ROWS[0], "热 1 2", ROWS[1], ""]), r"CM232.*line 2: 2 values, where 5"),
        ("\n".join([HEADER, ROWS[0], ROWS[1] + " 9", ""]), r"CM232.*line 3: 6 values, where 5"),
        ("\n".join(["6 4", *ROWS, ""]), r"CM232.*line 2: 5 values, where 4"),
        ("\n".join([HEADER, ROWS[0], "热 1 2 x 4 5", ""]), r"CM234.*line 3"),
        ("\n".join([*ROWS, "热 1 2 nan 4 5", ""]), r"CM234.*'热'"),
        ("\n".join(["4 5", *ROWS, ""]), r"CM235.*line 5.*4 rows"),
        ("\n".join([HEADER, *ROWS]).encode("gb18030"), r"CM224.*line 3"),
        ("\n".join([HEADER, *ROWS]).encode("utf-16"), r"CM224.*line 1"),
        (gzip.compress("\n".join(ROWS * 50).encode())[:-20], r"CM231.*gzip"),
        (binary(b"")[:-4], r"CM231.*row 6 of 6"),
        (binary(b"\n").replace(b"6 5\n", b"9 5\n"), r"CM231.*row 7 of 9"),
        (binary(b"").replace(b"6 5\n", b"4 5\n"), r"CM235.*4 rows"),
        (binary(b"").replace(b"6 5\n", b"6 4\n"), r"CM23[1256].*v\.vec"),
        (b"2 300\n" + bytes(range(128, 256)) * 40, r"CM23[16]"),
    ],
)
def test_broken_file_is_named_with_place(tmp_path: Path, content: str | bytes, fault: str):
    path = write(tmp_path / "v.vec", content)
    with pytest.raises(CmnerError, match=fault) as error:
        load_word2vec(path)
    assert str(path) in str(error.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content: bytes):
    path = write(tmp_path_factory.mktemp("w2v") / "v", content)
    try:
        vectors = load_word2vec(path)
    except CmnerError as error:
        assert str(path) in str(error)
    else:
        assert np.isfinite(vectors.vectors).all()
        assert len(set(vectors.words)) == len(vectors.words)
