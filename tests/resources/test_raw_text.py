"""Raw text files of any kind become sentences of characters, bigrams or words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources import raw_text
from spacy_cmner.resources.raw_text import Sentences, split_runs, stream_lines, text_files


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("夜里咳醒, 早上好些。\n", ["夜里咳醒", "早上好些。"]),
        ("夜里咳醒,早上好些:体温 37.2。", ["夜里咳醒,早上好些:体温 37.2。"]),
        ("<user>: 手麻怎么办 <bot>: 先休息", ["手麻怎么办", "先休息"]),
        ("{'症状': ['手麻', '脚麻'], 'ok': True}", ["症状", "手麻", "脚麻"]),
        ("手麻\\n脚麻\\t", ["手麻", "脚麻"]),
        ('手麻,"脚麻",,,科室甲 [更多],3', ["手麻", "脚麻", "科室甲", "更多"]),
        ("\ufeff手麻\x00脚麻\u3000头昏", ["手麻", "脚麻", "头昏"]),
        ("no Chinese 123", []),
        ("", []),
        ("𠮷😀<5>", ["𠮷😀<5>"]),
    ],
)
def test_structure_cuts_and_prose_stays(line: str, runs: list[str]):
    assert list(split_runs(line)) == runs


@given(st.text(st.sampled_from("手麻, '\"[]<>:\\n\x00a1。\ud800\ufeff\u3000𠮷")))
def test_runs_are_parts_of_the_line_in_order(line: str):
    rest = line
    for run in split_runs(line):
        assert run == run.strip()
        _, found, rest = rest.partition(run)
        assert found
    assert list(raw_text.characters(line)) == list(split_runs(line))


def test_bigrams_overlap():
    assert list(raw_text.bigrams("手脚麻, 痛")) == [["手脚", "脚麻"], []]


def test_sentences_are_read_anew_on_each_pass(tmp_path: Path):
    (tmp_path / "b.txt").write_text("手 麻\n", encoding="utf8")
    (tmp_path / "a.txt").write_text("头 昏\n\n", encoding="utf8")
    (tmp_path / "ignored.csv").write_text("x", encoding="utf8")
    sentences = Sentences([tmp_path], raw_text.words)
    assert list(sentences) == list(sentences) == [["头", "昏"], [], ["手", "麻"]]


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path):
    """Editors on Windows write one; the terms of a list have it before the first."""
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff手 麻\n\ufeff脚\n".encode())
    assert list(Sentences([path], raw_text.words)) == [["手", "麻"], ["\ufeff脚"]]


def test_no_text_file_is_an_error(tmp_path: Path):
    with pytest.raises(CmnerError, match="CM223"):
        text_files([tmp_path])


def test_wrong_encoding_names_file_and_line(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes("ok\n手麻\n".encode("gb18030"))
    with pytest.raises(CmnerError, match=r"CM224.*a\.txt, line 2"):
        list(stream_lines([path]))


def test_progress_counts_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a.txt"
    path.write_text("手麻\n" * 3, encoding="utf8")
    assert list(stream_lines([path], progress="reading")) == ["手麻\n"] * 3
    assert "reading: 100%" in capsys.readouterr().err
