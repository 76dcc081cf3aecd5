"""Whole runs: what comes out, in which order, and what a kill leaves behind."""

import csv
import datetime
import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spacy
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import make_tempdir
from spacy.vocab import Vocab
from thinc.api import CupyOps

from spacy_cmner.annotation.items import BadRecord, FoundEntity, SourceRecord
from spacy_cmner.annotation.job import beside, fingerprint_pipeline
from spacy_cmner.annotation.runner import (
    annotate_corpus,
    annotate_items,
    segments,
    with_entities,
)
from spacy_cmner.annotation.sinks import create_part_folder, create_sink
from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.data.brat import read_brat
from spacy_cmner.data.corpus import read_docbin
from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Report
from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.boundaries import create_word_boundaries
from spacy_cmner.pipeline.source import read_sources
from spacy_cmner.tokenizer import replace_surrogates

TEXTS = ["服药后头痛。", "", "无不适", "头痛👍🏽，\x00服阿司匹林", "阿司匹林\u2028头痛"]


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    terms = [("头痛", "sym"), ("阿司匹林", "dru")]
    nlp.add_pipe("cmner_dictionary", config={"whole_words": False}).add_terms(terms)
    return nlp


def write_texts(path: Path, texts: list[str] = TEXTS) -> Path:
    rows = [{"id": f"文{i}", "text": text, "ward": i} for i, text in enumerate(texts)]
    write_rows(path, rows)
    return path


def write_rows(path: Path, rows: list) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]


def expected(nlp: Language) -> list[tuple[str, tuple[Entity, ...]]]:
    found = []
    for text in TEXTS:
        ents = nlp(text).ents
        found.append(
            (text, tuple(Entity(ent.start_char, ent.end_char, ent.label_) for ent in ents))
        )
    return found


