"""The commands that build vectors and lexicons, run as a user runs them."""

from pathlib import Path

import numpy as np
import pytest
import spacy_pkuseg
from typer.testing import CliRunner, Result

from spacy_cmner.cli.resources import resources_cli
from spacy_cmner.resources import store
from spacy_cmner.resources.lexicon import Lexicon
from spacy_cmner.resources.vectors import Vectors


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("患者反复心悸，夜里胸闷。\n" * 8, encoding="utf8")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(resources_cli, list(map(str, arguments)))


def test_vectors_of_characters_and_bigrams(texts: Path, tmp_path: Path):
    chars, bigrams = tmp_path / "chars.npz", tmp_path / "bigrams.npz"
    assert run("vectors", chars, texts, "--dim", 4, "--epochs", 1).exit_code == 0
    result = run(
        "vectors", bigrams, texts, "--unit", "bigram", "--dim", 4, "--max-words", 5, "--half"
    )
    assert result.exit_code == 0
    assert set(Vectors.load(chars).words) == set("患者反复心悸，夜里胸闷。")
    assert len(Vectors.load(bigrams)) == 5
    assert {len(word) for word in Vectors.load(bigrams).words} == {2}


def test_the_same_command_gives_the_same_bytes(texts: Path, tmp_path: Path):
    for name in ("first.npz", "second.npz"):
        assert run("vectors", tmp_path / name, texts, "--dim", 4, "--seed", 7).exit_code == 0
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_lexicon_by_jieba_says_so_and_keeps_terms_whole(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(spacy_pkuseg.config, "pkuseg_home", str(tmp_path))
    (tmp_path / "terms.txt").write_text("反复心悸\t5\n", encoding="utf8")
    output, segmented = tmp_path / "lexicon.npz", tmp_path / "segmented.txt"
    arguments = ["--user-dict", tmp_path / "terms.txt", "--dim", 4, "--segmented", segmented]
    with pytest.warns(UserWarning, match="CM226"):
        result = run("lexicon", output, texts, *arguments, "--note", "written for a test")
    assert result.exit_code == 0, result.output
    lexicon = Lexicon.load(output)
    assert "反复心悸" in lexicon.vectors.words
    assert "，" not in lexicon.vectors.words
    assert np.all(lexicon.vectors.counts == 8)
    assert segmented.read_text(encoding="utf8").splitlines()[0].startswith("患者 反复心悸 ，")
    _, metadata = store.load(output, "lexicon")
    assert metadata["note"] == "written for a test"
    assert metadata["settings"]["segmenter"] == "jieba"
    assert metadata["settings"]["terms"] == 1


def test_import_vectors(tmp_path: Path):
    source = tmp_path / "some.vec"
    source.write_text("2 3\n心 1 2 3\n肝 4 5 6\n", encoding="utf8")
    assert run("import-vectors", tmp_path / "out.npz", source).exit_code == 0
    vectors = Vectors.load(tmp_path / "out.npz")
    assert vectors.words == ("心", "肝")
    np.testing.assert_array_equal(vectors.vectors, [[1, 2, 3], [4, 5, 6]])


@pytest.fixture
def words(tmp_path: Path) -> Path:
    source = tmp_path / "words.vec"
    source.write_text("4 2\n， 1 2\n夜里 3 4\n心悸 5 6\n肝 7 8\n", encoding="utf8")
    return source


def test_import_words_as_a_lexicon(texts: Path, words: Path, tmp_path: Path):
    output = tmp_path / "out.npz"
    assert run("import-vectors", output, words, "--lexicon").exit_code == 0
    lexicon = Lexicon.load(output)
    assert lexicon.vectors.words == ("夜里", "心悸", "肝")
    assert lexicon.counts.tolist() == [1, 1, 1]

    (tmp_path / "more.txt").write_text("心悸", encoding="utf8")
    counted = ["--count-in", texts, "--count-in", tmp_path / "more.txt"]
    assert run("import-vectors", output, words, "--lexicon", *counted).exit_code == 0
    lexicon = Lexicon.load(output)
    assert dict(zip(lexicon.vectors.words, lexicon.counts.tolist(), strict=True)) == {
        "心悸": 10,
        "夜里": 9,
        "肝": 1,
    }
    np.testing.assert_array_equal(lexicon.vectors.vectors, [[5, 6], [3, 4], [7, 8]])


def test_no_lexicon_can_be_made_of_marks(words: Path, tmp_path: Path):
    result = run("import-vectors", tmp_path / "out.npz", words, "--lexicon", "--max-words", 1)
    assert result.exit_code == 1
    assert "CM239" in result.output


def test_counts_are_for_a_lexicon(texts: Path, words: Path, tmp_path: Path):
    result = run("import-vectors", tmp_path / "out.npz", words, "--count-in", texts)
    assert result.exit_code == 2
    assert "--count-in" in result.output


def test_a_fault_is_a_message_and_an_exit_code(tmp_path: Path):
    source = tmp_path / "some.vec"
    source.write_text("2 3\n心 1 2 3\n", encoding="utf8")
    result = run("import-vectors", tmp_path / "out.npz", source)
    assert result.exit_code == 1
    assert "CM231" in result.output
    assert not (tmp_path / "out.npz").exists()


def test_pkuseg_model_refuses_another_archive(tmp_path: Path):
    archive = tmp_path / "some.tar.gz"
    archive.write_bytes(b"something")
    result = run("pkuseg-model", tmp_path / "model", "--archive", archive)
    assert result.exit_code == 1
    assert "CM229" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("vectors", "texts/a.txt", "texts/a.txt"),
        ("import-vectors", "texts/a.txt", "texts/a.txt"),
        ("import-vectors", "texts/a.txt", "texts/a.txt", "--lexicon"),
        ("lexicon", "texts/a.txt", "texts/a.txt"),
        ("lexicon", "lexicon.npz", "texts/a.txt", "--segmented", "texts/a.txt"),
        ("lexicon", "lexicon.npz", "texts", "--segmented", "texts/b.txt"),
        ("lexicon", "lexicon.npz", "texts", "--segmented", "lexicon.npz"),
    ],
)
def test_what_is_read_is_not_written_over(texts: Path, arguments: tuple[str, ...]):
    before = (texts / "a.txt").read_bytes()
    names = ("texts", "texts/a.txt", "texts/b.txt", "lexicon.npz")
    result = run(*(texts.parent / word if word in names else word for word in arguments))
    assert result.exit_code == 1
    assert "CM157" in result.output
    assert {path: path.read_bytes() for path in texts.iterdir()} == {texts / "a.txt": before}


def test_a_seed_that_there_cannot_be(texts: Path, tmp_path: Path):
    result = run("vectors", tmp_path / "chars.npz", texts, "--seed", -1)
    assert result.exit_code == 2
    assert "--seed" in result.output
