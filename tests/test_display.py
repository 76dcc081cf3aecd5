import re

import click
import pytest
import spacy
from spacy import displacy
from spacy.tokens import Doc

from spacy_cmner.cli.demo import SENTENCES
from spacy_cmner.display import COLORS, DEFAULT_COLOR, NAMES, to_page, to_terminal
from spacy_cmner.pipeline.patterns import PATTERNS
from spacy_cmner.tokenizer import char_doc


def make(text: str, *entities: tuple[int, int, str]) -> Doc:
    doc = char_doc(spacy.blank("zh").vocab, text)
    doc.ents = [doc.char_span(*entity) for entity in entities]
    return doc


def test_page_marks_the_entities_and_explains_their_types():
    page = to_page([make("见肺炎。", (1, 3, "dis"))], "第一页")
    assert '<meta charset="utf-8">' in page
    assert "<title>第一页</title>" in page
    assert re.search(
        rf'见<mark style="background: {COLORS["dis"]}"[^>]*>肺炎<span>dis</span>', page
    )
    assert NAMES["dis"] in page
    assert NAMES["sym"] not in page


def test_all_that_patterns_find_has_a_name_and_a_colour():
    assert PATTERNS.keys() <= NAMES.keys() == COLORS.keys()


def test_the_legend_has_the_colours_of_the_text():
    page = to_page([make("见肺炎，甲。", (1, 3, "dis"), (4, 5, "其他"))], "")
    colors = re.findall(r'background: (#\w+)"[^>]*>(?:\w+<span>)?(dis|其他)', page)
    assert len(colors) == 4 and len(set(colors)) == 2


def test_page_escapes_text_label_and_title():
    doc = make("<b>肺炎", (3, 5, "<i>"))
    doc.ents[0]._.cmner_source = '"<s>'
    doc.ents[0]._.cmner_assertion = {"<b>": None}
    page = to_page([doc], "<u>")
    assert not re.search('<[bius]>|""', page)
    assert re.findall(r'<mark style="background: (#\w+)', page) == [DEFAULT_COLOR] * 2


def test_the_legend_has_the_types_that_we_know_first():
    text = "乙甲丁丙戊"
    labels = ["乙", "bod", "甲", "sym", "丙"]
    page = to_page([make(text, *((i, i + 1, label) for i, label in enumerate(labels)))], "")
    assert re.findall(r"(\w+)</mark>", page) == ["sym", "bod", *sorted(["乙", "甲", "丙"])]


@pytest.fixture
def asserted() -> Doc:
    nlp = spacy.blank("zh")
    nlp.add_pipe("cmner_dictionary").add_terms([("哮喘", "dis", "J45"), ("咳嗽", "sym")])
    nlp.add_pipe("cmner_assertion")
    return nlp("否认哮喘史。咳嗽。")


def test_page_says_what_is_said_of_entities_and_who_found_them(asserted):
    page = to_page([asserted], "否认")
    marks = re.findall(r'title="([^"]*)">(\w+)<span>([^<]*)', page)
    assert marks == [
        ("dictionary", "哮喘", "dis · negated · past"),
        ("dictionary", "咳嗽", "sym"),
    ]


def test_terminal_says_what_is_said_of_entities_and_who_found_them(asserted):
    text, _, header, *rows = click.unstyle(to_terminal(asserted)).splitlines()
    assert text == "否认[哮喘 dis negated past]史。[咳嗽 sym]。"
    assert header.split() == ["start", "end", "type", "entity", "source", "assertion", "code"]
    assert [row.split() for row in rows] == [
        ["2", "4", "dis", "哮喘", "dictionary", "negated,", "past", "J45"],
        ["6", "8", "sym", "咳嗽", "dictionary"],
    ]


def test_page_of_documents_without_entities():
    assert "一切正常" in to_page([make("一切正常。"), make("")], "无")


def test_terminal_keeps_the_text_and_names_the_offsets():
    doc = make("见肺炎，咳嗽。", (1, 3, "dis"), (4, 6, "sym"))
    text, *table = click.unstyle(to_terminal(doc)).splitlines()
    assert text == "见[肺炎 dis]，[咳嗽 sym]。"
    assert [line.split() for line in table if line][-1] == ["4", "6", "sym", "咳嗽"]


