"""Tests of the tick boxes of forms, alone and in what the triggers that ship make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.pipeline.context import ContextRules
from spacy_cmner.pipeline.masking import ENTITY
from spacy_cmner.pipeline.tick_boxes import read_boxes
from spacy_cmner.pipeline.triggers import read_triggers
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.types import TextRange

RULES = ContextRules(read_triggers(shipped("triggers")))
# Beside boxes and answers what else rules read.
PIECES = [*"□☑○●√[](x) \t,:。\n无有史", "是", "阴性", ENTITY, "[ ]", "(√)"]


def find_attributes(text):
    """The entities, which stand in 《》, each with what is said of it."""
    plain, entities = "", []
    for number, part in enumerate(text.replace("《", "》").split("》")):
        if number % 2:
            entities.append(TextRange(len(plain), len(plain) + len(part)))
        plain += part
    found = zip(entities, RULES(plain, entities), strict=True)
    return [(plain[start:end], " ".join(assertion)) for (start, end), assertion in found]


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("《哮喘》：□有 ☑无", ["哮喘"]),
        ("《哮喘》：☑有 □无", []),
        ("《哮喘》：□有 □无", []),
        ("《哮喘》  □ 有   ☑ 无   《鼻炎》  ☑ 有  □ 无", ["哮喘"]),
        ("《哮喘》 □有 □不详 ☑无 《鼻炎》 □有 ☑不详 □无 《湿疹》 □有□不详☑无", ["哮喘", "湿疹"]),
        ("《哮喘》：有□ 无☑；《鼻炎》：有☑ 无□", ["哮喘"]),
        ("《哮喘》：有□，无☑", ["哮喘"]),
        ("《哮喘》 ☐是 ☒否", ["哮喘"]),
        ("《哮喘》：○有 ●无", ["哮喘"]),
        ("《哮喘》：( )有 (√)无\n《鼻炎》：（√）有 （ ）无", ["哮喘"]),
        ("《哮喘》: [x]有 [ ]无, 《鼻炎》: [ ]有 [x]无", ["鼻炎"]),
        ("《哮喘》抗体 □阳性 ☑阴性 《鼻炎》抗体 ☑阳性 □阴性", ["哮喘"]),
        ("现症：☑《哮喘》 □《鼻炎》 □ 《湿疹》", ["鼻炎", "湿疹"]),
        ("☑《哮喘》□《鼻炎》☑《湿疹》", ["鼻炎"]),
        ("[x] 《哮喘》 [ ] 《鼻炎》", ["鼻炎"]),
        ("☐《哮喘》 ☐《鼻炎》 ☑无", ["哮喘", "鼻炎"]),
        ("□《哮喘》 □《鼻炎》\n☑《湿疹》", []),  # nobody has filled in the first line
        ("《哮喘》□ 《鼻炎》☑ 《湿疹》[ ]", ["哮喘", "湿疹"]),
        ("目前：《哮喘》 □　《鼻炎》 ■　《湿疹》 □", ["哮喘", "湿疹"]),
        ("☑无《哮喘》、《鼻炎》", ["哮喘", "鼻炎"]),
        ("《哮喘》√，《鼻炎》未见", ["鼻炎"]),
    ],
)
def test_the_ticked_answer_counts(text, denied):
    assert [entity for entity, said in find_attributes(text) if said] == denied


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("1．是否有《哮喘》或《鼻炎》？      是□　否√", ["negated"] * 2),
        ("有无《哮喘》？ ☑有 □无", [None]),
        ("是否有《哮喘》？ 是□ 否□ 不清楚√", ["uncertain"]),
        ("是否有《哮喘》？ □是 □否", ["uncertain"]),
        ("有无《哮喘》不详，《鼻炎》：□有 ☑无", ["uncertain", "negated"]),
        ("☑《哮喘》（疑似） □《鼻炎》 ☑《湿疹》", ["uncertain", "negated", None]),
        ("《哮喘》√（疑似） 《鼻炎》□ 《湿疹》√", ["uncertain", "negated", None]),
    ],
)
def test_what_is_answered_is_no_question(text, attributes):
    found = find_attributes(text)
    assert [attribute or None for _, attribute in found] == attributes


def test_the_word_that_denies_is_named():
    [assertion] = RULES("哮喘：□是 ☑否", [TextRange(0, 2)])
    assert assertion == {"negated": TextRange(7, 8)}


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_entities_and_lines_stay_where_they_are(masked):
    read = read_boxes(masked)
    for character in (ENTITY, "\n"):
        old, new = ([c == character for c in string] for string in (masked, read))
        assert old == new


@given(st.text().filter(lambda text: not set(text) & set("□☐○◯☑☒■●√✓✔[(")))
def test_a_text_without_boxes_stays_as_it_is(text):
    assert read_boxes(text) == text
