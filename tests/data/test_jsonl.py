import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_strategies import records

from spacy_cmner.data.jsonl import read_jsonl, write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Report


def read(tmp_path, *lines):
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    report = Report()
    return list(read_jsonl(path, report)), report


@given(st.lists(records(), max_size=4))
def test_round_trip(tmp_path_factory, originals):
    path = tmp_path_factory.mktemp("jsonl") / "new" / "data.jsonl"
    write_jsonl(originals, path)
    report = Report()
    assert list(read_jsonl(path, report)) == originals
    assert not report.findings


def test_lone_surrogates_in_ids_and_meta_are_replaced(tmp_path):
    path = tmp_path / "data.jsonl"
    write_jsonl([Record("肺", id="\udcb2", meta={"note": "\ud83d"})], path)
    [record] = read_jsonl(path, Report())
    assert (record.id, record.meta) == ("\ufffd", {"note": "\ufffd"})


@pytest.mark.parametrize(
    "annotation",
    [
        {"label": [[0, 1, "bod"], [0, 2, "dis"]]},
        {"labels": [[0, 1, "bod"], [0, 2, "dis"]]},
        {"entities": [[0, 1, "bod"], [0, 2, "dis"]]},
        {
            "entities": [
                {"start": s, "end": e, "label": t} for s, e, t in [(0, 1, "bod"), (0, 2, "dis")]
            ]
        },
        {
            "entities": [
                {"id": 1, "label": "bod", "start_offset": 0, "end_offset": 1},
                {"id": 2, "label": "dis", "start_offset": 0, "end_offset": 2},
            ]
        },
    ],
)
def test_layouts(tmp_path, annotation):
    item = {"id": 7, "text": "肺炎", "Comments": [], "meta": {"ward": 3}, **annotation}
    [record], report = read(tmp_path, json.dumps(item), "")
    assert record.entities == (Entity(0, 1, "bod"), Entity(0, 2, "dis"))
    assert record.id == "7"
    assert record.meta == {"Comments": [], "ward": 3}
    assert not report.findings


@pytest.mark.parametrize(
    "bad, code",
    [
        ('{"text": "肺"', "CM134"),
        ('{"text": "肺", "id": ' + "9" * 5000 + "}", "CM134"),
        ("[" * 100_000, "CM134"),
        ("[]", "CM120"),
        ('{"text": "肺"}', "CM121"),
        ('{"entities": []}', "CM120"),
    ],
)
def test_bad_line_is_reported_and_the_others_kept(tmp_path, bad, code):
    good = '{"text": "炎", "entities": []}'
    kept, report = read(tmp_path, good, bad, "", good)
    assert [record.number for record in kept] == [1, 4]
    assert [(f.code, f.number) for f in report.findings] == [(code, 2)]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_file_may_be_one_list(tmp_path, indent):
    items = [{"text": "肺炎", "entities": [[0, 2, "dis"]]}, 3, {"text": "炎", "entities": []}]
    kept, report = read(tmp_path, "", json.dumps(items, indent=indent))
    assert [(record.number, record.text) for record in kept] == [(1, "肺炎"), (3, "炎")]
    assert [(f.code, f.number) for f in report.findings] == [("CM120", 2)]


def test_a_list_that_is_cut_off_is_read_by_lines(tmp_path):
    kept, report = read(tmp_path, "[", '{"text": "炎", "entities": []}', '{"text": "肺"')
    assert [record.text for record in kept] == ["炎"]
    assert [f.code for f in report.findings] == ["CM134", "CM134"]


@pytest.mark.parametrize("bad", [[0, 1], [0, 1, "bod", 3], ["0", 1, "bod"], 3, {"label": "bod"}])
def test_bad_entity_is_reported_and_the_record_kept(tmp_path, bad):
    [record], report = read(tmp_path, json.dumps({"text": "肺炎", "label": [bad, [0, 1, "bod"]]}))
    assert record.entities == (Entity(0, 1, "bod"),)
    assert [f.code for f in report.findings] == ["CM122"]


def test_the_form_of_ccks(tmp_path):
    entity = {"start_pos": 1, "end_pos": 3, "label_type": "疾病和诊断", "overlap": 0}
    [record], report = read(tmp_path, json.dumps({"originalText": "见肺炎", "entities": [entity]}))
    assert (record.text, record.entities) == ("见肺炎", (Entity(1, 3, "疾病和诊断"),))
    assert record.meta == {}
    assert not report.findings


