"""What the words around an entity say of it: that it is absent, doubtful, someone else's or past.

A trigger reaches from its place to the end of its scope, in the direction it has, and gives its
attribute to the entities there. Scopes end at punctuation or at a terminator, such as 但. A longer
trigger hides the shorter ones in it; a pseudo-trigger (无明显诱因) does nothing but that.

Harkema et al. (2009), "ConText: An algorithm for determining negation, experiencer, and temporal
status from clinical reports", section 3.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from spacy_cmner.data.files import read_lines
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.types import TextRange

ATTRIBUTES = ("negated", "uncertain", "family", "past")
DIRECTIONS = ("forward", "backward", "either", "pseudo", "terminator")
SCOPES = ("adjacent", "answer", "clause", "list", "sentence")

# All folded to half width.
SENTENCE_END = re.compile(r"[。!?;\n]")
COMMA = re.compile(",")
# Stands for each character of an entity.
ENTITY = "\0"
# A clause that only goes on with a list of entities.
LIST = re.compile(rf"(?:[{ENTITY}\s、和及与或等史]|病史|以及|症状|情况)*")
# What a word stands between that answers what is before it.
ASKED = (":", "(")
ANSWERED = re.compile(r"\s*(?:[,。!?;、)\n]|$)")
# How many characters an adjacent trigger may leave free.
GAP = 2


class Trigger(NamedTuple):
    """A word that says something of the entities around it.

    trigger (str): the word.
    direction (str): forward, backward or either reach entities behind the word, before it, or
        before it if there are none behind; a terminator ends scopes; pseudo does nothing.
    attribute (Optional[str]): one of ``ATTRIBUTES``. Of a terminator: whose scopes end; None
        means all.
    scope (str): sentence ends at 。！？； and line breaks, clause at commas too; list is a clause
        with the clauses after it (before it) that hold nothing but entities; adjacent leaves at
        most two characters between the word and the entity; answer is a clause whose last word
        this is, behind a colon or in brackets: 高血压：否认.
    """

    trigger: str
    direction: str
    attribute: str | None = None
    scope: str = "clause"


# attribute → the trigger's place
Assertion = dict[str, TextRange]


def read_triggers(path: Path) -> list[Trigger]:
    """Read triggers from a JSONL file whose objects have the fields of ``Trigger``.

    RAISES: CM101 and CM102 for a file that cannot be read, CM411 for a line that is no trigger.
    """
    expected = "a JSON object with the fields of a trigger"
    triggers = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            trigger = Trigger(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            raise Messages.CM411.error(path=path, line=number, expected=expected) from None
        if not _is_valid(trigger):
            raise Messages.CM411.error(path=path, line=number, expected=expected)
        triggers.append(trigger)
    return triggers


def _is_valid(trigger: Trigger) -> bool:
    has_attribute = trigger.attribute in ATTRIBUTES
    if trigger.direction in ("pseudo", "terminator"):
        has_attribute = has_attribute or trigger.attribute is None
    return (
        isinstance(trigger.trigger, str)
        and bool(trigger.trigger.strip())
        and trigger.direction in DIRECTIONS
        and trigger.scope in SCOPES
        and has_attribute
    )


class ContextRules:
    """Applies triggers to the entities of texts.

    triggers (Iterable[Trigger]): a word may be several triggers.
    """

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        self.triggers = list(triggers)
        self._matcher = TermMatcher(whole_words=False)
        self._matcher.add((trigger.trigger, "trigger") for trigger in self.triggers)
        self._by_word: dict[str, list[Trigger]] = {}
        for trigger in self.triggers:
            word = self._matcher.fold(trigger.trigger.strip())
            self._by_word.setdefault(word, []).append(trigger)

    def __call__(self, text: str, entities: Sequence[TextRange]) -> list[Assertion]:
        """What the text says of each entity; of several triggers, the nearest one is named.

        Triggers inside of entities do not count.

        entities (Sequence[TextRange]): may overlap, in any order.
        RETURNS (List[Assertion]): one an entity.
        """
        return self.find([text], [entities])[0]

    def find(
        self, texts: Sequence[str], entities: Sequence[Sequence[TextRange]]
    ) -> list[list[Assertion]]:
        """The same for each of several texts: far faster than one by one."""
        masked = [
            _mask(self._matcher.fold(text), places)
            for text, places in zip(texts, entities, strict=True)
        ]
        found = self._matcher.find(masked)
        return [
            self._assert(text, places, [TextRange(start, end) for start, end, _ in words])
            for text, places, words in zip(masked, entities, found, strict=True)
        ]

    def _assert(
        self, text: str, entities: Sequence[TextRange], words: Sequence[TextRange]
    ) -> list[Assertion]:
        """text (str): folded, without its entities. words (Sequence[TextRange]): of triggers."""
        assertions: list[Assertion] = [{} for _ in entities]
        if not words:
            return assertions
        context = _Context(text, entities)
        found = [(place, self._by_word[text[place.start : place.end]]) for place in words]
        stops = {attribute: _Stops([], []) for attribute in ATTRIBUTES}
        for place, triggers in found:
            for trigger in triggers:
                if trigger.direction == "terminator":
                    for attribute in [trigger.attribute] if trigger.attribute else ATTRIBUTES:
                        stops[attribute].starts.append(place.start)
                        stops[attribute].ends.append(place.end)
        for place, triggers in found:
            for trigger in triggers:
                if trigger.attribute is None or trigger.direction in ("pseudo", "terminator"):
                    continue
                for number in context.reached(place, trigger, stops[trigger.attribute]):
                    entity, assertion = entities[number], assertions[number]
                    other = assertion.get(trigger.attribute)
                    if other is None or _distance(place, entity) < _distance(other, entity):
                        assertion[trigger.attribute] = place
        return assertions


def _mask(text: str, entities: Iterable[TextRange]) -> str:
    """No trigger reads on inside of an entity."""
    characters = list(text)
    for start, end in entities:
        characters[start:end] = ENTITY * (end - start)
    return "".join(characters)


class _Stops(NamedTuple):
    """Where terminators of an attribute start and end, in the order of the text."""

    starts: list[int]
    ends: list[int]


class _Context:
    """A masked text, its entities, and the places where scopes end."""

    def __init__(self, text: str, entities: Sequence[TextRange]) -> None:
        self.text = text
        self.entities = entities
        self.order = sorted(range(len(entities)), key=lambda number: entities[number].start)
        self.starts = [entities[number].start for number in self.order]
        self.sentence_ends = [match.start() for match in SENTENCE_END.finditer(text)]
        self.commas = [match.start() for match in COMMA.finditer(text)]

    def reached(self, place: TextRange, trigger: Trigger, stops: _Stops) -> list[int]:
        """The numbers of the entities in a trigger's scope."""
        reached: list[int] = []
        is_answer = self._is_answer(place)
        if trigger.scope == "answer" and not is_answer:
            return reached
        if trigger.direction in ("forward", "either") and not is_answer:
            end = self._end(place.end, trigger.scope)
            reached = self._between(place.end, _first(stops.starts, place.end, end))
        if trigger.direction == "backward" or (trigger.direction == "either" and not reached):
            start = self._start(place.start, trigger.scope)
            reached = self._between(_last(stops.ends, place.start + 1, start), place.start)
        if trigger.scope == "adjacent":
            reached = [i for i in reached if _distance(place, self.entities[i]) <= GAP]
        return reached

    def _between(self, start: int, end: int) -> list[int]:
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return [number for number in self.order[first:last] if self.entities[number].end <= end]

    def _end(self, position: int, scope: str) -> int:
        """Where a scope ends that begins at a position."""
        last = _first(self.sentence_ends, position, len(self.text))
        if scope == "sentence":
            return last
        end = _first(self.commas, position, last)
        while scope == "list" and end < last:
            following = _first(self.commas, end + 1, last)
            if not self._is_list(end + 1, following):
                break
            end = following
        return end

    def _start(self, position: int, scope: str) -> int:
        """Where a scope begins that ends at a position."""
        first = _last(self.sentence_ends, position, -1)
        if scope == "sentence":
            return first + 1
        start = _last(self.commas, position, first)
        while scope == "list" and start > first:
            preceding = _last(self.commas, start, first)
            if not self._is_list(preceding + 1, start):
                break
            start = preceding
        return start + 1

    def _is_answer(self, place: TextRange) -> bool:
        before = self.text[max(place.start - 2, 0) : place.start].rstrip()
        return before.endswith(ASKED) and ANSWERED.match(self.text, place.end) is not None

    def _is_list(self, start: int, end: int) -> bool:
        return LIST.fullmatch(self.text, start, end) is not None


def _first(places: Sequence[int], position: int, default: int) -> int:
    """The first of sorted places from a position on."""
    index = bisect_left(places, position)
    return min(places[index], default) if index < len(places) else default


def _last(places: Sequence[int], position: int, default: int) -> int:
    """The last of sorted places before a position."""
    index = bisect_left(places, position)
    return max(places[index - 1], default) if index else default


def _distance(place: TextRange, entity: TextRange) -> int:
    return max(entity.start - place.end, place.start - entity.end)
