"""Tests of the files of triggers, and of the words that a trigger stands for."""

import pytest

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.triggers import Trigger, read_triggers


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("无", ["无"]),
        (" 不 存在 ", ["不 存在"]),
        ("没{,有}", ["没", "没有"]),
        ("{没,无}任何", ["没任何", "无任何"]),
        ("{爸爸,妈妈}{,代}诉", ["爸爸诉", "爸爸代诉", "妈妈诉", "妈妈代诉"]),
        ("无,没有", ["无,没有"]),
        ("{}无", ["无"]),
    ],
)
def test_braces_stand_for_any_one_of_what_is_in_them(trigger, words):
    assert Trigger(trigger, "pseudo").words() == words


@pytest.mark.parametrize(
    "line",
    [
        "无",
        '{"trigger": "无"}',
        '{"trigger": "", "direction": "pseudo"}',
        '{"trigger": 1, "direction": "pseudo"}',
        '{"trigger": "无", "direction": "forward"}',
        '{"trigger": "无", "direction": "up", "attribute": "negated"}',
        '{"trigger": "无", "direction": "forward", "attribute": "absent"}',
        '{"trigger": "无", "direction": "forward", "attribute": "negated", "scope": "word"}',
        '{"trigger": "无", "direction": "pseudo", "note": "x"}',
        '{"trigger": "无", "direction": "pseudo", "ending": ["癌"]}',
        '{"trigger": "无", "direction": "pseudo", "after": ["建议"]}',
        '{"trigger": "没{,有", "direction": "pseudo"}',
        '{"trigger": "没}有", "direction": "pseudo"}',
        '{"trigger": "{没,{,没}有}", "direction": "pseudo"}',
        '{"trigger": "{没有,}", "direction": "pseudo"}',
        "[1]",
        f'{{"trigger": {"1" * 5000}}}',
        "[" * 100_000,
    ],
)
def test_a_faulty_trigger_is_named(tmp_path, line):
    path = tmp_path / "triggers.jsonl"
    path.write_text('{"trigger": "但", "direction": "terminator"}\n\n' + line, encoding="utf8")
    with pytest.raises(CmnerError, match=r"CM411.*line 3"):
        read_triggers(path)
