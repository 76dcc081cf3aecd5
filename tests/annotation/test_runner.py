"""Whole runs: which records come out, in which order, and what stops a run."""

import json
from pathlib import Path

import pytest
import spacy
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import TEXTS, contents, read_rows, write_rows, write_texts
from spacy.language import Language
from spacy.util import make_tempdir
from thinc.api import CupyOps

from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.annotation.job import beside
from spacy_cmner.annotation.runner import annotate_corpus, annotate_items, segments
from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.errors import CmnerError
from spacy_cmner.tokenizer import replace_surrogates


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_bad_records_go_to_the_side_file_and_stop_nothing(nlp, tmp_path, batch_size):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_rows(
        source,
        [
            "{not json",
            {"text": "头痛"},
            {"text": "\ud83d"},
            {"other": "头痛"},
            "",
            {"text": 7},
            {"text": "一" * 21},
            "[1]",
            {"text": "二" * 20},
            {"text": None},
        ],
    )
    texts = Source(source, Layout(max_length=20))
    result = annotate_corpus(nlp, texts, out, batch_size=batch_size)
    assert [row["number"] for row in read_rows(out)] == [2, 9]
    errors = read_rows(beside(out, "errors.jsonl"))
    assert [row["number"] for row in errors] == [1, 3, 4, 6, 7, 8, 10]
    words = ["not JSON", "lone surrogate", "one of: other", "is 7", "more than 20", "[1]", "None"]
    assert all(word in row["reason"] for word, row in zip(words, errors, strict=True))
    assert {row["file"] for row in errors} == {str(source)}
    assert (result.read, result.bad) == (9, 7)


def test_items_without_text_fill_segments_too():
    items = [*[SourceRecord("")] * 4, *[BadRecord(Path(), 1, "无文本")] * 2]
    assert [len(segment) for segment in segments(items, 4)] == [4, 1, 1]


@settings(max_examples=25)
@given(st.lists(tiny.texts(), max_size=6), st.integers(1, 4))
def test_any_text(hybrid, texts, batch_size):
    """A text is annotated as it would be alone, or a bad record if it is not Unicode."""
    texts = json.loads(json.dumps(texts))  # two surrogates in a row may be one character there
    with make_tempdir() as folder:
        out = folder / "out.jsonl"
        source = Source(write_texts(folder / "in.jsonl", texts))
        result = annotate_corpus(hybrid, source, out, batch_size=batch_size)
        good = [text for text in texts if text == replace_surrogates(text)]
        assert (result.read, result.bad) == (len(texts), len(texts) - len(good))
        rows = read_rows(out)
    assert [row["text"] for row in rows] == good
    for row in rows:
        places = [(ent["start"], ent["end"], ent["label"]) for ent in row["entities"]]
        assert places == tiny.entities(hybrid(row["text"]))


def test_processes_give_the_same_in_the_same_order(nlp, tmp_path):
    source = write_texts(tmp_path / "in.jsonl", [f"第{i}次头痛" for i in range(40)])
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    annotate_corpus(nlp, Source(source), one)
    annotate_corpus(nlp, Source(source), two, n_process=2, batch_size=3)
    assert one.read_bytes() == two.read_bytes()
    assert len(read_rows(one)) == 40


@pytest.fixture
def sent(monkeypatch) -> list[list[str]]:
    """The texts of the batches for several processes, whose work is done in this one."""
    texts = []

    def work_here(work, batches, n_process):
        for batch in batches:
            texts.append([item.text for item in batch])
            yield work(batch)

    monkeypatch.setattr("spacy_cmner.annotation.runner.map_in_processes", work_here)
    return texts


def test_long_texts_are_not_sent_to_a_process_together(nlp, sent, monkeypatch):
    monkeypatch.setattr("spacy_cmner.annotation.runner.MAX_TOKENS", 8)
    texts = ["头痛", "无", "头痛三天，无发热", "一"]
    found = annotate_items(nlp, map(SourceRecord, texts), n_process=2, batch_size=100)
    assert [item.text for item in found] == texts
    assert sent == [texts[:2], texts[2:3], texts[3:]]


class Asked:
    """Notes how many documents it is to read together."""

    def __init__(self) -> None:
        self.sizes = set()

    def __call__(self, doc):
        return doc

    def pipe(self, stream, batch_size):
        self.sizes.add(batch_size)
        yield from stream


@Language.factory("cmner_test_asked")
def make_asked(nlp, name):
    return Asked()


@pytest.mark.parametrize("n_process", [1, 2])
@pytest.mark.parametrize(("batch_size", "expected"), [(2, 2), (None, 4)])
def test_as_many_texts_go_together_as_were_asked_for(
    tmp_path, sent, n_process, batch_size, expected
):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.batch_size = 4
    asked = nlp.add_pipe("cmner_test_asked")
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out, n_process=n_process, batch_size=batch_size)
    assert len(list(annotate_items(nlp, source, n_process, batch_size))) == len(TEXTS)
    assert asked.sizes == {expected}
    assert all(len(texts) <= expected for texts in sent)


@pytest.mark.parametrize("n_process", [1, 2])
def test_no_text_at_a_time_is_refused(nlp, tmp_path, n_process):
    """spaCy would read nothing and say nothing."""
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    with pytest.raises(CmnerError, match=r"CM160.*0"):
        annotate_corpus(nlp, source, out, batch_size=0, n_process=n_process)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("n_process", [2, -1])
def test_processes_cannot_share_the_gpu_of_a_pipeline(fresh, tmp_path, n_process):
    source = Source(write_texts(tmp_path / "in.jsonl"))
    fresh.get_pipe("cmner").model.ops = CupyOps()  # as after spacy.require_gpu()
    with pytest.raises(CmnerError, match=rf"CM161.*{n_process} processes"):
        annotate_corpus(fresh, source, tmp_path / "out.jsonl", n_process=n_process)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    "source, out",
    [
        ("in.jsonl", "in.jsonl"),
        ("folder", "folder"),
        ("folder", "folder/out.jsonl"),
        ("folder/part-000000.jsonl", "folder"),
        ("out.jsonl.errors.jsonl", "out.jsonl"),
    ],
)
def test_what_is_read_is_not_written_over(nlp, tmp_path, source, out):
    (tmp_path / "folder").mkdir()
    for name in ("in.jsonl", "folder/part-000000.jsonl", "out.jsonl.errors.jsonl"):
        write_texts(tmp_path / name)
    texts = Source(tmp_path / source)
    before = contents(tmp_path)
    with pytest.raises(CmnerError, match="CM157"):
        annotate_corpus(nlp, texts, tmp_path / out, format="jsonl", overwrite=True)
    assert contents(tmp_path) == before
