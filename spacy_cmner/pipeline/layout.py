"""The layout of a clinical note: what stands under which heading, and what in one field."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from spacy_cmner.pipeline.masking import ENTITY
from spacy_cmner.pipeline.tick_boxes import READ
from spacy_cmner.types import TextRange

NUMBER = r"(?:[(]?\d{1,2}(?:[)]|[.、](?!\d))|[①-⑳])"
# What an item of a section begins with, and a heading may: 2. (3) ① •, and of a heading: 四、 (四)
_ITEM = rf"(?:{NUMBER}|[-•·●○◆■])"
_BEFORE = rf"(?:(?:{_ITEM}|[(]?[一二三四五六七八九十]{{1,2}}[)、])\s*){{0,2}}"
_NAME = r"\w{2,10}|\w(?: {1,4}\w){1,9}"
# With these a name is that of a heading, also without a colon or where it is taken for an entity.
_NOUN = (
    r"(?i:史|[检复]查|查体|体检|诊断|主诉|情况|经过|计划|意见|建议|处[理置]|治疗|措施|医嘱|评估|印象"
    r"|结果|体征|问题|药物|[心脑]电图|常规|生化|超声|[彩b]超|ct|mri|胸片|平片|[肠胃]镜|既往|p[ms]h|fh|pe|dx|rx)"
)
_REMARK = r"(?:\([^()\n]{1,8}\))?"
# Where a line or a sentence begins: 既往史:, 既往史(母代诉):, 【既往史】, 既 往 史:; behind the
# first word of a line a blank will do.
_HEADING = re.compile(
    rf"(?:^|(?<=[\s。!?;])|(?=【)){_BEFORE}[【\[]?(?P<name>{_NAME})[ \t]*{_REMARK}[】\]:]+"
    rf"|^[ \t]*{_BEFORE}(?P<first>{_NAME})(?=\s)"
    rf"|(?<=[\s。!?;]){_BEFORE}(?P<noun>\w{{0,8}}{_NOUN})(?=\s)",
    re.MULTILINE,
)
_IS_NOUN = re.compile(rf"{_NOUN}$")
# The line of a heading, or the next one if nothing else is on it, and behind it the items and the
# rows with tick boxes.
_LINES = re.compile(rf"\s*[^\n]*(?:\n\s*{_ITEM}[^\n]*|\n[^\n]*[{READ}][^\n]*)*")
# How many fields with entities show that blanks part them.
MANY = 4
# What two fields have between them that belong together or are parted anyhow.
_JOINS = re.compile(rf"(?:^|{_NOUN}|[{READ}:]) | {NUMBER}")
# Who tells and who asks in a dialogue.
TOLD_BY = re.compile(r"(?:患者|病人|家属|家长|患儿家长|问) ?:")
_SPOKEN = re.compile(rf"^(?:{TOLD_BY.pattern}|(?:医生|大夫|医师|答) ?:)[^\n]*", re.MULTILINE)
_ANY_LINE = re.compile(r"^[^\n]+", re.MULTILINE)
_ASKS = re.compile(r"(?:[?吗呢么]|(?<=\S)没)\s*$")
# How many lines a chat has at least.
CHAT = 6
_BETWEEN_WORDS = re.compile(rf"(?<=[一-鿿{ENTITY}]) (?=[一-鿿{ENTITY}])")
_UNPUNCTUATED = re.compile(r"^[^,。!?;\n]+$", re.MULTILINE)


class Section(NamedTuple):
    """name (str): of its heading, without blanks.
    place (TextRange): where the name stands.
    end (int): where the section ends.
    """

    name: str
    place: TextRange
    end: int


def find_sections(text: str, masked: str) -> Iterator[Section]:
    """The sections of a text, in time linear in its length.

    A section ends at the next heading or line, but not before items: text that goes on below
    without a heading may be about anything. What looks like a heading and is none ends a section
    too early rather than too late, but an entity is an item of it: 鉴别诊断：1.肺结核：…

    text (str): folded to half width.
    masked (str): the same with other characters in the place of entities.
    """
    headings = [
        (heading, place)
        for heading in _HEADING.finditer(text)
        for place in [TextRange(*heading.span(heading.lastgroup or 0))]
        if text[slice(*place)] == masked[slice(*place)] or _IS_NOUN.search(text, *place)
    ]
    starts = [*(heading.start() for heading, _ in headings), len(text)]
    for (heading, place), following in zip(headings, starts[1:], strict=True):
        lines = next(_LINES.finditer(text, heading.end(), following))
        yield Section(text[slice(*place)].replace(" ", ""), place, lines.end())


def part_fields(masked: str) -> str:
    """Put commas for blanks that part clauses: in what is said in a dialogue (患者: 不咳 有点喘) or
    written in a chat, and between fields with entities in lines of many such fields and no
    punctuation (焦虑明显 未引出幻听 情绪低落 病理征阴性).

    masked (str): folded to half width, with ``ENTITY`` in the place of entities.
    """
    spoken = _ANY_LINE if _is_chat(masked) else _SPOKEN
    masked = spoken.sub(lambda line: _BETWEEN_WORDS.sub(",", line[0]), masked)
    return _UNPUNCTUATED.sub(_part_line, masked)


def _is_chat(masked: str) -> bool:
    """Whether lines without a name before them are messages: one in five asks."""
    lines = masked.split("\n")
    return len(lines) >= CHAT and 5 * sum(map(bool, map(_ASKS.search, lines))) >= len(lines)


def _part_line(line: re.Match[str]) -> str:
    fields = line[0].split(" ")
    if sum(ENTITY in field for field in fields) < MANY:
        return line[0]
    parted, has_entity = [fields[0]], ENTITY in fields[0]
    for before, field in pairwise(fields):
        mark = " "
        if has_entity and _IS_NOUN.search(field):
            mark = "。"
        elif has_entity and ENTITY in field and not _JOINS.search(f"{before} {field}"):
            mark = ","
        parted += [mark, field]
        has_entity = has_entity or ENTITY in field
    return "".join(parted)
