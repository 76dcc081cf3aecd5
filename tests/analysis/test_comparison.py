from span_strategies import entities, gold_text

from spacy_cmner.analysis.cases import find_cases
from spacy_cmner.analysis.comparison import compare
from spacy_cmner.analysis.errors import Verdict
from spacy_cmner.analysis.gold import GoldText
from spacy_cmner.analysis.scores import Counts

TEXTS = [
    gold_text("右肺疼痛", (0, 4, "sym"), (0, 2, "bod")),
    gold_text("咳嗽\n发热", (0, 2, "sym"), (3, 5, "sym")),
    gold_text("复查"),
]
SYSTEMS = {
    "crf": [entities((0, 2, "bod")), entities((0, 2, "sym")), entities()],
    "best": [entities((0, 4, "sym")), entities((0, 2, "sym"), (3, 5, "sym")), entities()],
    "twin": [entities((0, 2, "bod")), entities((0, 2, "sym"), (3, 5, "sym")), entities()],
}


def test_scores_errors_and_tests():
    comparison = compare(TEXTS, SYSTEMS, samples=200)
    assert comparison.best == "best"
    assert comparison.scores["crf"].total == Counts(gold=4, predicted=2, correct=2)
    assert comparison.errors["crf"].counts[Verdict.MISSED] == 2
    assert set(comparison.significance) == {"crf", "twin"}
    assert comparison.significance["twin"].difference == 0
    assert comparison.significance["crf"].difference < 0


def test_flat_gold():
    comparison = compare(TEXTS, SYSTEMS, flat=True, samples=10)
    assert comparison.scores["best"].total.f1 == 1.0
    assert comparison.errors["twin"].counts[Verdict.OVERLAP] == 1


def test_a_single_system_and_no_text():
    assert compare(TEXTS, {"crf": SYSTEMS["crf"]}).significance == {}
    nothing = compare([], {"a": [], "b": []}, samples=5)
    assert nothing.significance["b"].p_bootstrap == 1.0


def test_missing_annotation_is_no_error():
    texts = [gold_text("右肺咳嗽", (0, 2, "bod"), missing=(2, 3))]
    systems = {"a": [entities((0, 2, "bod"))], "b": [entities((0, 2, "bod"), (2, 4, "sym"))]}
    assert compare(texts, systems, samples=5).scores["b"].total.f1 == 1.0
    assert find_cases(texts, systems) == []


def test_tables():
    comparison = compare(TEXTS, SYSTEMS, samples=20)
    table = comparison.joined()
    assert table.rows[0][:7] == ("crf", "100.00", "50.00", "66.67", "4", "2", "2")
    assert table.rows[1][7:12] == ("",) * 5
    assert all(len(row) == len(table.header) for row in table.rows)
    header, *rows = table.to_csv().splitlines()
    assert header.startswith("system,P,R,F1,gold")
    assert len(rows) == 3
    types = comparison.to_tables()[2].to_markdown().splitlines()
    assert types[2:] == [
        "| type | crf | best | twin |",
        "| --- | ---: | ---: | ---: |",
        "| bod | 100.00 | 0.00 | 100.00 |",
        "| sym | 50.00 | 100.00 | 80.00 |",
    ]


def test_cases_show_where_systems_differ():
    first, second = find_cases(TEXTS, {name: SYSTEMS[name] for name in ("crf", "best")})
    assert first.to_table().rows == [
        ("0–4", "sym", "–", "sym", "右肺疼痛"),
        ("0–2", "bod", "bod", "–", "右肺"),
    ]
    assert second.to_table().title == "咳嗽 发热"
    assert second.to_table().rows[1] == ("3–5", "sym", "–", "sym", "发热")


def test_the_title_of_a_case_is_a_line_that_can_be_written():
    text = GoldText("咳嗽\n", gold_text("咳嗽", (0, 2, "sym")).gold, id="a\n\udcb2")
    [case] = find_cases([text], {"a": [entities()]})
    assert case.to_table().title == "a  : 咳嗽 "


def test_cases_of_one_system_are_its_errors():
    texts = [gold_text("咳嗽|", (0, 2, "sym")), gold_text("复查")]
    [case] = find_cases(texts, {"a|b": [entities((0, 2, "dis"), (0, 3, "sym")), entities()]})
    table = case.to_table()
    assert table.rows == [
        ("0–3", "–", "sym (spurious)", "咳嗽|"),
        ("0–2", "sym", "dis (TE)", "咳嗽"),
    ]
    markdown = table.to_markdown()
    assert "| span | gold | a\\|b | surface |" in markdown
    assert "| 0–3 | – | sym (spurious) | 咳嗽\\| |" in markdown
