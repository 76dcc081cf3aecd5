import json
import zlib

import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from record_strategies import records

from spacy_cmner.data.corpus import FORMATS, convert, read_docbin, subsample, write_docbin
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import CmnerError, CmnerWarning

NESTED = Record("见肺部炎", (Entity(1, 3, "bod"), Entity(1, 4, "dis")), id="a", meta={"ward": [3]})
EMPTY = Record("无痰", id="b")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.jsonl"
    write_jsonl([NESTED, EMPTY], path)
    return path


@given(st.lists(records(partial=True), max_size=3))
def test_docbin_round_trip(tmp_path_factory, originals):
    path = tmp_path_factory.mktemp("docbin") / "new" / "gold.spacy"
    write_docbin(originals, path)
    assert list(read_docbin(path)) == originals


def test_convert(source, tmp_path):
    out = tmp_path / "gold.spacy"
    report = convert(source, "jsonl", out)
    assert list(read_docbin(out)) == [NESTED, EMPTY]
    assert (report.records, report.entities, report.source) == (2, 2, source)
    assert report.count(Outcome.FLATTENED, Item.ENTITY) == 1


def test_labels_restrict_and_are_reported(source, tmp_path):
    out = tmp_path / "gold.spacy"
    report = convert(source, "jsonl", out, labels=["bod"])
    assert [record.entities for record in read_docbin(out)] == [(Entity(1, 3, "bod"),), ()]
    assert [(f.code, f.number) for f in report.findings] == [("CM127", 1)]
    assert report.count(Outcome.UNWANTED, Item.ENTITY) == 1
    assert not report.problems
    assert "unwanted" in report.summary()


@pytest.mark.parametrize("flatten, label", [("longest", "dis"), ("shortest", "bod")])
def test_flatten_is_passed_on(source, tmp_path, flatten, label):
    report = convert(source, "jsonl", tmp_path / "gold.spacy", flatten=flatten)
    assert f"overlaps {Entity(1, 4 if label == 'dis' else 3, label)}" in report.findings[0].text


def test_blanks_at_the_ends_of_entities_are_taken_off(tmp_path):
    source, out = tmp_path / "source.jsonl", tmp_path / "gold.spacy"
    text = "见 胃 炎\n，咳　"
    marked = [Entity(1, 6, "dis"), Entity(7, 9, "sym"), Entity(7, 8, "sym"), Entity(8, 9, "X")]
    write_jsonl([EMPTY, Record(text, tuple(marked))], source)
    report = convert(source, "jsonl", out)
    trimmed = Record(text, (Entity(2, 5, "dis"), Entity(7, 8, "sym")))
    assert list(read_docbin(out)) == [EMPTY, trimmed]
    assert [(f.code, f.outcome, f.number) for f in report.findings] == [
        ("CM172", Outcome.REPAIRED, 2),
        ("CM172", Outcome.REPAIRED, 2),
        ("CM173", Outcome.SKIPPED, 2),
    ]
    assert "1–6 dis has blanks at its ends. It is kept as 2–5 dis" in report.findings[0].text


def test_blanks_in_entities_that_are_not_wanted_are_no_problem(tmp_path):
    source, out = tmp_path / "source.jsonl", tmp_path / "gold.spacy"
    entities = (Entity(0, 2, "bod"), Entity(2, 4, "sym"), Entity(5, 6, "sym"))
    write_jsonl([Record("胃 痛 ， ", entities)], source)
    report = convert(source, "jsonl", out, labels=["bod"])
    assert [record.entities for record in read_docbin(out)] == [(Entity(0, 1, "bod"),)]
    assert [f.code for f in report.problems] == ["CM172"]
    assert report.count(Outcome.UNWANTED, Item.ENTITY) == 2


def test_texts_without_entities_are_kept_whatever_types_are_wanted(tmp_path):
    source, out = tmp_path / "source.jsonl", tmp_path / "gold.spacy"
    write_jsonl([EMPTY], source)
    with pytest.warns(CmnerWarning, match="CM118.*bod"):
        convert(source, "jsonl", out, labels=["bod"])
    assert list(read_docbin(out)) == [EMPTY]


def test_limit_is_reported(source, tmp_path):
    report = convert(source, "jsonl", tmp_path / "gold.spacy", limit=1)
    assert (report.records, report.left_out) == (1, 1)


def test_subsample_is_nested_ordered_and_of_the_asked_size():
    originals = [Record("咳", id=str(i)) for i in range(100)]
    small = subsample(originals, fraction=0.1, seed=3)
    large = subsample(originals, fraction=0.5, seed=3)
    assert (len(small), len(large)) == (10, 50)
    assert [r for r in large if r in small] == small
    assert large == sorted(large, key=lambda r: int(r.id))
    assert subsample(originals, fraction=0.1, seed=4) != small
    assert subsample(originals, limit=3) == originals[:3]


