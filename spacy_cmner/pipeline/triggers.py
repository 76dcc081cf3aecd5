"""The words that say something of the entities around them, and the files that hold them.

Harkema et al. (2009), "ConText: An algorithm for determining negation, experiencer, and temporal
status from clinical reports", section 3.
"""

import json
import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

from spacy_cmner.data.files import UNREADABLE_JSON, read_lines
from spacy_cmner.errors import Messages

ATTRIBUTES = ("negated", "uncertain", "family", "past")
DIRECTIONS = ("forward", "backward", "either", "pseudo", "terminator")
SCOPES = (
    "adjacent",
    "answer",
    "clause",
    "closed",
    "condition",
    "inside",
    "last",
    "list",
    "open",
    "section",
    "sentence",
)

ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
BRACE = re.compile("[{}]")


class Trigger(NamedTuple):
    """A word, or several of a kind, that says something of the entities around it.

    trigger (str): the word. Braces stand for any one of what is in them, with commas between:
        {爸爸,妈妈}{,代}诉 is four words.
    direction (str): forward, backward or either reach entities behind the word, before it, or
        before it if there are none behind, where one that denies ends its clause: in 结节未见强化
        not the 结节 is denied; a terminator ends scopes; pseudo does nothing.
    attribute (Optional[str]): one of ``ATTRIBUTES``. Of a terminator: whose scopes end; None
        means all. Sections end only at those whose scope is section, and leave out what is in
        the scope of those whose scope is list: 既往史：高血压，目前口服氨氯地平，否认糖尿病。
    scope (str): sentence ends at 。！？； and line breaks, clause at commas too; list is a clause
        with the clauses after it (before it) that hold nothing but entities; condition is a clause
        and the next one: 若发热，予布洛芬; adjacent leaves at most two characters between the word
        and the entity; answer is a clause whose last word this is, behind a colon or in brackets:
        高血压：否认; last is the same directly behind an entity or its 史: 头痛无; closed is last
        with punctuation behind it (发烧没有， answers), open is last where the line ends (发烧没有
        asks); section is what stands under the word as a heading (``find_sections``); inside is
        the entity that the word is part of, with something behind the word (forward), at its end
        (backward), or either. What a word says at the start of an entity goes on in the list that
        follows, if its other triggers would.
    ending (str): endings with blanks between them, of which an entity must have one; empty means
        any entity. 肺癌待查 is doubtful, 发热待查 is not: only its cause is.
    after (str): words with blanks between them, of which one must stand before it in its sentence;
        empty means that none must. Behind one of them the word says this, and not what it says
        elsewhere: 排除 denies (CT排除脑出血), but what is still to be done is in doubt
        (建议做CT排除脑出血). Headings, and words inside of an entity, do not ask for it.
    """

    trigger: str
    direction: str
    attribute: str | None = None
    scope: str = "clause"
    ending: str = ""
    after: str = ""

    def words(self) -> list[str]:
        """All words that the trigger stands for."""
        parts = ALTERNATIVES.split(self.trigger)
        choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
        return ["".join(chosen).strip() for chosen in product(*choices)]


def read_triggers(path: Path) -> list[Trigger]:
    """Read triggers from a JSONL file whose objects have the fields of ``Trigger``.

    RAISES: CM101 and CM102 for a file that cannot be read, CM411 for a line that is no trigger.
    """
    others = ", ".join(Trigger._fields[2:])
    fields = f"a JSON object with trigger, direction and, where they are needed, {others}"
    triggers = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            trigger = Trigger(**json.loads(line))
        except (*UNREADABLE_JSON, TypeError):
            raise Messages.CM411.error(path=path, line=number, expected=fields) from None
        if expected := _find_expected(trigger):
            raise Messages.CM411.error(path=path, line=number, expected=expected)
        triggers.append(trigger)
    return triggers


def _find_expected(trigger: Trigger) -> str | None:
    """What one of the fields should be, and is not; None if all are right."""
    choices = {"direction": DIRECTIONS, "scope": SCOPES}
    if trigger.attribute is not None or trigger.direction not in ("pseudo", "terminator"):
        choices["attribute"] = ATTRIBUTES
    for name, allowed in choices.items():
        if getattr(trigger, name) not in allowed:
            return f"one of {', '.join(allowed)} as {name}, not {getattr(trigger, name)!r}"
    for name in ("trigger", "ending", "after"):
        if not isinstance(getattr(trigger, name), str):
            return f"a string as {name}, not {getattr(trigger, name)!r}"
    if not all(word and not BRACE.search(word) for word in trigger.words()):
        return f"a word as trigger, in which each brace has its other, not {trigger.trigger!r}"
    return None
