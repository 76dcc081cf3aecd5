import json

from spacy_cmner.data.label_studio import read_label_studio
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Report


def value(start, end, text, *labels):
    return {
        "type": "labels",
        "value": {"start": start, "end": end, "text": text, "labels": list(labels)},
    }


def task(text, *annotations, **data):
    results = [
        a if isinstance(a, dict) else {"result": a, "was_cancelled": False} for a in annotations
    ]
    return {"id": 5, "data": {"text": text, **data}, "annotations": results}


def read(tmp_path, *tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    report = Report()
    return list(read_label_studio(path, report)), report


def test_export(tmp_path):
    result = [value(0, 2, "肺炎", "dis", "sym"), value(0, 1, "肺", "bod")]
    [record], report = read(tmp_path, task("肺炎", result, ward=3))
    assert record.entities == (Entity(0, 1, "bod"), Entity(0, 2, "dis"), Entity(0, 2, "sym"))
    assert (record.id, record.meta) == ("5", {"ward": 3})
    assert not report.findings


def test_utf16_offsets_are_put_right_where_the_text_proves_it(tmp_path):
    result = [value(3, 5, "肺炎", "dis"), value(0, 2, "😀", "face"), value(2, 4, "没有", "dis")]
    [record], report = read(tmp_path, task("😀见肺炎", result))
    assert record.entities == (Entity(0, 1, "face"), Entity(2, 4, "dis"))
    assert [f.code for f in report.findings] == ["CM138", "CM138", "CM125"]


def test_character_offsets_behind_an_emoji_stay(tmp_path):
    [record], report = read(tmp_path, task("😀见肺炎", [value(2, 4, "肺炎", "dis")]))
    assert record.entities == (Entity(2, 4, "dis"),)
    assert not report.findings


def test_blanks_may_differ_as_on_the_screen(tmp_path):
    text = "😀左肺\r\n结节，双侧  积液，少量 腹水"
    result = [
        value(1, 7, "左肺\\n\\n结节", "sym"),
        value(8, 14, "双侧 积液", "sym"),
        value(16, 21, "少量 腹水", "sym"),
        value(8, 14, "双肺 积液", "dis"),
    ]
    [record], report = read(tmp_path, task(text, result))
    found = [text[entity.start : entity.end] for entity in record.entities]
    assert found == ["左肺\r\n结节", "双侧  积液", "少量 腹水"]
    assert [f.code for f in report.findings] == ["CM138", "CM125"]


def test_offsets_that_give_the_same_blanks_are_preferred(tmp_path):
    [record], _ = read(tmp_path, task("😀 肺炎 。", [value(2, 5, " 肺炎", "dis")]))
    assert record.entities == (Entity(1, 4, "dis"),)


def test_the_ground_truth_is_read(tmp_path):
    first, second = [value(1, 2, "炎", "dis")], [value(0, 2, "肺炎", "dis")]
    reviewed = {"result": second, "was_cancelled": False, "ground_truth": True}
    [record], report = read(tmp_path, task("肺炎", first, reviewed))
    assert record.entities == (Entity(0, 2, "dis"),)
    assert [f.code for f in report.findings] == ["CM137"]


def test_utf16_offsets_that_leave_the_text_are_put_right(tmp_path):
    [record], report = read(tmp_path, task("见咬𬌗", [value(1, 4, "咬𬌗", "bod")]))
    assert record.entities == (Entity(1, 3, "bod"),)
    assert [finding.code for finding in report.findings] == ["CM138"]


def test_first_annotation_not_cancelled_is_read(tmp_path):
    cancelled = {"result": [value(0, 1, "肺", "bod")], "was_cancelled": True}
    second, third = [value(1, 2, "炎", "dis")], []
    [record], report = read(tmp_path, task("肺炎", cancelled, second, third))
    assert record.entities == (Entity(1, 2, "dis"),)
    assert [f.code for f in report.findings] == ["CM137"]
    assert not report.problems


def test_what_is_no_entity_is_reported(tmp_path):
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    [record], report = read(tmp_path, task("肺炎", [relation, value(0, 1, "肺")]))
    assert record.entities == ()
    assert [f.code for f in report.findings] == ["CM136", "CM122"]
    assert record.missing == {0}


def test_what_should_be_a_list_and_is_none_is_reported(tmp_path):
    faulty = [
        value(0, 2, "肺炎") | {"value": {"start": 0, "end": 2, "labels": labels}}
        for labels in (True, 5, "dis", {"dis": 1})
    ]
    [record], report = read(tmp_path, task("肺炎", faulty), task("肺炎") | {"annotations": 5})
    assert not record.entities and record.missing == {0, 1}
    assert [f.code for f in report.findings] == ["CM122"] * 4 + ["CM121"]


def test_bad_tasks_are_reported_and_the_others_kept(tmp_path):
    tasks = ["肺", {"data": "肺"}, task("肺"), task(None, []), task("肺", [])]
    [record], report = read(tmp_path, *tasks)
    assert record.number == 4
    assert [(f.code, f.number) for f in report.findings] == [
        ("CM120", 0),
        ("CM120", 1),
        ("CM121", 2),
        ("CM120", 3),
    ]


def test_keys_of_another_data_set_are_named(tmp_path):
    tasks = [
        {"text": "肺"},
        {"data": {"content": "肺"}},
        {"data": {"text": "肺"}, "completions": []},
    ]
    _, report = read(tmp_path, *tasks)
    for finding, key in zip(report.findings, ("text", "content", "completions"), strict=True):
        assert "its keys are" in finding.text and f"'{key}'" in finding.text


def test_hypertext_has_its_places_in_global_offsets(tmp_path):
    value = {
        "start": "/p[1]/text()[1]",
        "end": "/p[1]/text()[1]",
        "globalOffsets": {"start": 2, "end": 4},
        "text": "发热",
        "hypertextlabels": ["sym"],
    }
    lost = {key: value[key] for key in value if key != "globalOffsets"}
    results = [{"type": "hypertextlabels", "value": each} for each in (value, lost)]
    path = tmp_path / "export.json"
    task = {"data": {"text": "患儿发热。"}, "annotations": [{"result": results}]}
    path.write_text(json.dumps([task]), encoding="utf-8")
    report = Report()
    [record] = read_label_studio(path, report)
    assert record.entities == (Entity(2, 4, "sym"),)
    assert [finding.code for finding in report.problems] == ["CM122"]