@pytest.mark.parametrize("fraction", [0, -1, 1.1, float("nan")])
def test_impossible_fraction(fraction):
    with pytest.raises(CmnerError, match="CM109"):
        subsample([EMPTY], fraction=fraction)


def test_unknown_format(source, tmp_path):
    with pytest.raises(CmnerError, match=r"CM107.*xml.*cmeee"):
        convert(source, "xml", tmp_path / "gold.spacy")


def test_wrong_format_writes_nothing(tmp_path):
    source, out = tmp_path / "cmeee.json", tmp_path / "gold.spacy"
    source.write_text(json.dumps([{"text": "肺", "entities": []}]), encoding="utf-8")
    with pytest.raises(CmnerError, match=r"CM106.*cmeee\.json.*'imcs' \(1 skipped\).*BIO_label"):
        convert(source, "imcs", out)
    assert not out.exists()


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("format", [format for format in FORMATS if format != "brat"])
def test_empty_file(tmp_path, format, content):
    source = tmp_path / "empty.txt"
    source.write_text(content, encoding="utf-8")
    with pytest.raises(CmnerError, match=r"^\[CM165\].*empty.txt is empty"):
        convert(source, format, tmp_path / "gold.spacy")


def test_empty_folder(tmp_path):
    with pytest.raises(CmnerError, match="CM165"):
        convert(tmp_path, "brat", tmp_path / "gold.spacy")


def test_the_format_that_fits_is_named(tmp_path):
    source = tmp_path / "a.jsonl"
    write_jsonl([EMPTY, NESTED], source)
    with pytest.raises(CmnerError, match=r"CM106.*the format that it has \(jsonl\)"):
        convert(source, "columns", tmp_path / "gold.spacy")


def test_doubled_ids_are_reported_and_kept(tmp_path):
    source, out = tmp_path / "a.jsonl", tmp_path / "gold.spacy"
    originals = [Record("肺", id="a"), Record("炎", id="b"), Record("咳", id="a"), Record("痰")] * 2
    write_jsonl(originals, source)
    report = convert(source, "jsonl", out)
    assert list(read_docbin(out)) == originals
    assert [(f.code, f.outcome, f.number) for f in report.problems] == [
        ("CM164", Outcome.DOUBTFUL, 1),
        ("CM164", Outcome.DOUBTFUL, 2),
    ]
    assert "4 records have its id 'a'" in report.findings[0].text


def test_what_is_missing_reaches_the_docbin_and_is_counted(tmp_path):
    source, out = tmp_path / "a.jsonl", tmp_path / "gold.spacy"
    lines = ['{"text": "见肺炎", "entities": [[1, 3, ""]]}', '{"text": "咳", "entities": []}']
    source.write_text("\n".join(lines), encoding="utf-8")
    report = convert(source, "jsonl", out)
    assert [record.missing for record in read_docbin(out)] == [{1, 2}, frozenset()]
    assert report.missing == 2
    assert "2 characters" in report.summary()


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_names_a_missing_source(format, tmp_path):
    with pytest.raises(CmnerError, match=r"CM101.*none"):
        convert(tmp_path / "none", format, tmp_path / "gold.spacy")


EMPTY_BYTES = dict.fromkeys(("lengths", "spaces", "tokens"), b"")
OTHER_MSGPACK = [{}, [1, 2], 7, None, {"attrs": 1, "strings": 2}]
OTHER_MSGPACK.append({"attrs": [], "strings": [], **EMPTY_BYTES})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a DocBin",
        zlib.compress(b"not msgpack"),
        *(zlib.compress(srsly.msgpack_dumps(other)) for other in OTHER_MSGPACK),
    ],
)
def test_not_a_docbin(tmp_path, content):
    path = tmp_path / "bad.spacy"
    path.write_bytes(content)
    with pytest.raises(CmnerError, match=r"CM112.*bad\.spacy"):
        list(read_docbin(path))


def test_missing_docbin(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        list(read_docbin(tmp_path / "none.spacy"))


def test_report_counts_what_is_written(tmp_path):
    report = Report()
    write_docbin([NESTED, EMPTY], tmp_path / "gold.spacy", report=report)
    assert (report.records, report.entities) == (2, 2)


def test_the_source_is_not_written_over(tmp_path):
    path = tmp_path / "a.jsonl"
    write_jsonl([Record("肺炎")], path)
    with pytest.raises(CmnerError, match="CM157"):
        convert(path, "jsonl", path)
    assert path.read_text(encoding="utf-8").startswith("{")


def test_the_docbins_of_a_folder_are_read_as_one(tmp_path):
    records = [Record(f"{i}期肺炎", (Entity(2, 4, "dis"),)) for i in range(6)]
    for i, record in enumerate(records):
        write_docbin([record], tmp_path / (f"b.spacy/part-{i:06}.spacy" if i else "a.spacy"))
    assert list(read_docbin(tmp_path)) == records
    (tmp_path / "none").mkdir()
    with pytest.raises(CmnerError, match="CM116"):
        list(read_docbin(tmp_path / "none"))
