"""Training, saving and loading of vectors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources import store
from spacy_cmner.resources.vectors import Vectors, train_skipgram

SENTENCES = ["患儿发热咳嗽", "患儿咳嗽有痰", "发热待查", "患儿呕吐发热"] * 20


@pytest.fixture
def vectors() -> Vectors:
    return Vectors(
        ("发", "热", "痛"),
        np.array([[0.5, -1.25], [2.0, 0.1], [0.0, 7.0]], dtype=np.float32),
        np.array([9, 7, 2]),
    )


def test_round_trip_is_exact(vectors: Vectors, tmp_path: Path):
    vectors.save(tmp_path / "v.npz")
    loaded = Vectors.load(tmp_path / "v.npz")
    assert loaded.words == vectors.words
    assert loaded.vectors.dtype == np.float32
    np.testing.assert_array_equal(loaded.vectors, vectors.vectors)
    np.testing.assert_array_equal(loaded.counts, vectors.counts)


def test_half_precision_keeps_three_digits_in_half_the_bytes(vectors: Vectors, tmp_path: Path):
    vectors.save(tmp_path / "v.npz", half=True)
    arrays, _ = store.load(tmp_path / "v.npz", "vectors")
    assert arrays["vectors"].dtype == np.float16
    loaded = Vectors.load(tmp_path / "v.npz")
    assert loaded.vectors.dtype == np.float32
    np.testing.assert_allclose(loaded.vectors, vectors.vectors, rtol=1e-3)


def test_half_precision_loses_no_large_value(vectors: Vectors, tmp_path: Path):
    large = Vectors(vectors.words, vectors.vectors * -1e5)
    with pytest.raises(CmnerError, match=r"CM238.*700000"):
        large.save(tmp_path / "v.npz", half=True)
    assert not (tmp_path / "v.npz").exists()


def test_vectors_without_counts_round_trip(vectors: Vectors, tmp_path: Path):
    Vectors(vectors.words, vectors.vectors).save(tmp_path / "v.npz")
    assert Vectors.load(tmp_path / "v.npz").counts is None


def test_load_names_the_array_that_is_missing(tmp_path: Path):
    store.save(tmp_path / "v.npz", "vectors", {"words": np.array(["发"])})
    with pytest.raises(CmnerError, match=r"CM202.*v\.npz.*vectors"):
        Vectors.load(tmp_path / "v.npz")


@pytest.mark.parametrize(
    ("shape", "n_counts"), [((3,), 3), ((2, 4), 3), ((3, 4), 2), ((3, 4, 1), 3)]
)
def test_arrays_that_do_not_fit_are_refused(shape: tuple[int, ...], n_counts: int):
    with pytest.raises(CmnerError, match="CM220"):
        Vectors(("发", "热", "痛"), np.zeros(shape, np.float32), np.zeros(n_counts, np.int64))


def test_take_reorders_words_vectors_and_counts_together(vectors: Vectors):
    taken = vectors.take([2, 0])
    assert taken.words == ("痛", "发")
    np.testing.assert_array_equal(taken.vectors, vectors.vectors[[2, 0]])
    np.testing.assert_array_equal(taken.counts, [2, 9])


def test_skipgram_counts_and_drops_rare_characters():
    vectors = train_skipgram([*SENTENCES, "癌"], dim=8, min_count=20, epochs=1)
    assert "癌" not in vectors.words
    assert dict(zip(vectors.words, vectors.counts, strict=True))["患"] == 60
    assert list(vectors.counts) == sorted(vectors.counts, reverse=True)
    assert vectors.vectors.shape == (len(vectors), 8)
    assert vectors.vectors.dtype == np.float32


def test_skipgram_learns_which_characters_share_contexts():
    rng = np.random.default_rng(0)
    topics = ["肝胆胰脾", "红蓝绿黄"]
    sentences = ["".join(rng.permutation(list(topics[i % 2]))) for i in range(1000)]
    vectors = train_skipgram(sentences, dim=16, min_count=1, epochs=20)
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    same = np.array(
        [[(a in topics[0]) == (b in topics[0]) for b in vectors.words] for a in vectors.words]
    )
    assert cosine[same].min() > cosine[~same].max()


def test_max_words_keeps_the_most_frequent():
    everything = train_skipgram(SENTENCES, dim=4, min_count=1, epochs=1)
    few = train_skipgram(SENTENCES, dim=4, min_count=1, epochs=1, max_words=3)
    assert few.words == everything.words[:3]
    np.testing.assert_array_equal(few.vectors, everything.vectors[:3])


def test_skipgram_is_the_same_in_another_process():
    """The seed alone decides, not the hash seed of the process."""
    script = (
        "from spacy_cmner.resources.vectors import train_skipgram\n"
        f"vectors = train_skipgram({SENTENCES!r}, dim=8, epochs=2, seed=3)\n"
        "print(repr((vectors.words, vectors.vectors.tobytes())))"
    )
    here = train_skipgram(SENTENCES, dim=8, epochs=2, seed=3)
    there = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf8"},
        check=True,
        capture_output=True,
    )
    assert there.stdout.decode("utf8").strip() == repr((here.words, here.vectors.tobytes()))


def test_another_seed_gives_other_vectors():
    first, second = (train_skipgram(SENTENCES, dim=8, epochs=1, seed=seed) for seed in (0, 1))
    assert first.words == second.words
    assert not np.array_equal(first.vectors, second.vectors)


def test_nothing_of_a_long_sentence_is_lost():
    """gensim drops what follows 10,000 words."""
    vectors = train_skipgram(["热" * 15_000 + "痛" * 15_000], dim=4, min_count=1, epochs=1)
    before = train_skipgram(["热" * 15_000], dim=4, min_count=1, epochs=1)
    assert dict(zip(vectors.words, vectors.counts, strict=True)) == {"热": 15_000, "痛": 15_000}
    row = vectors.words.index("痛")
    assert before.words == ("热",)
    assert np.abs(vectors.vectors[row]).max() > 0


def test_no_frequent_word_is_an_error():
    with pytest.raises(CmnerError, match=r"CM222.*100"):
        train_skipgram(["发热"], min_count=100)


def test_missing_gensim_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(CmnerError, match=r"CM205.*gensim.*spacy-cmner\[resources\]"):
        train_skipgram(SENTENCES)
