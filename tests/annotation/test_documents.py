"""A record that a component fails on is bad, and stops no other."""

import pytest
import spacy
import tiny
from runs import read_rows, write_rows, write_texts
from spacy.language import Language

from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.job import beside
from spacy_cmner.annotation.runner import annotate_corpus, annotate_items
from spacy_cmner.annotation.sources import Source
from spacy_cmner.errors import CmnerError, Messages


@pytest.mark.parametrize("n_process", [1, 2])
def test_only_the_record_that_a_component_fails_on_is_bad(tmp_path, n_process):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_test_fails_on_x")
    usual = nlp.default_error_handler
    nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
    source = write_texts(tmp_path / "in.jsonl", ["一", "x", "x", "头痛", "三", "x"])
    out = tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out, n_process=n_process, batch_size=2)
    found = [(row["text"], len(row["entities"])) for row in read_rows(out)]
    assert found == [("一", 0), ("头痛", 1), ("三", 0)]
    errors = read_rows(beside(out, "errors.jsonl"))
    assert [row["number"] for row in errors] == [2, 3, 6]
    assert all("RuntimeError: an x" in row["reason"] for row in errors)
    assert nlp.default_error_handler is usual


@Language.component("cmner_test_needs_a_mark")
def needs_a_mark(doc):
    if not doc.user_data.get("read"):
        raise Messages.CM423.error(text=doc.text)
    return doc


@Language.component("cmner_test_marks_unless_x")
def marks_unless_x(doc):
    doc = tiny.fails_on_x(doc)
    doc.user_data["read"] = True
    return doc


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_what_a_component_says_because_one_before_it_failed_is_no_fault_of_the_pipeline(
    tmp_path, batch_size
):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_test_marks_unless_x")
    nlp.add_pipe("cmner_test_needs_a_mark")
    source = Source(write_texts(tmp_path / "in.jsonl", ["一", "x", "三"]))
    out = tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out, batch_size=batch_size)
    assert [row["text"] for row in read_rows(out)] == ["一", "三"]
    [bad] = read_rows(beside(out, "errors.jsonl"))
    assert bad["number"] == 2 and "RuntimeError: an x" in bad["reason"]
    nlp.remove_pipe("cmner_test_marks_unless_x")
    with pytest.raises(CmnerError, match="CM423"):
        annotate_corpus(nlp, source, tmp_path / "other.jsonl", batch_size=batch_size)


def test_each_component_keeps_its_own_error_handler():
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    own, usual = (lambda *args: None), nlp.default_error_handler
    first = nlp.add_pipe("cmner_dictionary", name="first")
    second = nlp.add_pipe("cmner_dictionary", name="second")
    first.set_error_handler(own)
    list(annotate_items(nlp, [SourceRecord("头痛")]))
    assert first.get_error_handler() is own
    assert second.get_error_handler() is nlp.default_error_handler is usual
    items = annotate_items(nlp, [SourceRecord("头痛"), SourceRecord("头痛")])
    next(items)
    assert first.get_error_handler() is second.get_error_handler() is nlp.default_error_handler
    items.close()  # broken off
    assert first.get_error_handler() is own and nlp.default_error_handler is usual


@pytest.mark.parametrize("n_process", [1, 2])
def test_a_pipeline_with_components_of_spacy_that_hold_no_error_handler(tmp_path, n_process):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    for name in ("ner", "parser"):
        nlp.add_pipe(name).add_label("dep" if name == "parser" else "sym")
    nlp.initialize()
    nlp.add_pipe("cmner_test_fails_on_x")
    source = write_texts(tmp_path / "in.jsonl", ["一", "x", "二"])
    out = tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out, n_process=n_process, batch_size=3)
    assert [row["text"] for row in read_rows(out)] == ["一", "二"]
    assert [row["number"] for row in read_rows(beside(out, "errors.jsonl"))] == [2]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_a_component_that_breaks_off_is_called_again(tmp_path, batch_size):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("ner").add_label("sym")
    nlp.initialize()
    tok2vec = nlp.get_pipe("ner").model.get_ref("tok2vec")
    forward = tok2vec._func

    def fails_on_x(model, docs, is_train):
        if any("x" in doc.text for doc in docs):
            raise RuntimeError("an x")
        return forward(model, docs, is_train)

    tok2vec._func = fails_on_x
    texts = ["一", "x", "{", "二", "三", "x", "x", "四"]
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_rows(source, [text if text == "{" else {"text": text} for text in texts])
    annotate_corpus(nlp, Source(source), out, batch_size=batch_size)
    assert [row["text"] for row in read_rows(out)] == ["一", "二", "三", "四"]
    errors = read_rows(beside(out, "errors.jsonl"))
    assert [row["number"] for row in errors] == [2, 3, 6, 7]
    bad = errors.pop(1)
    assert "not JSON" in bad["reason"]
    assert all("RuntimeError: an x" in row["reason"] for row in errors)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_source_that_breaks_off_ends_the_run(nlp, batch_size):
    def items():
        yield SourceRecord("头痛")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(annotate_items(nlp, items(), batch_size=batch_size))


def test_a_fault_of_the_pipeline_is_no_bad_record(tmp_path):
    nlp = tiny.blank()
    source = Source(write_texts(tmp_path / "in.jsonl"))
    with pytest.raises(CmnerError, match="CM405"):
        annotate_corpus(nlp, source, tmp_path / "out.jsonl")


class Unready:
    def __call__(self, doc):
        return doc

    def pipe(self, stream, batch_size=1):
        raise RuntimeError("not ready")
        yield


@Language.factory("cmner_test_unready")
def make_unready(nlp, name):
    return Unready()


def test_a_component_that_fails_before_it_reads_ends_the_run():
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_test_unready")
    with pytest.raises(RuntimeError, match="not ready"):
        list(annotate_items(nlp, [SourceRecord("头痛")]))
