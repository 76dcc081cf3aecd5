"""What the words around an entity say of it: that it is absent, doubtful, someone else's or past.

A trigger reaches from its place to the end of its scope, in the direction it has, and gives its
attribute to the entities there. Scopes end at punctuation, at a terminator, such as 但, where
brackets around them end, or after ``scopes.REACH`` characters; those of headings, such as 既往史：,
with their section. A longer trigger hides the shorter ones in it; a pseudo-trigger (无明显诱因)
does nothing but that. Of the words in an entity (双下肢无水肿) only those count that have the scope
inside.

Harkema et al. (2009), "ConText: An algorithm for determining negation, experiencer, and temporal
status from clinical reports", section 3.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from spacy_cmner.pipeline.folding import SIMPLIFIED, Folding
from spacy_cmner.pipeline.layout import find_sections, part_fields
from spacy_cmner.pipeline.masking import mask, unmask
from spacy_cmner.pipeline.scopes import Scopes, Stops, distance
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.pipeline.tick_boxes import read_boxes
from spacy_cmner.pipeline.triggers import ATTRIBUTES, Trigger
from spacy_cmner.types import CharSpan, TextRange

# Ends a sentence as 。 does: 无发热. 5.6 and 2. do not.
PERIOD = re.compile(r"(?<!\d)\.(?=\s|$)|(?<=[一-鿿)])\.(?=[一-鿿])")
# Whom someone else asks about in a consultation: 我妈65岁，糖尿病8年; 您好，替我妈妈问的，她49岁.
_RELATIVE = r"(我?(?:[妈爸]{1,2}|[母父]亲|老[公婆]|爷爷|奶奶|外[公婆]|姥[姥爷]|岳[父母]|公公|婆婆))"
PATIENT = re.compile(
    r"(?:\w{1,4}:)?\s*(?:(?:\w{0,3}(?:医生|大夫)|[你您]?好|请问)[,!。\s]*){0,3}"
    rf"(?:{_RELATIVE}[,\s]*(?:今年)?\d{{2}}(?!天|周|年)|[替帮给]{_RELATIVE}[问咨看])"
)
# A-not-A, of which the first A is an entity or its end: 肚子疼不疼.
A_NOT_A = re.compile(r"([一-鿿])[不没]\1")
# What a minus is typed as: 移动性浊音（—）.
DASHES = "‐‑‒–—―−"
# What is no word for the past of a relative: 既往高血压。其母有哮喘史.
OF_FAMILY = re.compile("(?:史|既往)$")
# What parts the names that a heading joins: 既往史及过敏史, 既往史同前.
JOINED = re.compile("及|和|与|同前|如下")
# Stands in an entity that says several things, anywhere or before the word that counts.
SEVERAL = re.compile(r"[,。!?;\n]|(?<=.)[不未]伴")
ENUMERATED = re.compile("[、/]")

# attribute → the trigger's place
Assertion = dict[str, TextRange]


class ContextRules:
    """Applies triggers to the entities of texts.

    triggers (Iterable[Trigger]): a word may be several triggers.
    """

    def __init__(self, triggers: Iterable[Trigger]) -> None:
        self.triggers = list(triggers)
        self._outside = TermMatcher(whole_words=False)
        self._inside = TermMatcher(whole_words=False)
        self._folding = Folding()
        self._folding.update(SIMPLIFIED)
        self._folding.update(dict.fromkeys(map(ord, DASHES), ord("-")))
        by_trigger = [
            (trigger, self._fold(word)) for trigger in self.triggers for word in trigger.words()
        ]
        self._inside.add((word, "trigger") for _, word in by_trigger)
        self._outside.add(
            (word, "trigger")
            for trigger, word in by_trigger
            if trigger.scope != "inside" and not _is_heading(trigger)
        )
        # By word: what it says beyond itself, within an entity, and as a heading; whose scopes it
        # ends and which.
        self._reaching: dict[str, list[Trigger]] = {}
        self._containing: dict[str, list[Trigger]] = {}
        self._heading: dict[str, list[Trigger]] = {}
        self._stopping: dict[str, list[tuple[str, str]]] = {}
        for trigger, word in by_trigger:
            if trigger.direction == "terminator":
                ended = [trigger.attribute] if trigger.attribute else ATTRIBUTES
                self._stopping.setdefault(word, []).extend((name, trigger.scope) for name in ended)
            elif trigger.direction != "pseudo":
                inside = self._containing if trigger.scope == "inside" else self._reaching
                by_word = self._heading if _is_heading(trigger) else inside
                by_word.setdefault(word, []).append(trigger)
        self._preceding = {
            after: re.compile("|".join(map(re.escape, self._fold(after).split())))
            for after in {trigger.after for trigger in self.triggers if trigger.after}
        }
        # Only entities, and texts, with one of these are looked at: far faster than the words.
        self._hint = re.compile(_initials(self._containing))
        self._heading_hint = re.compile(rf"{_initials(self._heading)}[\w ]{{0,20}}?[】\]:\s]")

    def __call__(self, text: str, entities: Sequence[TextRange]) -> list[Assertion]:
        """What the text says of each entity; of several triggers, the nearest one is named.

        entities (Sequence[TextRange]): may overlap, in any order.
        RETURNS (List[Assertion]): one an entity.
        """
        return self.find([text], [entities])[0]

    def find(
        self, texts: Sequence[str], entities: Sequence[Sequence[TextRange]]
    ) -> list[list[Assertion]]:
        """The same for each of several texts: far faster than one by one."""
        folded = [self._fold(text) for text in texts]
        masked = [mask(text, places) for text, places in zip(folded, entities, strict=True)]
        for number, text in enumerate(masked):
            read = part_fields(read_boxes(text))
            if read != text:
                folded[number], masked[number] = unmask(folded[number], read), read
        inside = self._find_inside(folded, entities)
        found = zip(folded, masked, entities, self._outside.find(masked), strict=True)
        return [
            self._assert(Scopes(text, hidden, places), words, inside.get(owner, {}))
            if words or owner in inside or self._heading_hint.search(text)
            else [{} for _ in places]
            for owner, (text, hidden, places, words) in enumerate(found)
        ]

    def _fold(self, text: str) -> str:
        return PERIOD.sub("。", text.translate(self._folding))

    def _find_inside(
        self, texts: Sequence[str], entities: Sequence[Sequence[TextRange]]
    ) -> dict[int, dict[int, Assertion]]:
        """What words within entities say of them, by the numbers of the text and the entity."""
        found: dict[int, dict[int, Assertion]] = {}
        hinted = [
            (owner, number, text[place.start : place.end])
            for owner, (text, places) in enumerate(zip(texts, entities, strict=True))
            for number, place in enumerate(places)
            if self._hint.search(text, place.start, place.end)
        ]
        words = self._inside.find([entity for _, _, entity in hinted])
        for (owner, number, entity), places in zip(hinted, words, strict=True):
            origin = entities[owner][number].start
            assertion = self._assert_inside(entity, origin, places)
            if assertion:
                found.setdefault(owner, {})[number] = assertion
        return found

    def _assert_inside(self, entity: str, origin: int, places: Sequence[CharSpan]) -> Assertion:
        """What the first word that counts says of an entity that begins at ``origin``."""
        if SEVERAL.search(entity):
            return {}
        words = [entity[place.start : place.end] for place in places]
        stopped = {attribute for word in words for attribute, _ in self._stopping.get(word, ())}
        for place, word in zip(places, words, strict=True):
            if ENUMERATED.search(entity, 0, place.start):
                return {}
            fits = {"forward": place.end < len(entity), "backward": place.end == len(entity)}
            where = TextRange(origin + place.start, origin + place.end)
            assertion = {
                str(trigger.attribute): where
                for trigger in self._containing.get(word, ())
                if trigger.attribute not in stopped and fits.get(trigger.direction, True)
            }
            if assertion:
                return assertion
        return {}

    def _assert(
        self, scopes: Scopes, outside: Sequence[CharSpan], inside: dict[int, Assertion]
    ) -> list[Assertion]:
        """outside, inside: where words stand outside of entities, what they say within which."""
        assertions: list[Assertion] = [{} for _ in scopes.entities]
        places = [TextRange(start, end) for start, end, _ in outside]
        stops: dict[str | None, Stops] = defaultdict(lambda: Stops([], [], [], []))
        for place in places:
            for attribute, scope in self._stopping.get(scopes.text[slice(*place)], ()):
                stops[attribute].add(place, scope)
        for number, assertion in inside.items():
            assertions[number] |= assertion
            [place] = {*assertion.values()}
            if place.start == scopes.entities[number].start:
                places.append(place)
        match = PATIENT.match(scopes.text)
        patient = match and (match[1] or match[2])
        for place in places:
            word = scopes.text[place.start : place.end]
            for trigger in self._choose(self._reaching.get(word, ()), scopes, place):
                if patient and trigger.attribute == "family" and word in patient:
                    continue
                reached = scopes.reached(place, trigger, stops[trigger.attribute])
                self._note(scopes, assertions, trigger, place, reached)
        for entity, assertion in zip(scopes.entities, assertions, strict=True):
            asked = A_NOT_A.match(scopes.text, max(entity.end - 1, entity.start))
            if asked:
                assertion["uncertain"] = TextRange(entity.end, asked.end())
        if self._heading_hint.search(scopes.text):
            for section in find_sections(scopes.text, scopes.masked):
                names = dict.fromkeys((section.name, *JOINED.split(section.name)))
                for trigger in (each for name in names for each in self._heading.get(name, ())):
                    reached = scopes.under(section, stops[trigger.attribute])
                    if trigger.attribute == "uncertain":
                        reached = [i for i in reached if "negated" not in assertions[i]]
                    self._note(scopes, assertions, trigger, section.place, reached)
        for assertion in assertions:
            past = assertion.get("past")
            if past and "family" in assertion and OF_FAMILY.search(scopes.text, *past):
                del assertion["past"]
        return assertions

    def _choose(
        self, triggers: Sequence[Trigger], scopes: Scopes, place: TextRange
    ) -> Sequence[Trigger]:
        """Of what a word may say, what it says after the words that stand before it."""
        if not any(trigger.after for trigger in triggers):
            return triggers
        before = scopes.before(place)
        after = [t for t in triggers if t.after and self._preceding[t.after].search(before)]
        return after or [trigger for trigger in triggers if not trigger.after]

    def _note(
        self,
        scopes: Scopes,
        assertions: list[Assertion],
        trigger: Trigger,
        place: TextRange,
        reached: Iterable[int],
    ) -> None:
        """Let a trigger say what it says of the entities that it reaches, if it is the nearest."""
        attribute = str(trigger.attribute)
        endings = tuple(self._fold(trigger.ending).split())
        for number in reached:
            entity, assertion = scopes.entities[number], assertions[number]
            if endings and not scopes.text.endswith(endings, *entity):
                continue
            other = assertion.get(attribute)
            if other is None or distance(place, entity) < distance(other, entity):
                assertion[attribute] = place


def _is_heading(trigger: Trigger) -> bool:
    return trigger.scope == "section" and trigger.direction != "terminator"


def _initials(words: Iterable[str]) -> str:
    """A pattern of the characters that words begin with."""
    initials = "".join(re.escape(word[0]) for word in words)
    return f"[{initials}]" if initials else "(?!)"