def test_keys_of_another_data_set_are_named(tmp_path):
    entity = {"start_idx": 1, "end_idx": 2, "type": "dis"}
    lines = [{"text": "见肺炎", "entities": [entity]}, {"text": "见肺炎", "spans": []}, {"t": "见"}]
    _, report = read(tmp_path, *map(json.dumps, lines))
    assert [finding.code for finding in report.findings] == ["CM122", "CM121", "CM120"]
    for finding, keys in zip(report.findings, ["'end_idx', 'type'", "'spans'", "'t'"], strict=True):
        assert "its keys are" in finding.text and keys in finding.text


def test_blanks_around_types_are_removed_and_reported(tmp_path):
    entities = [[0, 1, " dis"], [1, 2, "dis\u3000"], [1, 2, "dis"], [0, 2, "药 物"], [0, 2, " "]]
    [record], report = read(tmp_path, json.dumps({"text": "肺炎", "entities": entities}))
    assert record.entities == (Entity(0, 1, "dis"), Entity(0, 2, "药 物"), Entity(1, 2, "dis"))
    assert [f.code for f in report.problems] == ["CM163", "CM163", "CM126", "CM122"]
    assert "0–1 dis had blanks around its type, ' dis'" in report.findings[0].text


def test_line_separator_inside_a_string_ends_no_line(tmp_path):
    [record], report = read(tmp_path, '{"text": "肺\u2028炎", "entities": []}\r')
    assert record.text == "肺\u2028炎"
    assert not report.findings


def test_what_doccano_exports_counts_utf16_units(tmp_path):
    text = "𬌗面😀见龋洞"
    item = {"text": text, "label": [[0, 3, "bod"], [6, 8, "dis"], [6, 9, "dis"]], "Comments": []}
    entities = [{"start_offset": 6, "end_offset": 8, "label": "dis"}]
    relations = {"text": text, "entities": entities, "relations": [], "Comments": []}
    records, report = read(tmp_path, json.dumps(item), json.dumps(relations))
    found = [[text[e.start : e.end] for e in record.entities] for record in records]
    assert found == [["𬌗面", "龋洞"], ["龋洞"]]
    assert [finding.code for finding in report.findings] == ["CM138", "CM138", "CM124", "CM138"]


def test_labels_that_were_imported_do_not_stand_in_for_what_people_marked(tmp_path):
    item = {"text": "未见肺炎", "label": [[2, 4, "dis"]], "entities": [], "relations": []}
    [record], report = read(tmp_path, json.dumps(item))
    assert record.entities == ()
    assert record.meta["label"] == item["label"]
    assert not report.findings


def test_an_empty_list_does_not_hide_the_labels(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "见肺炎", "entities": [], "label": [[1, 3, "dis"]]}\n')
    [record] = read_jsonl(path, Report(path))
    assert record.entities == (Entity(1, 3, "dis"),)


@pytest.mark.parametrize("key", ["text", "mention", "entity"])
def test_an_entity_whose_own_text_is_elsewhere_is_left_out(tmp_path, key):
    entities = [
        {"start": 1, "end": 2, "label": "dis", key: "肺炎"},  # its end is inclusive
        {"start_offset": 4, "end_offset": 8, "label": "dis", key: "肺 气肿"},
        {"start_offset": 4, "end_offset": 5, "label": "bod", key: 3},
    ]
    [record], report = read(
        tmp_path, json.dumps({"text": "见肺炎、肺\n气肿", "entities": entities})
    )
    assert record.entities == (Entity(4, 5, "bod"), Entity(4, 8, "dis"))
    assert record.missing == {1, 2}
    assert [finding.code for finding in report.findings] == ["CM125"]


def test_characters_count_in_other_records_that_tell_a_certainty(tmp_path):
    item = {"text": "😀见肺炎", "entities": [[2, 4, "dis"]], "certainty": 0.5}
    [record], report = read(tmp_path, json.dumps(item))
    assert record.entities == (Entity(2, 4, "dis"),) and not report.findings


def test_an_own_text_is_held_against_mended_offsets(tmp_path):
    entity = {"start_offset": 3, "end_offset": 5, "label": "dis", "text": "肺炎"}
    item = {"text": "😀见肺炎", "entities": [entity], "Comments": []}
    [record], report = read(tmp_path, json.dumps(item))
    assert record.entities == (Entity(2, 4, "dis"),)
    assert [finding.code for finding in report.findings] == ["CM138"]


def test_what_stands_in_the_place_of_the_entities_is_told(tmp_path):
    item = {"text": "肺炎", "label": {"dis": {"肺炎": [[0, 1]]}}}
    _, report = read(tmp_path, json.dumps(item))
    [finding] = report.findings
    assert finding.code == "CM121" and "its 'label' is {'dis'" in finding.text
