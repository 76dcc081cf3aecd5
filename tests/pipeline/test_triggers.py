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
    ("line", "expected"),
    [
        ("无", "trigger, direction and, where"),
        ('{"trigger": "无"}', "trigger, direction and, where"),
        ('{"trigger": "", "direction": "pseudo"}', "as trigger, .*not ''"),
        ('{"trigger": 1, "direction": "pseudo"}', "a string as trigger, not 1"),
        ('{"trigger": "无", "direction": "forward"}', "negated, .* as attribute, not None"),
        (
            '{"trigger": "无", "direction": "up", "attribute": "negated"}',
            "forward, .* as direction, not 'up'",
        ),
        (
            '{"trigger": "无", "direction": "forward", "attribute": "absent"}',
            "negated, .* as attribute, not 'absent'",
        ),
        (
            '{"trigger": "无", "direction": "pseudo", "attribute": "absent"}',
            "negated, .* as attribute, not 'absent'",
        ),
        (
            '{"trigger": "无", "direction": "forward", "attribute": "negated", "scope": "word"}',
            "clause, .* as scope, not 'word'",
        ),
        (
            '{"trigger": "无", "direction": "pseudo", "note": "x"}',
            "trigger, direction and, .* ending, after",
        ),
        (
            '{"trigger": "无", "direction": "pseudo", "ending": ["癌"]}',
            r"a string as ending, not \['癌'\]",
        ),
        (
            '{"trigger": "无", "direction": "pseudo", "after": ["建议"]}',
            r"a string as after, not \['建议'\]",
        ),
        ('{"trigger": "没{,有", "direction": "pseudo"}', "each brace .*not '没{,有'"),
        ('{"trigger": "没}有", "direction": "pseudo"}', "each brace .*not '没}有'"),
        ('{"trigger": "{没,{,没}有}", "direction": "pseudo"}', "each brace .*not"),
        ('{"trigger": "{没有,}", "direction": "pseudo"}', "as trigger, .*not '{没有,}'"),
        ("[1]", "trigger, direction and, where"),
        (f'{{"trigger": {"1" * 5000}}}', "trigger, direction and, where"),
        ("[" * 100_000, "trigger, direction and, where"),
    ],
)
def test_a_faulty_trigger_is_named(tmp_path, line, expected):
    path = tmp_path / "triggers.jsonl"
    path.write_text('{"trigger": "但", "direction": "terminator"}\n\n' + line, encoding="utf8")
    with pytest.raises(CmnerError, match=rf"CM411.*line 3: expected .*{expected}"):
        read_triggers(path)