def test_the_table_has_no_empty_columns():
    _, _, header, row = click.unstyle(to_terminal(make("肺炎。", (0, 2, "dis")))).splitlines()
    assert header.split() == ["start", "end", "type", "entity"]
    assert row.split() == ["0", "2", "dis", "肺炎"]


def test_an_entity_with_a_line_break_stays_on_one_row():
    shown = click.unstyle(to_terminal(make("右肺\n肺炎，咳嗽。", (0, 5, "a\nb"), (6, 8, "sym"))))
    *_, first, second = shown.splitlines()
    assert first.split() == ["0", "5", "a", "b", "右肺", "肺炎"]
    assert second.split() == ["6", "8", "sym", "咳嗽"]


def test_terminal_has_the_colours_of_the_page():
    """As numbers of 256 colours, 16 + 36 · red + 6 · green + blue, each from 0 to 5."""
    assert (COLORS["dis"], COLORS["bod"]) == ("#ffa8a8", "#a5d8ff")
    shown = to_terminal(make("肺炎，肺", (0, 2, "dis"), (3, 4, "bod")))
    assert "\x1b[38;5;16;48;5;217m[肺炎 dis]" in shown
    assert "\x1b[38;5;16;48;5;153m[肺 bod]" in shown


def test_entities_inside_others_are_marked_in_them():
    doc = make("见<双肺>湿啰音，甲。", (1, 8, "sym"), (9, 10, "dis"))
    inner = [doc.char_span(2, 4, "bod"), doc.char_span(5, 8, "ite")]
    doc.spans["cmner"] = [*doc.ents, *inner]
    assert ">bod<" not in to_page([doc], "")
    doc.spans["cmner"].attrs["nested"] = True
    page = re.sub(r' (style|title)="[^"]*"', "", to_page([doc], ""))
    assert (
        "见<mark>&lt;<mark>双肺<span>bod</span></mark>&gt;<mark>湿啰音<span>ite</span></mark>"
        "<span>sym</span></mark>，<mark>甲<span>dis</span></mark>。"
    ) in page
    assert NAMES["bod"] in page and NAMES["ite"] in page
    lines = click.unstyle(to_terminal(doc)).splitlines()
    assert lines[0] == "见[<双肺>湿啰音 sym]，[甲 dis]。"
    assert [line.split()[2] for line in lines[-4:]] == ["sym", "bod", "ite", "dis"]


def test_the_text_stands_once_however_entities_lie_inside_others():
    doc = make("左上肺叶切除", (0, 6, "pro"))
    inside = [(0, 4, "bod"), (0, 3, "sym"), (1, 3, "bod"), (2, 5, "sym"), (4, 6, "dis")]
    doc.spans["cmner"] = [*doc.ents, *(doc.char_span(*span) for span in inside)]
    doc.spans["cmner"].attrs["nested"] = True
    marks = re.findall(r"<mark[^>]*>.*</mark>", to_page([doc], ""))
    assert "左上肺叶切除" in re.sub(r"<span>.*?</span>|<[^>]*>", "", "".join(marks))
    said = re.findall(r"<span>(\w+)</span>", marks[-1])
    assert said == ["bod", "sym", "bod", "dis", "pro"]


@pytest.mark.parametrize("text", ["", "一切正常。"])
def test_terminal_without_entities(text):
    assert to_terminal(make(text)) == text


def test_displacy_has_our_colours():
    html = displacy.render(make("见肺炎。", (1, 3, "dis")), style="ent", jupyter=False)
    assert COLORS["dis"] in html


def test_sentences_are_not_of_the_shipped_corpus(request):
    corpus = request.config.rootpath / "assets" / "corpus"
    texts = "".join(path.read_text(encoding="utf-8") for path in corpus.glob("*.jsonl"))
    for sentence in SENTENCES:
        assert not any(sentence[i : i + 10] in texts for i in range(len(sentence) - 9))
