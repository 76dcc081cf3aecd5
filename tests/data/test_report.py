import json

from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages


def make_report(n):
    report = Report()
    report.keep(Record("肺炎", (Entity(0, 2, "dis"), Entity(0, 1, "bod"))))
    report.add(
        Outcome.FLATTENED, Item.ENTITY, Messages.CM128, number=0, entity="0–1 bod", chosen="0–2 dis"
    )
    for number in range(n):
        report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing="entities")
    return report


def test_counts_and_problems():
    report = make_report(3)
    assert (report.records, report.entities) == (1, 2)
    assert report.count(Outcome.SKIPPED, Item.RECORD) == 3
    assert report.count(Outcome.SKIPPED, Item.ENTITY) == 0
    assert [finding.code for finding in report.problems] == ["CM121"] * 3


def test_relations_are_no_problem_but_shown():
    report = Report()
    report.add(Outcome.SKIPPED, Item.OTHER, Messages.CM136, number=4, what="the line 'R1'")
    assert not report.problems
    assert "Record 4: the line 'R1'" in report.summary()


def test_summary_is_bounded_and_says_so():
    summary = make_report(50).summary(max_lines=5)
    assert summary.count("skipped: [CM121]") == 5
    assert "45 more (CM121 × 50 in all)" in summary
    assert "flattened: [CM128]" in summary


def test_summary_tells_what_a_subsample_left_out():
    report = make_report(0)
    report.left_out = 7
    assert "7 good records were left out" in report.summary()


def test_jsonl_holds_everything(tmp_path):
    path = tmp_path / "new" / "report.jsonl"
    make_report(50).to_jsonl(path)
    counts, *findings = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert counts["records"] == 1
    assert len(findings) == 51
    assert findings[-1]["number"] == 49
    assert findings[-1]["outcome"] == "skipped"