def contents(path: Path) -> dict[str, bytes]:
    """The files of an output and their content."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}


def test_jsonl_has_the_entities_with_offsets_source_and_place(nlp, tmp_path):
    source = write_texts(tmp_path / "in.jsonl")
    out = tmp_path / "new" / "out.jsonl"
    result = annotate_corpus(nlp, Source(source), out)
    rows = read_rows(out)
    assert TEXTS[0] in out.read_text(encoding="utf-8")  # for people and grep, too
    assert [row["text"] for row in rows] == TEXTS
    assert [row["id"] for row in rows] == [f"文{i}" for i in range(5)]
    assert [row["meta"] for row in rows] == [{"ward": i} for i in range(5)]
    assert [row["file"] for row in rows] == [str(source)] * 5
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    [found] = rows[0]["entities"]
    assert found == {
        "start": 3,
        "end": 5,
        "label": "sym",
        "score": None,
        "source": "dictionary",
        "assertion": None,
        "kb_id": "",
    }
    assert (result.read, result.bad, result.finished) == (5, 0, True)
    assert result.entities == sum(len(row["entities"]) for row in rows) == 5
    assert result.characters == sum(map(len, TEXTS))


def test_jsonl_is_read_back_by_the_converter(nlp, tmp_path):
    out = tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), out)
    report = Report(out)
    records = [(r.text, r.entities) for r in read_jsonl(out, report)]
    assert records == expected(nlp) and not report.problems


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_records_of_several_files_are_told_apart(nlp, tmp_path, ending):
    """Also in a file whose name is no UTF-8, as of an old archive."""
    name = os.fsdecode("门诊.jsonl".encode("gbk")) if os.name == "posix" else "门诊.jsonl"
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        write_rows(tmp_path / "in" / folder / name, [{"text": TEXTS[0]}] * 2)
    source, out = Source(tmp_path / "in"), tmp_path / f"out{ending}"
    annotate_corpus(nlp, source, out)
    if ending == ".jsonl":
        rows = read_rows(out)
    elif ending == ".csv":
        with out.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pytest.importorskip("pyarrow.parquet").read_table(out).to_pylist()
    files = [replace_surrogates(str(file)) for file in source.files]
    found = [(row["file"], int(row["number"])) for row in rows]
    assert found == [(file, number) for file in files for number in (1, 2)]


def test_halves_of_characters_beside_the_text_are_replaced(nlp, tmp_path):
    write_rows(tmp_path / "in.jsonl", [{"text": "头痛", "ward": "\ud83d"}])
    annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    [row] = read_rows(tmp_path / "out.jsonl")
    assert row["meta"] == {"ward": "�"}


def test_csv_has_a_row_an_entity(fresh, tmp_path):
    """With what the JSON lines have."""
    fresh.get_pipe("cmner").scores = True
    fresh.add_pipe("cmner_dictionary").add_terms([("=2+3", "ite")])
    fresh.add_pipe("cmner_merge")
    fresh.add_pipe("cmner_assertion")
    texts = [text for text, _ in tiny.SENTENCES]
    source = write_texts(tmp_path / "in.jsonl", [*texts, "=2+3。"])
    out, jsonl = tmp_path / "out.csv", tmp_path / "out.jsonl"
    for path in (out, jsonl):
        annotate_corpus(fresh, Source(source), path, segment_characters=10)
    expected = [
        {
            **entity,
            **{name: row[name] for name in ("id", "file", "number")},
            "text": row["text"][entity["start"] : entity["end"]],
            "assertion": ";".join(entity["assertion"]),
        }
        for row in read_rows(jsonl)
        for entity in row["entities"]
    ]
    with out.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    values = [{key: "" if v is None else str(v) for key, v in row.items()} for row in expected]
    assert found == values
    assert {"negated", ""} <= {row["assertion"] for row in found}
    assert "=2+3" in {row["text"] for row in found}
    assert any(row["score"] for row in found)
    header = "id,file,number,start,end,label,text,score,source,assertion,kb_id\r\n"
    assert out.read_bytes().startswith(f"\ufeff{header}".encode())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_csv_holds_any_text(text):
    with make_tempdir() as folder:
        out = create_sink(folder / "out.csv")
        out.rewind(0)
        entity = FoundEntity(0, len(text), "sym", source="dictionary")
        out.write([SourceRecord(text, id=text, entities=(entity,))])
        with (folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
            [row] = csv.DictReader(file)
    assert row["id"] == row["text"] == text


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".spacy"])
def test_the_ending_may_be_in_capitals(tmp_path, ending):
    upper, lower = (create_sink(tmp_path / f"out{each}") for each in (ending.upper(), ending))
    assert upper.kind == lower.kind


def test_csv_names_all_that_is_said_of_an_entity(tmp_path):
    out = create_sink(tmp_path / "out.csv")
    out.rewind(0)
    entity = FoundEntity(2, 4, "sym", assertion=("negated", "past"))
    out.write([SourceRecord("曾无头痛", entities=(entity,))])
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["assertion"] == "negated;past"


def test_csv_of_no_texts_has_a_header_each_part_of_csv_too(nlp, tmp_path):
    (tmp_path / "in.txt").touch()
    out, parts = tmp_path / "out.csv", create_part_folder(tmp_path / "parts.csv")
    annotate_corpus(nlp, Source(tmp_path / "in.txt"), out)
    parts.rewind(0)
    for text in ("头痛", "发热"):
        record = SourceRecord(text, number=1, file=Path("a.txt"))
        parts.write([with_entities(record, nlp(text))])
    first, second = (part.read_bytes() for part in sorted(parts.path.iterdir()))
    assert first == out.read_bytes() + ",a.txt,1,0,2,sym,头痛,,dictionary,,\r\n".encode()
    assert second == out.read_bytes()


def test_docbin_is_read_back_with_sources(nlp, tmp_path):
    out = tmp_path / "out.spacy"
    annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), out, segment_characters=10)
    parts = sorted(out.iterdir())
    records = [record for part in parts for record in read_docbin(part)]
    assert len(parts) > 1
    assert [(r.text, r.entities) for r in records] == expected(nlp)
    assert [r.id for r in records] == [f"文{i}" for i in range(5)]
    doc, *_ = DocBin().from_disk(parts[0]).get_docs(Vocab())
    assert [ent._.cmner_source for ent in doc.ents] == ["dictionary"]


def test_docbin_keeps_a_score_of_zero_and_adds_no_source(tmp_path):
    out = create_part_folder(tmp_path / "out.spacy")
    out.rewind(0)
    entity = FoundEntity(0, 2, "sym", score=0.0, source="other")
    out.write([SourceRecord("头痛", entities=(entity,))])
    [doc] = DocBin().from_disk(out.path / "part-000000.spacy").get_docs(Vocab())
    [ent] = doc.ents
    assert ent._.cmner_score == 0.0 and read_sources(ent) == ()


def test_brat_is_read_back(nlp, tmp_path):
    out = tmp_path / "out"
    source = Source(write_texts(tmp_path / "in.jsonl"))
    annotate_corpus(nlp, source, out, format="brat", segment_characters=10)
    report = Report(out)
    records = list(read_brat(out, report))
    assert [(r.text, r.entities) for r in records] == expected(nlp) and not report.problems
    assert records[0].id == "part-000000/000001-文0"


def test_a_name_may_be_longer_than_that_of_a_file(nlp, tmp_path):
    write_rows(tmp_path / "in.jsonl", [{"id": "病历" * 100, "text": text} for text in TEXTS])
    out = tmp_path / "out"
    annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), out, format="brat")
    assert [(r.text, r.entities) for r in read_brat(out, Report(out))] == expected(nlp)


def test_parquet_is_read_back(nlp, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out.parquet"
    annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), out, segment_characters=10)
    rows = parquet.read_table(out).to_pylist()
    jsonl = tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), jsonl)
    assert [{**row, "meta": json.loads(row["meta"])} for row in rows] == read_rows(jsonl)
    assert len(contents(out)) > 1
    again = tmp_path / "again.jsonl"
    annotate_corpus(nlp, Source(out), again)
    assert [row["entities"] for row in read_rows(again)] == [row["entities"] for row in rows]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".spacy"])
def test_assertions_and_codes_are_written(tmp_path, ending):
    asserting = spacy.blank("zh", config=tiny.CHARACTERS)
    terms = [("头痛", "sym", "R51"), ("阿司匹林", "dru")]
    asserting.add_pipe("cmner_dictionary").add_terms(terms)
    asserting.add_pipe("cmner_assertion")
    source, out = (
        write_texts(tmp_path / "in.jsonl", ["无头痛。服阿司匹林。"]),
        tmp_path / f"out{ending}",
    )
    annotate_corpus(asserting, Source(source), out)
    if ending == ".spacy":
        doc, *_ = DocBin().from_disk(out / "part-000000.spacy").get_docs(Vocab())
        assert [ent._.negated for ent in doc.ents] == [True, False]
        assert [ent._.negated_trigger for ent in doc.ents] == [None, None]
        assert [ent.kb_id_ for ent in doc.ents] == ["R51", ""]
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        rows = read_rows(out) if ending == ".jsonl" else parquet.read_table(out).to_pylist()
        assert [ent["assertion"] for ent in rows[0]["entities"]] == [["negated"], []]
        assert [ent["kb_id"] for ent in rows[0]["entities"]] == ["R51", ""]


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


def test_bad_records_alone_make_no_part(nlp, tmp_path):
    write_rows(tmp_path / "in.jsonl", ["{not json"])
    result = annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), tmp_path / "out.spacy")
    assert result.bad == 1 and not contents(tmp_path / "out.spacy")


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet", "out.spacy"])
def test_empty_input_gives_empty_output(nlp, tmp_path, out):
    (tmp_path / "in.txt").touch()
    result = annotate_corpus(nlp, Source(tmp_path / "in.txt"), tmp_path / out)
    assert result.finished and result.read == 0
    read_again = pytest.fail
    again = annotate_corpus(nlp, Source(tmp_path / "in.txt"), tmp_path / out, progress=read_again)
    assert again == result
    assert not any(contents(tmp_path / out).values())


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


def test_scores_of_the_recogniser_are_written(fresh, tmp_path):
    fresh.get_pipe("cmner").scores = True
    texts = [text for text, _ in tiny.SENTENCES]
    out, docbin = tmp_path / "out.jsonl", tmp_path / "out.spacy"
    source = Source(write_texts(tmp_path / "in.jsonl", texts))
    annotate_corpus(fresh, source, out)
    docs = [fresh(text) for text in texts]
    entities = [row["entities"] for row in read_rows(out)]
    assert [[e["score"] for e in found] for found in entities] == [
        [pytest.approx(ent._.cmner_score) for ent in doc.ents] for doc in docs
    ]
    assert {e["source"] for found in entities for e in found} == {"model"}
    annotate_corpus(fresh, source, docbin)
    saved = DocBin().from_disk(docbin / "part-000000.spacy").get_docs(Vocab())
    assert [[ent._.cmner_score for ent in doc.ents] for doc in saved] == [
        [e["score"] for e in found] for found in entities
    ]


@Language.component("cmner_test_fails_on_x")
def fails_on_x(doc):
    if "x" in doc.text:
        raise RuntimeError("an x")
    return doc


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


class StoppedError(Exception):
    pass


def stop_after(n: int):
    def progress(items):
        for i, item in enumerate(items):
            if i == n:
                raise StoppedError
            yield item

    return progress


def test_names_that_are_not_utf8(nlp, tmp_path):
    """As of files from systems whose names are GBK."""
    first, second = (tmp_path / os.fsdecode(name.encode("gbk")) for name in ("病历", "医嘱"))
    try:
        first.mkdir()
        second.mkdir()
    except OSError:
        pytest.skip("the file system has no such names")
    source, other = (write_texts(folder / "texts.jsonl") for folder in (first, second))
    out = first / "found.jsonl"
    for _ in range(2):
        checkpoint = annotate_corpus(nlp, Source(source), out)
        assert checkpoint.finished and len(read_rows(out)) == checkpoint.read == len(TEXTS)
    with pytest.raises(CmnerError, match="CM149"):
        annotate_corpus(nlp, Source(other), out)


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "docbin", "brat"])
@pytest.mark.parametrize("n", [0, 1, 7, 19])
def test_a_stopped_run_goes_on_to_the_same_output(nlp, tmp_path, format, n):
    rows = [{"text": f"头痛{i}"} if i % 4 else "bad" for i in range(20)]
    write_rows(tmp_path / "in.jsonl", rows)
    source = Source(tmp_path / "in.jsonl")
    whole, out = tmp_path / "whole" / "out", tmp_path / "cut" / "out"
    settings = {"format": format, "segment_characters": 9}
    annotate_corpus(nlp, source, whole, **settings)
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, **settings, progress=stop_after(n))
    # what a kill between writing and the checkpoint leaves
    if format in ("jsonl", "csv"):
        with out.open("ab") as file:
            file.write('{"text": "头'.encode()[:-1])
    else:
        (out / ".part-000019").mkdir()
        (out / "part-000099").write_bytes(b"half")
    with beside(out, "errors.jsonl").open("ab") as file:
        file.write(b'{"num')
    result = annotate_corpus(nlp, source, out, **settings)
    assert contents(out) == contents(whole)
    ends = [beside(path, "errors.jsonl").read_bytes() for path in (out, whole)]
    assert ends[0] == ends[1]
    assert (result.read, result.bad, result.finished) == (20, 5, True)


RUN = """
import sys
from pathlib import Path
import spacy
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source

