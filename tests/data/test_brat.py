import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_strategies import records

from spacy_cmner.annotation.items import FoundEntity
from spacy_cmner.data.brat import read_brat, write_brat
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import CmnerError


def read(tmp_path, text, ann):
    (tmp_path / "a.txt").write_bytes(text.encode())
    (tmp_path / "a.ann").write_bytes(ann.encode())
    report = Report()
    return list(read_brat(tmp_path, report)), report


@given(st.lists(records(labels=["bod", "X"], ids=st.none(), metas=st.just({})), max_size=4))
def test_round_trip(tmp_path_factory, originals):
    folder = tmp_path_factory.mktemp("brat")
    write_brat(originals, folder)
    report = Report()
    found = list(read_brat(folder, report))
    assert [(r.text, r.entities) for r in found] == [(r.text, r.entities) for r in originals]
    assert [r.id for r in found] == [f"{i:06}" for i in range(1, len(originals) + 1)]
    assert not report.findings


def test_folders_and_ids(tmp_path):
    write_brat([Record("肺炎", (Entity(0, 2, "dis"),), id="v1.2 b")], tmp_path / "ward")
    [record] = read_brat(tmp_path, Report())
    assert record.id == "ward/v1.2 b"


def test_line_breaks_count_as_brat_counts_them(tmp_path):
    [record], report = read(tmp_path, "\ufeff咳\r\n肺\n炎", "T1\tdis 4 7\t肺 炎\n")
    assert record.entities == (Entity(4, 7, "dis"),)
    assert record.text[4:7] == "肺\n炎"
    assert not report.findings


def test_the_text_of_an_entity_need_not_be_repeated(tmp_path):
    [record], report = read(tmp_path, "肺炎", "T1\tdis 0 2\n")
    assert record.entities == (Entity(0, 2, "dis"),)
    assert not report.findings


def test_what_is_no_whole_entity_is_reported(tmp_path):
    ann = (
        "T1\tdis 0 1;2 3\t肺 炎\nT2\tbod 0 1\t肺\n"
        "R1\tin Arg1:T1 Arg2:T2\n#1\tNote T1\tok\n\nT3 bod\n"
    )
    [record], report = read(tmp_path, "肺叶炎", ann)
    assert record.entities == (Entity(0, 1, "bod"),)
    assert [f.code for f in report.findings] == ["CM135", "CM136", "CM122"]
    assert [f.code for f in report.problems] == ["CM135", "CM122"]
    assert record.missing == {1, 2}  # the entity in pieces would have held them


@pytest.mark.parametrize(
    "line",
    [
        "R1\tin Arg1:T1 Arg2:T1",
        "E1\tdis:T1",
        "A1\tneg T1",
        "M1\tneg T1",
        "*\tEquiv T1 T2",
        "N1\tReference T1 ICD:J18\t肺炎",
    ],
)
def test_what_brat_knows_is_no_fault(tmp_path, line):
    _, report = read(tmp_path, "肺炎", f"T1\tdis 0 2\t肺炎\n{line}\n#1\tNote T1\tok\n \n")
    assert report.count(Outcome.SKIPPED, Item.OTHER) == len(report.findings) == 1
    assert not report.problems


@pytest.mark.parametrize(
    "line",
    ["X1 foo", "X1\tfoo", "肺炎", "R1 in Arg1:T1 Arg2:T1", "Rest\tfoo", " T1\tdis 0 2\t肺炎"],
)
def test_what_brat_does_not_know_is_a_fault(tmp_path, line):
    _, report = read(tmp_path, "肺炎", f"{line}\n")
    [finding] = report.problems
    assert finding.code == "CM122"
    assert repr(line) in finding.text


@pytest.mark.parametrize("spans", [f"0 {'9' * 5000}", f"{'9' * 5000} 1", f"0 1;1 {'9' * 5000}"])
def test_an_offset_of_too_many_digits_is_a_fault(tmp_path, spans):
    """Python reads 4,300 of them at most."""
    _, report = read(tmp_path, "肺炎", f"T1\tdis {spans}\t肺炎\n")
    assert [f.code for f in report.problems] == ["CM122"]


def test_offsets_against_the_text(tmp_path):
    _, report = read(tmp_path, "肺炎", "T1\tdis 0 2\t肺叶\nT2\tdis 1 3\t炎。\n")
    assert [f.code for f in report.findings] == ["CM125", "CM124"]


def test_lone_files_are_reported(tmp_path):
    (tmp_path / "0.txt").write_text("肺", encoding="utf-8")
    (tmp_path / "1.ann").write_text("", encoding="utf-8")
    [record], report = read(tmp_path, "肺", "")
    assert (record.id, record.number) == ("a", 3)
    assert [(f.code, f.number) for f in report.findings] == [("CM121", 1), ("CM120", 2)]
    assert "1.ann" in report.findings[1].text


def test_missing_folder(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        list(read_brat(tmp_path / "none", Report()))


@pytest.mark.parametrize(
    "bad",
    [
        [Record("肺", id="../a")],
        [Record("肺", id="")],
        [Record("肺", id="a"), Record("炎", id="a")],
        [Record("肺", (Entity(0, 1, "药 物"),))],
    ],
)
def test_what_brat_cannot_hold(tmp_path, bad):
    with pytest.raises(CmnerError, match="CM113"):
        write_brat(bad, tmp_path)


def test_scores_are_notes_and_assertions_attributes(tmp_path):
    said = ("negated", "past")
    entities = (FoundEntity(0, 2, "dis", score=0.93), FoundEntity(2, 4, "sym", assertion=said))
    write_brat([Record("肺炎发热", entities, id="a")], tmp_path)
    lines = (tmp_path / "a.ann").read_text("utf-8").splitlines()
    assert lines == [
        "T1\tdis 0 2\t肺炎",
        "#1\tAnnotatorNotes T1\tscore 0.9300",
        "T2\tsym 2 4\t发热",
        "A1\tnegated T2",
        "A2\tpast T2",
    ]
    report = Report()
    [record] = read_brat(tmp_path, report)
    assert report.count(Outcome.SKIPPED, Item.OTHER) == 2  # the attributes
    assert record.entities == (Entity(0, 2, "dis"), Entity(2, 4, "sym"))
