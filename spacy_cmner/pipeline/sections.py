"""The sections of a clinical note: what stands under which heading."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from spacy_cmner.types import TextRange

# 2.  (3)  四、
NUMBER = r"[(]?\d{1,2}[.、)](?!\d)"
_NUMERAL = rf"(?:(?:{NUMBER}|[一二三四五六七八九十]{{1,2}}、)\s*)?"
_NAME = r"\w{2,10}|\w(?: \w){1,9}"
# Where a line or a sentence begins: 既往史:, 【既往史】, 既 往 史:; behind the first word of a line
# a blank will do.
_HEADING = re.compile(
    rf"(?:^|(?<=[\s。!?;])){_NUMERAL}[【\[]?(?P<name>{_NAME})[ \t]*[】\]:]+"
    rf"|^[ \t]*{_NUMERAL}(?P<first>{_NAME})(?=\s)",
    re.MULTILINE,
)
# The line of a heading, or the next one if nothing else is on it, and what is numbered behind it.
_LINES = re.compile(rf"\s*[^\n]*(?:\n\s*{NUMBER}[^\n]*)*")


class Section(NamedTuple):
    """name (str): of its heading, without blanks.
    place (TextRange): where the name stands.
    end (int): where the section ends.
    """

    name: str
    place: TextRange
    end: int


def find_sections(text: str) -> Iterator[Section]:
    """The sections of a text folded to half width, in time linear in its length.

    A section ends at the next heading or line, but not before numbered lines: text that goes on
    below without a heading may be about anything. What looks like a heading and is none
    (糖尿病：5年) ends a section too early rather than too late.
    """
    headings = list(_HEADING.finditer(text))
    starts = [*(heading.start() for heading in headings), len(text)]
    for heading, following in zip(headings, starts[1:], strict=True):
        place = TextRange(*heading.span(heading.lastgroup or 0))
        lines = next(_LINES.finditer(text, heading.end(), following))
        yield Section(text[slice(*place)].replace(" ", ""), place, lines.end())