nlp, source, out = spacy.load(sys.argv[1]), Source(Path(sys.argv[2])), Path(sys.argv[3])

def wait_to_be_killed(items):
    for i, item in enumerate(items):
        if i == 1234:
            print("now", flush=True)
            sys.stdin.read()
        yield item

annotate_corpus(nlp, source, out, segment_characters=500, progress=wait_to_be_killed)
"""


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_sigkill_loses_nothing_and_doubles_nothing(nlp, tmp_path, name):
    nlp.to_disk(tmp_path / "pipeline")
    source = write_texts(tmp_path / "in.jsonl", [f"第{i}次头痛" for i in range(2000)])
    whole, out = tmp_path / "whole" / name, tmp_path / "killed" / name
    annotate_corpus(nlp, Source(source), whole, segment_characters=500)
    command = [sys.executable, "-c", RUN, tmp_path / "pipeline", source, out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"now\n"
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 0 < sum(map(len, contents(out).values())) < sum(map(len, contents(whole).values()))
    read = []

    def count(items):
        for item in items:
            read.append(item)
            yield item

    result = annotate_corpus(nlp, Source(source), out, segment_characters=500, progress=count)
    assert contents(out) == contents(whole)
    assert result.read == 2000 and 0 < len(read) < 2000


def test_a_finished_run_is_not_run_again(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    first = annotate_corpus(nlp, source, out)
    read_again = pytest.fail
    assert annotate_corpus(nlp, source, out, progress=read_again) == first
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, progress=stop_after(0), overwrite=True)


def test_a_source_that_was_corrected_is_not_taken_for_the_same(nlp, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl", ["体温39.2"]), tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out)
    write_texts(source, ["体温36.2"])  # as many bytes
    with pytest.raises(CmnerError, match=r"CM149.*another content of the source.*--overwrite"):
        annotate_corpus(nlp, Source(source), out)


def test_another_run_does_not_go_on_in_this_output(nlp, tmp_path):
    source, out = write_texts(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    annotate_corpus(nlp, Source(source), out)
    before = out.read_bytes()
    with pytest.raises(CmnerError, match=r"CM149.*another id"):
        annotate_corpus(nlp, Source(source, Layout(id="name")), out)
    write_texts(source, [*TEXTS, "多一个"])
    with pytest.raises(CmnerError, match=r"CM149.*another bytes"):
        annotate_corpus(nlp, Source(source), out)
    assert out.read_bytes() == before
    annotate_corpus(nlp, Source(source), out, overwrite=True)
    assert len(read_rows(out)) == 6


@pytest.mark.parametrize(
    ("name", "layout", "format", "what"),
    [
        ("same.jsonl", {}, "jsonl", "source"),
        ("in.jsonl", {"text": "words"}, "jsonl", "text"),
        ("in.jsonl", {"encoding": "gb18030"}, "jsonl", "encoding"),
        ("in.jsonl", {"max_length": 99}, "jsonl", "max_length"),
        ("in.jsonl", {}, "csv", "output"),
    ],
)
def test_nothing_else_goes_on_in_this_output(nlp, tmp_path, name, layout, format, what):
    for source in ("in.jsonl", "same.jsonl"):
        write_texts(tmp_path / source)
    annotate_corpus(nlp, Source(tmp_path / "in.jsonl"), tmp_path / "out", format="jsonl")
    other = Source(tmp_path / name, Layout(**layout))
    with pytest.raises(CmnerError, match=f"CM149.*another {what}"):
        annotate_corpus(nlp, other, tmp_path / "out", format=format)


def test_as_many_bytes_in_other_files_are_not_gone_on_with(nlp, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out.jsonl"
    source.mkdir()
    parts = [write_texts(source / name) for name in ("1.jsonl", "2.jsonl")]
    annotate_corpus(nlp, Source(source), out)
    parts[0].write_bytes(b"".join(part.read_bytes() for part in parts))
    parts[1].unlink()
    with pytest.raises(CmnerError, match=r"CM149.*another files.*2.*1"):
        annotate_corpus(nlp, Source(source), out)


def test_components_that_are_missing_are_named(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    message = r"CM149.*another components.*cmner_dictionary"
    with nlp.select_pipes(disable="cmner_dictionary"), pytest.raises(CmnerError, match=message):
        annotate_corpus(nlp, source, out)


def test_another_version_of_the_pipeline_does_not_go_on_in_this_output(nlp, tmp_path, monkeypatch):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    monkeypatch.setitem(nlp.meta, "version", "9.8.7")
    with pytest.raises(CmnerError, match=r"CM149.*another pipeline .*9\.8\.7"):
        annotate_corpus(nlp, source, out)


def test_a_source_is_the_same_by_a_relative_path(nlp, tmp_path, monkeypatch):
    source, out = write_texts(tmp_path / "in.jsonl"), tmp_path / "out.jsonl"
    first = annotate_corpus(nlp, Source(source), out)
    monkeypatch.chdir(tmp_path)
    assert annotate_corpus(nlp, Source(Path(source.name)), out) == first


def test_another_pipeline_of_the_same_name_does_not_go_on_in_this_output(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"
    annotate_corpus(nlp, source, out)
    nlp.to_disk(tmp_path / "pipeline")
    other = spacy.load(tmp_path / "pipeline")
    annotate_corpus(other, source, out)
    other.get_pipe("cmner_dictionary").add_terms([("服药", "sym")])
    with pytest.raises(CmnerError, match=r"CM149.*another fingerprint of the pipeline"):
        annotate_corpus(other, source, out)


FINGERPRINT = """
import sys
import spacy
from spacy_cmner.annotation.job import fingerprint_pipeline

