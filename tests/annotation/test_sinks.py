"""What comes out, in each format."""

import csv
import datetime
import json
import os
import sys
from pathlib import Path

import pytest
import spacy
import tiny
from hypothesis import given
from hypothesis import strategies as st
from runs import TEXTS, contents, expected, read_rows, write_rows, write_texts
from spacy.tokens import DocBin
from spacy.util import make_tempdir
from spacy.vocab import Vocab

from spacy_cmner.annotation.items import FoundEntity, SourceRecord
from spacy_cmner.annotation.runner import (
    annotate_corpus,
    with_entities,
)
from spacy_cmner.annotation.sinks import create_part_folder, create_sink
from spacy_cmner.annotation.sources import Source
from spacy_cmner.data.brat import read_brat
from spacy_cmner.data.corpus import read_docbin
from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Report
from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.source import read_sources
from spacy_cmner.tokenizer import replace_surrogates


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


@pytest.mark.parametrize("outer", ["R10", ""])
def test_docbin_tells_the_code_of_an_entity_from_that_of_one_inside(tmp_path, outer):
    out = create_part_folder(tmp_path / "out.spacy")
    out.rewind(0)
    entities = (FoundEntity(0, 5, "sym", kb_id=outer), FoundEntity(0, 3, "bod", kb_id="B7"))
    out.write([SourceRecord("右上腹剧痛", entities=entities)])
    [doc] = DocBin().from_disk(out.path / "part-000000.spacy").get_docs(Vocab())
    assert [ent.kb_id_ for ent in doc.ents] == [outer]
    assert [(span.text, span.kb_id_) for span in doc.spans["cmner"]] == [
        ("右上腹", "B7"),
        ("右上腹剧痛", outer),
    ]


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


def test_dates_of_parquet_are_written_as_text(nlp, tmp_path):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    days = [datetime.date(2024, 1, 2)]
    parquet.write_table(pyarrow.table({"text": ["头痛"], "day": days}), tmp_path / "in.parquet")
    for name in ("out.spacy", "out.jsonl"):
        annotate_corpus(nlp, Source(tmp_path / "in.parquet"), tmp_path / name)
    [record] = read_docbin(tmp_path / "out.spacy")
    [row] = read_rows(tmp_path / "out.jsonl")
    assert record.meta == row["meta"] == {"day": "2024-01-02"}
