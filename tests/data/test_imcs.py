import json

import pytest

from spacy_cmner.data.imcs import read_imcs
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Outcome, Report
from spacy_cmner.errors import CmnerError


def read(tmp_path, content):
    path = tmp_path / "imcs.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    report = Report()
    return list(read_imcs(path, report)), report


def test_sentences(tmp_path):
    item = {"speaker": "患者", "text": "有 痰", "BIO_label": "O O B-Symptom"}
    [record], report = read(tmp_path, [item])
    assert record.text == "有 痰"
    assert record.entities == (Entity(2, 3, "Symptom"),)
    assert record.meta == {"speaker": "患者"}
    assert not report.findings


def test_labels_in_a_list(tmp_path):
    [record], report = read(tmp_path, [{"text": "有 痰", "BIO_label": ["O", "O", "B-Symptom"]}])
    assert record.entities == (Entity(2, 3, "Symptom"),)
    assert not report.findings


def test_dialogues_of_the_official_file(tmp_path):
    sentence = {"speaker": "医生", "sentence": "痰多", "BIO_label": "B-Symptom I-Symptom"}
    [record], _ = read(tmp_path, {"17": {"self_report": "咳", "dialogue": [sentence]}})
    assert record.entities == (Entity(0, 2, "Symptom"),)
    assert record.meta == {"speaker": "医生", "dialogue": "17"}


def test_inside_without_beginning_is_repaired_and_reported(tmp_path):
    item = {"text": "痰多咳", "BIO_label": "I-Symptom I-Symptom I-Drug"}
    [record], report = read(tmp_path, [item])
    assert record.entities == (Entity(0, 2, "Symptom"), Entity(2, 3, "Drug"))
    assert [(f.outcome, f.code, f.number) for f in report.findings] == [
        (Outcome.REPAIRED, "CM132", 0),
        (Outcome.REPAIRED, "CM132", 0),
    ]


@pytest.mark.parametrize(
    "bad, code",
    [
        ({"text": "有痰", "BIO_label": "O"}, "CM130"),
        ({"text": "痰", "BIO_label": "S-Symptom"}, "CM131"),
        ({"text": "痰", "BIO_label": "B"}, "CM131"),
        ({"text": "痰"}, "CM121"),
        ({"text": "痰", "BIO_label": [0]}, "CM121"),
        ({"text": 3, "BIO_label": "O"}, "CM120"),
        ({"BIO_label": "O"}, "CM120"),
        (["痰"], "CM120"),
    ],
)
def test_bad_record_is_reported_and_the_others_kept(tmp_path, bad, code):
    records, report = read(
        tmp_path, [{"text": "", "BIO_label": ""}, bad, {"text": "咳", "BIO_label": "O"}]
    )
    assert [record.text for record in records] == ["", "咳"]
    assert [(f.outcome, f.code, f.number) for f in report.findings] == [(Outcome.SKIPPED, code, 1)]


def test_keys_of_another_data_set_are_named(tmp_path):
    _, report = read(tmp_path, [{"content": "痰"}, {"text": "痰", "tags": "O"}])
    text, labels = (finding.text for finding in report.findings)
    assert "no text or sentence; its keys are 'content'" in text
    assert "(BIO_label; its keys are 'text', 'tags')" in labels


@pytest.mark.parametrize("content", ["text", {"17": ["no dialogue"]}, {"17": {"dialogue": "a"}}])
def test_other_json_is_refused(tmp_path, content):
    with pytest.raises(CmnerError, match=r"CM104.*imcs\.json"):
        read(tmp_path, content)