nlp = spacy.blank("zh")
nlp.add_pipe("sentencizer").punct_chars = set(sys.argv[1])
nlp.add_pipe("cmner_dictionary").add_terms([("头痛", "sym")])
nlp.add_pipe("cmner_merge", config={"priors": {"dictionary": 0.9}})
print(fingerprint_pipeline(nlp))
"""


def test_the_fingerprint_is_the_same_in_every_process():
    """A sentencizer has a set, whose order is not."""
    prints = [
        subprocess.check_output(
            [sys.executable, "-c", FINGERPRINT, characters],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for characters, seed in [("。！？", "1"), ("。！？", "2"), ("。！", "1")]
    ]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("cmner", "alignment_mode", "expand"),
        ("cmner", "target", "second"),
        ("cmner", "source", "second"),
        ("cmner", "evidence_key", "dictionary"),
        ("cmner", "evidence_weights", {"dictionary": 2.0}),
        ("cmner_dictionary", "target", "ents"),
        ("cmner_dictionary", "overwrite", True),
        ("cmner_merge", "policy", "longest"),
        ("cmner_merge", "priors", {"model": np.float32(0.5)}),
        ("cmner_merge", "priors", {"model": np.float32(0.75)}),
        ("cmner_patterns", "target", "ents"),
        ("cmner_patterns", "source", "patterns"),
        ("cmner_assertion", "inputs", ["patterns"]),
    ],
)
def test_a_setting_of_a_component_in_use_is_another_pipeline(
    hybrid, monkeypatch, name, setting, value
):
    before = fingerprint_pipeline(hybrid)
    with monkeypatch.context() as patch:
        patch.setattr(hybrid.get_pipe(name), setting, value)
        changed = fingerprint_pipeline(hybrid)
    assert fingerprint_pipeline(hybrid) == before != changed


def test_other_terms_matches_and_components_are_another_pipeline(trained):
    nlp = tiny.hybrid(trained)
    prints = [fingerprint_pipeline(nlp)]
    dictionary = nlp.get_pipe("cmner_dictionary")
    dictionary.add_terms([("服药", "sym")])
    prints.append(fingerprint_pipeline(nlp))
    dictionary.add_stop_terms(["头晕"])
    prints.append(fingerprint_pipeline(nlp))
    dictionary.matcher.match = "all"
    prints.append(fingerprint_pipeline(nlp))
    dictionary.matcher.boundaries = create_word_boundaries()
    prints.append(fingerprint_pipeline(nlp))
    nlp.disable_pipe("cmner_assertion")
    prints.append(fingerprint_pipeline(nlp))
    assert len(set(prints)) == len(prints)


def test_other_weights_and_settings_are_another_pipeline(fresh, trained, tmp_path):
    before = fingerprint_pipeline(trained)
    list(trained.pipe(TEXTS))
    trained.to_disk(tmp_path)
    assert fingerprint_pipeline(spacy.load(tmp_path)) == fingerprint_pipeline(trained) == before
    override = {"components": {"cmner": {"threshold": 0.5}}}
    assert fingerprint_pipeline(spacy.load(tmp_path, config=override)) != before
    fresh.get_pipe("cmner").threshold = 0.5
    assert fingerprint_pipeline(fresh) != before
    fresh.get_pipe("cmner").threshold = 0.0
    assert fingerprint_pipeline(fresh) == before
    transitions = fresh.get_pipe("cmner").model.get_ref("transitions").get_param("transitions")
    transitions[0, 0] += 1e-3
    assert fingerprint_pipeline(fresh) != before


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


def test_two_runs_at_once_are_refused(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.jsonl"

    def second_run(items):
        with pytest.raises(CmnerError, match=r"CM152.*out\.jsonl\.lock.*another run"):
            annotate_corpus(nlp, source, out, overwrite=True)
        yield from items

    result = annotate_corpus(nlp, source, out, progress=second_run)
    assert (result.read, len(read_rows(out))) == (5, 5)


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_files_of_others_stay(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    out.write_text("mine")
    with pytest.raises(CmnerError, match="CM146"):
        annotate_corpus(nlp, source, out)
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", name]
    annotate_corpus(nlp, source, out, overwrite=True)
    assert b"mine" not in b"".join(contents(out).values())


def test_the_folder_that_one_is_in(nlp, tmp_path, monkeypatch):
    source, here = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with pytest.raises(CmnerError, match="CM146"):
        annotate_corpus(nlp, source, Path(), format="brat")
    annotate_corpus(nlp, source, Path(), format="brat", overwrite=True)
    assert [path.name for path in here.iterdir()] == ["part-000000"]
    assert (tmp_path / "here.state.json").is_file()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_others_beside_the_parts_stays(nlp, tmp_path, overwrite):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.parquet"
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, segment_characters=5, progress=stop_after(4))
    (out / "part-list.txt").write_text("mine")
    annotate_corpus(nlp, source, out, overwrite=overwrite)
    assert (out / "part-list.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_lost_output_is_noticed(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    with pytest.raises(StoppedError):
        annotate_corpus(nlp, source, out, segment_characters=5, progress=stop_after(4))
    (out if out.is_file() else out / "part-000000.parquet").unlink()
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_output_that_was_cut_short_is_noticed(nlp, tmp_path, format):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out"
    with pytest.raises(StoppedError):
        annotate_corpus(
            nlp, source, out, format=format, segment_characters=5, progress=stop_after(4)
        )
    written = out.read_bytes()
    out.write_bytes(written[:-1])
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out, format=format)
    assert out.read_bytes() == written[:-1]


@pytest.mark.parametrize("name", ["out.jsonl", "out.spacy"])
def test_a_full_disk_is_said_with_the_output_and_the_run_goes_on(nlp, tmp_path, monkeypatch, name):
    def fail(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    with monkeypatch.context() as patch:
        patch.setattr("spacy_cmner.annotation.sinks.sync", fail)
        with pytest.raises(OSError, match=re.escape(str(out))):
            annotate_corpus(nlp, source, out)
    annotate_corpus(nlp, source, out)
    annotate_corpus(nlp, source, tmp_path / "again" / name)
    assert contents(out) == contents(tmp_path / "again" / name)


@pytest.mark.parametrize("format", ["jsonl", "csv", "brat", "docbin"])
def test_parts_after_the_position_are_removed(tmp_path, format):
    """A kill may come when a part has its name and the checkpoint does not know it."""
    parts = create_part_folder(tmp_path / "out", format)
    parts.rewind(0)
    parts.write([SourceRecord("头痛")])
    expected = contents(parts.path)
    parts.write([SourceRecord("发热")])
    parts.draft("half", [SourceRecord("咳嗽")])
    again = create_part_folder(tmp_path / "out", format)
    again.rewind(1)
    assert contents(again.path) == expected


@pytest.mark.parametrize("format", ["jsonl", "csv", "brat", "docbin"])
def test_what_was_written_outlives_a_loss_of_power(tmp_path, monkeypatch, format):
    out = create_sink(tmp_path / "out", format)
    out.rewind(0)
    synced, sync = set(), os.fsync

    def record(descriptor):
        sync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", record)
    out.write([SourceRecord("头痛", entities=(Entity(0, 2, "sym"),))])
    paths = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    if os.name == "nt":  # where folders cannot be opened
        paths = [path for path in paths if path.is_file()]
    assert {path.stat().st_ino for path in paths} <= synced


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"read": 3}'])
def test_a_damaged_checkpoint_is_refused(nlp, tmp_path, content):
    out = tmp_path / "out.jsonl"
    beside(out, "state.json").write_text(content)
    with pytest.raises(CmnerError, match="CM148"):
        annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), out)


def test_an_unclear_format_is_refused(nlp, tmp_path):
    with pytest.raises(CmnerError, match=r"CM145.*jsonl, csv, parquet, brat, docbin"):
        annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "new" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_format_that_is_named_wins_over_the_ending(tmp_path):
    assert create_sink(tmp_path / "out.csv", "jsonl").kind == "JSON lines"
    assert create_sink(tmp_path / "out.csv").kind == "CSV"


def test_parquet_is_refused_before_anything_is_written(nlp, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CmnerError, match=r"CM144.*spacy-cmner\[parquet\]"):
        annotate_corpus(nlp, Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out.parquet")
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


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_lost_output_of_a_finished_run_is_noticed(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / name
    annotate_corpus(nlp, source, out)
    (out if out.is_file() else out / "part-000000.parquet").unlink()
    with pytest.raises(CmnerError, match="CM147"):
        annotate_corpus(nlp, source, out)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.spacy"])
def test_a_run_that_could_not_begin_does_not_stand_in_the_way(nlp, tmp_path, name):
    source, out = Source(write_texts(tmp_path / "in.jsonl", ["头痛"])), tmp_path / name
    with pytest.raises(CmnerError, match="CM405"):
        annotate_corpus(tiny.blank(), source, out)
    assert annotate_corpus(nlp, source, out).entities == 1


def test_a_folder_of_parts_becomes_a_file_when_asked(nlp, tmp_path):
    source, out = Source(write_texts(tmp_path / "in.jsonl")), tmp_path / "out"
    annotate_corpus(nlp, source, out, format="brat")
    annotate_corpus(nlp, source, out, format="jsonl", overwrite=True)
    assert len(read_rows(out)) == len(TEXTS)


def test_dates_of_parquet_are_written_as_text(nlp, tmp_path):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    days = [datetime.date(2024, 1, 2)]
    parquet.write_table(pyarrow.table({"text": ["头痛"], "day": days}), tmp_path / "in.parquet")
    for name in ("out.spacy", "out.jsonl"):
        annotate_corpus(nlp, Source(tmp_path / "in.parquet"), tmp_path / name)
    [record] = read_docbin(tmp_path / "out.spacy")
    [row] = read_rows(tmp_path / "out.jsonl")
    assert record.meta == row["meta"] == {"day": "2024-01-02"}
