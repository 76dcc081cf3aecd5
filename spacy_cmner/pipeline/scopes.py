"""Where the scopes of triggers begin and end in a text, and which entities stand in them.

The text is folded to half width and the simplified script, and read with ``ENTITY`` in the place
of entities: their characters are no punctuation.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from spacy_cmner.pipeline.layout import NUMBER, TOLD_BY, Section
from spacy_cmner.pipeline.masking import ENTITY
from spacy_cmner.pipeline.triggers import Trigger
from spacy_cmner.types import TextRange

# The fields of a form or of a table made text stand apart; 查  体 is one word. A heading in 【】
# needs nothing before it, but 否认【高血压】 is none. A list goes on behind 、 on the next line.
SENTENCE_END = re.compile(
    rf"[。!?;\t|…→]|(?<!、)\n|-{{2}}|(?<=\S\S) {{2,}}|【(?!{ENTITY})|(?<={ENTITY})【"
)
COMMA = re.compile(",")
# Scopes do not leave them, if they hold an entity: 肺炎(真菌感染待排).
BRACKETS = re.compile(r"\([^()\n]*\)|“[^“”()\n]*”")
# A clause that only goes on with a list of entities.
LIST = re.compile(rf"(?:等(?:不适|异常|表现)|[{ENTITY}\s、和及与或等史]|病史|以及|症状|情况)*")
LISTED = re.compile(rf"(?:{LIST.pattern},)*{LIST.pattern}")
# 38.5°c, <3.5mmol/l, 120/80mmhg; 2片, 3级; iii期; 体温38.5°c
QUANTITY = (
    r"^[<>≤≥]?\d(?:[^一-鿿]*|[\d.~-]*(?:[级期度片粒袋支滴]|[毫微]?克|毫升|万?单位))$"
    r"|^(?:[ⅰ-ⅻ]|i{1,3}|iv)[^一-鿿]*[级期度]$"
    r"|\d\s?(?:℃|°c|%|mm\s?hg|kpa|[a-zμ]+/[a-zμ]+)$"
)
# Entities that say how something is, or how much: no list goes on with them, though one may begin
# with them.
STATEMENT = re.compile(
    r"^(?:[左右](?!心)|双(?!相)|[两常偶]|可有|并有|局部|周围|软组织|全身|四肢|[上下]肢)"
    r"|[不无未没](?![全张良育孕耐力闭]|稳定)"
    r"|(?:[差可佳好清弱快慢高低多少窄]|(?<!肿)大|(?<!肌)无力|明显|[加减]重|减轻"
    r"|(?<!功能)(?:[增减升下][强弱退厚粗宽降]|亢进)|活跃|异常|正常|缓解|萎靡|迟钝)了?$"
    rf"|{QUANTITY}"
)
# What begins with items, such as 否认: 1. or 不除外以下疾病: (1) or 考虑诊断1.
NUMBERED = re.compile(rf"(?:[^{ENTITY},。!?;\s]{{0,12}}: *|(?:诊断为?|以下|如下)? *){NUMBER}")
# What begins an item behind others: a number, or a word with a colon.
ITEM = re.compile(rf" (?:{NUMBER}|\w{{1,6}}:)|\(\d{{1,2}}\)(?=[^\s,。;、)])|[①-⑳]")
# What the entities of an item stand behind.
HEAD = re.compile(rf"(?:\d[.、)]|:)(?=\s*{ENTITY})")
# What a word stands between that answers what is before it, or is the last about an entity.
ASKED = (":", "(")
ANSWERED = re.compile(r"\s*(?:[,。!?;、)”\n【①-⑳]|\(\d{1,2}\)|$)")
LAST = re.compile(r"[,。;、)”\n【①-⑳]|$")
# What stands between an entity and the last word about it: 药物过敏史否认.
TOLD = re.compile(rf"(?<={ENTITY})(?:(?:病|过敏|手术|外伤|接触|家族)?史)?$")
# What is behind a word that denies what is before it.
ENDED = re.compile(rf"{LAST.pattern}|[\s了过到!?:/(|…→-]|后,")
# The same of a word that may also be about what follows: 肺癌可能 2.高血压.
CLOSED = re.compile(rf"{LAST.pattern}|\s|{NUMBER}")
# What parts a word that fills a cell from an entity that it answers, and what is behind the word.
CELL = re.compile(rf"(?<={ENTITY})(?: {{0,3}}[|\t][|\t ]{{0,3}}| {{2,6}})$")
CELL_END = re.compile(r"[()-]{0,3} {0,3}(?:[|\n\t]|$| {2})")
# What words of a kind say of the entities before them ends with what is said there of others:
# HBsAg(+) HCV(-), 哮喘史及肿瘤家族史.
FINDING = (
    re.compile(r"[阴阳]性|\(-\)"),
    re.compile(
        rf"(?<={ENTITY})[: ]{{0,2}}(?:[阴阳]性|\([^()\n{ENTITY}]{{0,4}}[+±-]\)|\d?[+±]{{1,4}}"
        r"|\(约?[1-9]\d{0,2}%[+]?\))"
    ),
)
HISTORY = re.compile("史$"), re.compile(rf"(?<={ENTITY})病?史")
# Which places at the end of a clause these scopes ask for.
PLACES = {
    "answer": ("answer",),
    "last": ("closed", "open"),
    "closed": ("closed",),
    "open": ("open",),
}
# How many characters an adjacent trigger may leave free.
GAP = 2
# How many a scope has at most, so that the time is linear in texts without punctuation, too.
REACH = 500


class Stops(NamedTuple):
    """Where terminators of an attribute start and end, in the order of the text; where those end
    that say otherwise of a list in a section, and where those start that end it."""

    starts: list[int]
    ends: list[int]
    in_section: list[int]
    of_section: list[int]

    def add(self, place: TextRange, scope: str) -> None:
        self.starts.append(place.start)
        self.ends.append(place.end)
        if scope == "list":
            self.in_section.append(place.end)
        elif scope == "section":
            self.of_section.append(place.start)


class Scopes:
    """A folded text, the same without its entities, these, and the places where scopes end."""

    def __init__(self, text: str, masked: str, entities: Sequence[TextRange]) -> None:
        self.text = text
        self.masked = masked
        self.entities = entities
        self.order = sorted(range(len(entities)), key=lambda number: entities[number].start)
        self.starts = [entities[number].start for number in self.order]
        self.sentence_ends = [match.start() for match in SENTENCE_END.finditer(masked)]
        self.commas = [match.start() for match in COMMA.finditer(masked)]
        brackets = [match.span() for match in BRACKETS.finditer(masked) if ENTITY in match[0]]
        self.opened = [start for start, _ in brackets]
        self.closed = [end - 1 for _, end in brackets]
        self.items = [match.start() for match in ITEM.finditer(masked)]
        self.heads = [match.end() - 1 for match in HEAD.finditer(masked)]
        self.said = [
            (kind, [match.end() for match in said.finditer(masked)])
            for kind, said in (FINDING, HISTORY)
        ]

    def reached(self, place: TextRange, trigger: Trigger, stops: Stops) -> list[int]:
        """The numbers of the entities in a trigger's scope."""
        reached: list[int] = []
        if self.masked[place.start] == ENTITY:
            return self._reached_from_inside(place, trigger, stops)
        role = self._role(place, trigger.direction)
        if trigger.scope in PLACES and role not in PLACES[trigger.scope]:
            return reached
        if trigger.direction in ("forward", "either") and role is None:
            end = self._end(place.end, trigger.scope)
            reached = self._between(place.end, _first(stops.starts, place.end, end))
        if trigger.direction == "backward" or (
            trigger.direction == "either" and not reached and self._looks_back(place, trigger)
        ):
            cell = self._cell(place)
            start = self._start(place.start if cell is None else cell, trigger.scope)
            if cell is not None:
                start = max(start, self.masked.rfind("  ", start, cell))
            for kind, ends in self.said:
                if kind.search(self.text, *place):
                    start = _last(ends, place.start + 1, start)
            # With a terminator directly before it, the word is about what is before that.
            reached = self._between(_last(stops.ends, place.start, start), place.start)
        if trigger.scope == "adjacent":
            reached = [i for i in reached if distance(place, self.entities[i]) <= GAP]
        return reached

    def _reached_from_inside(self, place: TextRange, trigger: Trigger, stops: Stops) -> list[int]:
        """Beyond the entity that begins with a trigger, nothing but a list is sure to be meant."""
        if trigger.direction not in ("forward", "either"):
            return []
        end = self._end(place.end, trigger.scope)
        listed = LISTED.match(self.masked, place.end, _first(stops.starts, place.end, end))
        reached = self._between(place.end, listed.end() if listed else place.end)
        return list(takewhile(lambda number: not self._is_statement(number), reached))

    def before(self, place: TextRange) -> str:
        """The sentence up to a place."""
        return self.masked[self._start(place.start, "sentence") : place.start]

    def under(self, section: Section, stops: Stops) -> list[int]:
        """The entities of a section, but those behind a word that says otherwise of them."""
        start = section.place.end
        reached = self._between(start, _first(stops.of_section, start, section.end))
        return [number for number in reached if not self._is_excepted(number, start, stops)]

    def _is_excepted(self, number: int, first: int, stops: Stops) -> bool:
        start = self.entities[number].start
        stop = _last(stops.in_section, start + 1, first)
        return first < stop and start < self._end(stop, "list")

    def _between(self, start: int, end: int) -> list[int]:
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return [number for number in self.order[first:last] if self.entities[number].end <= end]

    def _end(self, position: int, scope: str) -> int:
        """Where a scope ends that begins at a position."""
        last = _first(self.sentence_ends, position, min(len(self.text), position + REACH))
        last = min(self._brackets(position)[1], last)
        if scope == "sentence":
            return last
        if not NUMBERED.match(self.masked, position):
            last = _first(self.items, position + 1, last)
        end = _first(self.commas, position, last)
        if scope == "condition":
            return _first(self.commas, end + 1, last)
        if ENTITY not in self.masked[position:end]:  # what a list begins with is not known
            return end
        while scope == "list" and end < last:
            following = _first(self.commas, end + 1, last)
            if not self._is_list(end + 1, following):
                break
            end = following
        return end

    def _start(self, position: int, scope: str) -> int:
        """Where a scope begins that ends at a position."""
        first = _last(self.sentence_ends, position, max(-1, position - REACH - 1))
        first = max(self._brackets(position)[0], first)
        if scope == "sentence":
            return first + 1
        first = max(_last(self.heads, position, first), _last(self.items, position, first))
        start = _last(self.commas, position, first)
        is_list = scope == "list" and self._is_list(start + 1, position)
        while is_list and start > first:
            preceding = _last(self.commas, start, first)
            if not self._is_list(preceding + 1, start):
                break
            start = preceding
        return start + 1

    def _brackets(self, position: int) -> tuple[int, int]:
        """Where the brackets around a position stand that hold an entity; without any the ends of
        the text."""
        index = bisect_left(self.opened, position) - 1
        if index >= 0 and position <= self.closed[index]:
            return self.opened[index], self.closed[index]
        return -1, len(self.text)

    def _looks_back(self, place: TextRange, trigger: Trigger) -> bool:
        """Whether a word with no entity behind is about what is before."""
        return trigger.attribute != "negated" or ENDED.match(self.masked, place.end) is not None

    def _cell(self, place: TextRange) -> int | None:
        """Where the cell ends that a word answers which fills the next one: 咳嗽 | 无 |."""
        if not CELL_END.match(self.masked, place.end):
            return None
        parting = CELL.search(self.masked, max(place.start - 8, 0), place.start)
        return parting and parting.start()

    def _role(self, place: TextRange, direction: str) -> str | None:
        """Whether a word is an answer, or the last of a clause, closed or open, and looks back as
        such."""
        before = self.masked[max(place.start - 2, 0) : place.start]
        if TOLD.search(self.masked, max(place.start - 5, 0), place.start):
            end = (CLOSED if direction == "either" else LAST).match(self.masked, place.end)
            return end and ("closed" if end[0].strip("\n") or self._is_told(place) else "open")
        if self._cell(place) is not None:
            return "answer"
        is_answer = before.rstrip().endswith(ASKED) and (
            ANSWERED.match(self.masked, place.end)
            or (before == f"{ENTITY}:" and self.masked[place.end].isspace())
        )
        return "answer" if is_answer else None

    def _is_told(self, place: TextRange) -> bool:
        """Whether a patient says it, who answers rather than asks."""
        return TOLD_BY.match(self.masked, self.masked.rfind("\n", 0, place.start) + 1) is not None

    def _is_list(self, start: int, end: int) -> bool:
        return LIST.fullmatch(self.masked, start, end) is not None and not any(
            map(self._is_statement, self._between(start, end))
        )

    def _is_statement(self, number: int) -> bool:
        start, end = self.entities[number]
        return STATEMENT.search(self.text[start:end]) is not None


def _first(places: Sequence[int], position: int, default: int) -> int:
    """The first of sorted places from a position on."""
    index = bisect_left(places, position)
    return min(places[index], default) if index < len(places) else default


def _last(places: Sequence[int], position: int, default: int) -> int:
    """The last of sorted places before a position."""
    index = bisect_left(places, position)
    return max(places[index - 1], default) if index else default


def distance(place: TextRange, entity: TextRange) -> int:
    return max(entity.start - place.end, place.start - entity.end)
