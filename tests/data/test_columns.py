import pytest

from spacy_cmner.data.columns import read_columns
from spacy_cmner.data.records import Entity
from spacy_cmner.data.report import Outcome, Report


def read(tmp_path, content, **options):
    path = tmp_path / "columns.txt"
    path.write_bytes(content.encode())
    report = Report()
    return list(read_columns(path, report, **options)), report


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n", "-DOCSTART- O\n\n"])
@pytest.mark.parametrize("separator", [" ", "\t", "  ", " n 3 "])
def test_layouts(tmp_path, newline, start, separator):
    content = f"{start}肺{separator}B-dis\n炎{separator}I-dis\n\n\n咳{separator}O\n"
    records, report = read(tmp_path, content.replace("\n", newline))
    assert [(r.text, r.entities) for r in records] == [("肺炎", (Entity(0, 2, "dis"),)), ("咳", ())]
    assert not report.findings


@pytest.mark.parametrize("between", ["", " ", " \t"])
def test_number_is_the_first_line(tmp_path, between):
    records, _ = read(tmp_path, f"\n肺 O\n炎 O\n{between}\n咳 O")
    assert [record.number for record in records] == [2, 5]


@pytest.mark.parametrize("blank", [" O", "  O", "\tO", "\t\tO", " \tO"])
def test_blank_as_token(tmp_path, blank):
    [record], report = read(tmp_path, f"肺 B-dis\n{blank}\n炎 B-dis\n")
    assert record.text == f"肺{blank[0]}炎"
    assert record.entities == (Entity(0, 1, "dis"), Entity(2, 3, "dis"))
    assert not report.findings


def test_unicode_whitespace_is_a_token(tmp_path):
    [record], _ = read(tmp_path, "\u3000 O\n\u2028 O\n\x85 O\n")
    assert record.text == "\u3000\u2028\x85"


def test_token_of_several_characters(tmp_path):
    [record], _ = read(tmp_path, "2019 O\nSARS B-dis\n病 I-dis\n")
    assert record.text == "2019SARS病"
    assert record.entities == (Entity(4, 9, "dis"),)


def test_scheme_is_seen_or_given(tmp_path):
    content = "肺 B-dis\n炎 E-dis\n\n咳 S-sym\n\n肺 B-dis\n"
    records, report = read(tmp_path, content)
    assert [r.entities for r in records] == [
        (Entity(0, 2, "dis"),),
        (Entity(0, 1, "sym"),),
        (Entity(0, 1, "dis"),),
    ]
    assert [(f.code, f.number) for f in report.findings] == [("CM132", 6)]
    records, report = read(tmp_path, content, scheme="bio")
    assert [record.number for record in records] == [6]
    assert [(f.code, f.number) for f in report.findings] == [("CM131", 1), ("CM131", 4)]


def test_a_label_in_another_column_is_pointed_at(tmp_path):
    records, report = read(tmp_path, "见 n O 1\n\n肺 O y 0.5\n\n炎 n y x\n")
    assert not records
    assert [finding.code for finding in report.findings] == ["CM166"] * 3
    assert "line 3: '0.5', the last of 4 fields" in report.findings[1].text
    assert "field 2 looks like a label" in report.findings[1].text
    assert "looks like" not in report.findings[2].text


def test_another_number_of_columns_than_usual_is_doubtful(tmp_path):
    [record], report = read(tmp_path, "见 O\n肺 炎 B-dis\n。 O\n")
    assert record.text == "见肺。"
    [finding] = report.problems
    assert (finding.code, finding.outcome) == ("CM167", Outcome.DOUBTFUL)
    assert "line 2: '肺 炎 B-dis' has 3 fields, other lines have 2" in finding.text


def test_a_sentence_in_one_token_is_doubtful(tmp_path):
    text = (
        "-DOCSTART- -X- O\n患儿发热，无咳嗽。 -X- _ B-sym\n\n无殊，出院。 -X- _ O\n， -X- _ B-sym\n"
    )
    [first, second], report = read(tmp_path, text)
    assert (first.text, second.text) == ("患儿发热，无咳嗽。", "无殊，出院。，")
    [finding] = report.problems
    assert (finding.code, finding.outcome) == ("CM171", Outcome.DOUBTFUL)
    assert "line 2: '患儿发热，无咳嗽。 -X- _ B-sym'" in finding.text


def test_line_without_label(tmp_path):
    [record], report = read(tmp_path, "咳 O\n肺\n\n炎 O\n")
    assert record.text == "炎"
    [finding] = report.findings
    assert (finding.code, finding.number) == ("CM133", 1)
    assert "line 2: '肺'" in finding.text
