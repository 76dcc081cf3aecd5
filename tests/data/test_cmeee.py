import json

import pytest

from spacy_cmner.data.cmeee import read_cmeee
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Outcome, Report
from spacy_cmner.errors import CmnerError


def read(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "cmeee.json"
    path.write_bytes(json.dumps(content).encode(encoding))
    report = Report()
    return list(read_cmeee(path, report)), report


def entity(start, end, type_, surface):
    return {"start_idx": start, "end_idx": end, "type": type_, "entity": surface}


def test_end_is_inclusive_and_nested_are_kept(tmp_path):
    item = {
        "text": "患儿肺部炎",
        "entities": [entity(2, 4, "sym", "肺部炎"), entity(2, 3, "bod", "肺部")],
    }
    [record], report = read(tmp_path, [item])
    assert record.entities == (Entity(2, 4, "bod"), Entity(2, 5, "sym"))
    assert not report.findings


def test_text_may_start_with_a_byte_order_mark(tmp_path):
    [record], report = read(
        tmp_path, [{"text": "\ufeff肺", "entities": [entity(1, 1, "bod", "肺")]}]
    )
    assert record.text == "\ufeff肺"
    assert record.entities == (Entity(1, 2, "bod"),)
    assert not report.findings


@pytest.mark.parametrize(
    "bad, code, outcome",
    [
        (entity(2, 1, "bod", ""), "CM123", Outcome.SKIPPED),
        (entity(0, 9, "bod", "肺"), "CM124", Outcome.MISALIGNED),
        (entity(-1, 0, "bod", "肺"), "CM124", Outcome.MISALIGNED),
        (entity(0, 0, "bod", "炎"), "CM125", Outcome.MISALIGNED),
        (entity("0", 0, "bod", "肺"), "CM122", Outcome.SKIPPED),
        (entity(True, 0, "bod", "肺"), "CM122", Outcome.SKIPPED),
        (entity(0, True, "bod", "肺炎"), "CM122", Outcome.SKIPPED),
        (entity(0, 0, None, "肺"), "CM122", Outcome.SKIPPED),
        ("肺", "CM122", Outcome.SKIPPED),
        (entity(1, 1, "dis", "炎"), "CM126", Outcome.SKIPPED),
    ],
)
def test_bad_entity_is_reported_and_the_record_kept(tmp_path, bad, code, outcome):
    good = entity(1, 1, "dis", "炎")
    records, report = read(
        tmp_path, [{"text": "无", "entities": []}, {"text": "肺炎", "entities": [good, bad]}]
    )
    assert [record.entities for record in records] == [(), (Entity(1, 2, "dis"),)]
    [finding] = report.findings
    assert (finding.code, finding.outcome, finding.number) == (code, outcome, 1)


@pytest.mark.parametrize(
    "bad, code",
    [
        ("肺炎", "CM120"),
        ({"text": None, "entities": []}, "CM120"),
        ({"entities": []}, "CM120"),
        ({"text": "肺炎"}, "CM121"),
        ({"text": "肺炎", "entities": None}, "CM121"),
    ],
)
def test_bad_record_is_reported_and_the_others_kept(tmp_path, bad, code):
    records, report = read(tmp_path, [bad, {"text": "炎", "entities": []}])
    assert [(record.text, record.number) for record in records] == [("炎", 1)]
    assert [(f.code, f.number) for f in report.findings] == [(code, 0)]


@pytest.mark.parametrize(
    "bad, missing",
    [
        (entity(3, 4, "dis", "炎见"), {2, 3, 4}),
        (entity(4, 9, "dis", "肺炎"), {1, 2, 4, 5}),
        (entity(1, 2, " ", "肺炎"), {1, 2}),
        (entity(0, 0, " ", "见"), {0}),
        ({"start_idx": 1, "end_idx": 2, "label": "dis"}, {1, 2}),
        (entity(2, 1, "dis", ""), set()),
        (entity("1", 2, "dis", None), set()),
        ("肺炎", set()),
    ],
)
def test_where_an_entity_left_out_may_lie_nothing_is_taught(tmp_path, bad, missing):
    item = {"text": "见肺炎见肝炎", "entities": [bad, entity(5, 5, "bod", "炎")]}
    [record], _ = read(tmp_path, [item])
    assert record.entities == (Entity(5, 6, "bod"),)
    assert record.missing == missing - {5}


def test_keys_of_another_data_set_are_named(tmp_path):
    ours = {"text": "见肺炎", "entities": [{"start": 1, "end": 3, "label": "dis"}]}
    ccks = {"originalText": "见肺炎", "entities": []}
    _, report = read(tmp_path, [ours, ccks, {"text": "见肺炎", "label": []}])
    entity_, text, entities = (finding.text for finding in report.findings)
    assert "no start_idx, no end_idx, no type; its keys are 'start', 'end', 'label'" in entity_
    assert "no text; its keys are 'originalText', 'entities'" in text
    assert "(entities; its keys are 'text', 'label')" in entities


def test_lone_surrogates_are_replaced_and_reported(tmp_path):
    item = {"text": "\ud800肺", "entities": [entity(0, 1, "bod", "\ud800肺")]}
    [record], report = read(tmp_path, [item])
    assert record.text == "\ufffd肺"
    assert record.entities == (Entity(0, 2, "bod"),)
    assert [(f.code, f.outcome) for f in report.findings] == [("CM129", Outcome.REPAIRED)]


def test_long_text_is_kept_whole(tmp_path):
    text = "肺" * 20_000
    [record], report = read(
        tmp_path, [{"text": text, "entities": [entity(19_999, 19_999, "bod", "肺")]}]
    )
    assert record.text == text
    assert not report.findings
    assert record.entities == (Entity(19_999, 20_000, "bod"),)


@pytest.mark.parametrize(
    "content, message",
    [
        (b'[{"text": "a",]', "CM103.*cmeee.json.*line 1 column 15"),
        (b"[" + b"9" * 5000 + b"]", "CM103.*cmeee.json.*digits"),
        (b"[" * 100_000, "CM103.*cmeee.json.*recursion"),
        (b"", "CM165.*cmeee.json is empty"),
        (b"\xef\xbb\xbf \n", "CM165.*cmeee.json is empty"),
        (b'{"text": "a"}', "CM104.*a JSON dict.*'jsonl'"),
        ('[{"text": "肺炎"}]'.encode("gb18030"), "CM102.*cmeee.json.*byte 11.*gb18030"),
    ],
)
def test_unreadable_file(tmp_path, content, message):
    path = tmp_path / "cmeee.json"
    path.write_bytes(content)
    with pytest.raises(CmnerError, match=message):
        list(read_cmeee(path, Report()))


def test_other_encoding_can_be_named(tmp_path):
    path = tmp_path / "cmeee.json"
    path.write_bytes('[{"text": "肺炎", "entities": []}]'.encode("gb18030"))
    [record] = read_cmeee(path, Report(), encoding="gb18030")
    assert record.text == "肺炎"
    with pytest.raises(CmnerError, match=r"CM114.*klingon"):
        list(read_cmeee(path, Report(), encoding="klingon"))


def test_missing_file(tmp_path):
    with pytest.raises(CmnerError, match=r"CM101.*none\.json"):
        list(read_cmeee(tmp_path / "none.json", Report()))
