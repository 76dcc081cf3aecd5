import json

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.analysis.gold import Gold, GoldText
from spacy_cmner.data.jsonl import write_jsonl
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.supervision.terms import learn_terms


def gold(text: str, *entities: tuple[int, int, str], missing: tuple[int, ...] = ()) -> GoldText:
    flat = frozenset(Entity(*entity) for entity in entities)
    return GoldText(text, Gold(flat, flat, frozenset(missing)))


def learn(*texts: GoldText, **settings):
    settings = {"min_precision": 0.0, **settings}
    return {(t.text, t.label): (t.precision, t.count) for t in learn_terms(texts, **settings)}


def test_precision_is_that_in_other_texts():
    texts = [gold("见头痛", (1, 3, "sym"))] * 3 + [gold("无头痛")]
    # three of four places, and half a one for its kind: ((3 + 1/2) / (4 + 1) + 3) / (4 + 1)
    assert learn(*texts) == {("头痛", "sym"): (pytest.approx((3 + 0.7) / 5), 3)}


def test_the_text_that_made_a_term_known_says_nothing_of_it():
    assert learn(gold("头痛，头痛", (0, 2, "sym"), (3, 5, "sym"))) == {("头痛", "sym"): (0.5, 2)}


def test_a_string_that_was_an_entity_once_is_as_good_as_its_kind():
    often = [gold("见头痛", (1, 3, "sym"))] * 9
    rare = gold("见腹泻", (1, 3, "sym"))
    (reliable, _) = learn(*often, rare)["腹泻", "sym"]
    (doubtful, _) = learn(*often, *[gold("无头痛")] * 9, rare)["腹泻", "sym"]
    assert reliable == pytest.approx(9.5 / 10)
    assert doubtful == pytest.approx(9.5 / 19)


def test_a_longer_term_hides_a_shorter_one_where_it_is_known():
    body = gold("肺部", (0, 2, "bod"))
    lump = gold("肺部肿块", (0, 4, "sym"))
    # found in the text of the lump, which nothing else made known; and in no other text
    assert learn(body, lump)["肺部", "bod"] == (pytest.approx((0 + 0.25) / 2), 1)
    # with two lumps each is known from the other: now it is found nowhere
    assert learn(body, lump, lump)["肺部", "bod"] == (pytest.approx(0.5), 1)


def test_a_string_of_two_types_has_two_precisions():
    texts = [gold("黄连", (0, 2, "dru"))] * 3 + [gold("黄连", (0, 2, "ite"))]
    terms = learn(*texts)
    assert terms["黄连", "dru"][0] > 0.5 > terms["黄连", "ite"][0]
    assert set(learn(*texts, min_precision=0.5)) == {("黄连", "dru")}


def test_width_and_case_do_not_matter():
    texts = [gold("查CT", (1, 3, "pro")), gold("查ＣＴ", (1, 3, "pro")), gold("无ct")]
    assert learn(*texts)["CT", "pro"][1] == 2


def test_blanks_are_no_term():
    assert learn(gold("见 头痛", (1, 2, "sym"), (2, 4, "sym"))).keys() == {("头痛", "sym")}


def test_characters_without_annotation_do_not_count():
    texts = [gold("见头痛", (1, 3, "sym"))] * 2
    unsaid = gold("无头痛", missing=(1, 2))
    assert learn(*texts, unsaid) == learn(*texts)


def test_count_and_length():
    texts = [gold("见头痛", (1, 3, "sym"))] * 2 + [gold("咳。腹泻", (0, 1, "sym"), (2, 4, "sym"))]
    assert set(learn(*texts)) == {("头痛", "sym"), ("腹泻", "sym")}
    assert set(learn(*texts, min_count=2)) == {("头痛", "sym")}
    assert ("咳", "sym") in learn(*texts, min_length=1)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_impossible_precision(value):
    with pytest.raises(CmnerError, match="CM430"):
        learn_terms([], min_precision=value)


def test_command(tmp_path):
    write_jsonl([Record("见头痛", (Entity(1, 3, "sym"),))] * 3, tmp_path / "gold.jsonl")
    out = tmp_path / "lists" / "terms.jsonl"
    result = CliRunner().invoke(app, ["cmner", "terms", str(tmp_path / "gold.jsonl"), str(out)])
    assert result.exit_code == 0, result.output
    [row] = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert row == {"term": "头痛", "type": "sym", "precision": 0.969, "count": 3}
    nothing = CliRunner().invoke(app, ["cmner", "terms", str(tmp_path / "none.jsonl"), str(out)])
    assert nothing.exit_code == 1 and "CM101" in nothing.output
    same = CliRunner().invoke(app, ["cmner", "terms", str(out), str(out)])
    assert same.exit_code == 1 and "CM157" in same.output and out.stat().st_size
    csv = CliRunner().invoke(
        app, ["cmner", "terms", str(tmp_path / "gold.jsonl"), str(out.with_suffix(".csv"))]
    )
    assert csv.exit_code == 1 and "CM139" in csv.output
