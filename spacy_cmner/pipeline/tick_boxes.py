"""What the tick boxes of a form made text say, in characters that the rules for prose read.

A ticked answer stands alone, and its question is none any more: 是否有高血压？ □有 ☑无 becomes
高血压：无，. Beside an entity an unticked box is left, where another is ticked on the line, as the
trigger that denies it: ☑咳嗽 □咳痰, 咳嗽√ 咳痰□.
"""

import re

from spacy_cmner.pipeline.masking import ENTITY

# In the place of what is not said: neither a blank nor punctuation.
NOTHING = "\1"
# Triggers: an unticked box before an entity, and one behind it.
DENIED, DENIES = "□", "☐"
# What is left of boxes.
READ = NOTHING + DENIED + DENIES
_UNTICKED = r"(?:[□☐○◯]|\[ \]|\( \))"
_TICKED = r"(?:[☑☒■●√✓✔]|\[[√✓✔x]\]|\([√✓✔]\))"
_BOX = rf"(?:{_UNTICKED}|{_TICKED})"
_HAS_BOX = re.compile(_BOX)
_HAS_TICK = re.compile(_TICKED)
_WORD = "(?:不?存在|没?有|无|是|否|[阴阳]性|正常|异常|不详|不明|不清楚?|未[知查见])"
# No answer: ☑无发热
_ANSWER = rf"{_WORD}(?![\w{ENTITY}])"
_PARTING = r"[ \t]*(?:[,、/][ \t]*)?"
# The boxes stand before the answers (□有 ☑无) or behind them (有□ 无☑).
_ANSWERS = re.compile(
    rf"(?:(?<={ENTITY})[ \t]+)?"
    rf"(?:(?:{_BOX} ?{_ANSWER}{_PARTING})+|(?P<behind>(?:{_WORD} ?{_BOX}{_PARTING})+))"
)
_TICKED_BEFORE = re.compile(rf"{_TICKED} ?({_ANSWER})")
_TICKED_BEHIND = re.compile(rf"({_WORD}) ?{_TICKED}")
# In an answer that decides, and what asks in the clause before it.
_DECIDED = re.compile("[有无没是性在]")
_QUESTION = re.compile(r"是否有?|有无|有没有|\?[ \t]*$")
# Entities with their boxes, and the blanks between these.
_BOX_FIRST = re.compile(rf"{_UNTICKED}(?= ?{ENTITY})")
_BOX_LAST = re.compile(rf"(?<={ENTITY}) ?{_UNTICKED}")
_BETWEEN_FIRST = re.compile(rf"(?<=[^: ]) (?={_TICKED}|{DENIED})")
_BETWEEN_LAST = re.compile(rf"(?:(?<=[☑☒■●√✓✔\])])|(?<={DENIES})) ")


def read_boxes(masked: str) -> str:
    """Rewrite the boxes and their answers, in time linear in the length of the text.

    masked (str): folded to half width, with ``ENTITY`` in the place of entities.
    RETURNS (str): of the same length: entities and words are where they were.
    """
    if not _HAS_BOX.search(masked):
        return masked
    lines = masked.split("\n")
    return "\n".join(_read_line(line) if _HAS_BOX.search(line) else line for line in lines)


def _read_line(line: str) -> str:
    rest = _read_answers(line).replace(DENIED, "○").replace(DENIES, "○")
    first = _HAS_BOX.search(rest)
    if first is None or not _HAS_TICK.search(line):
        return rest
    before, behind = rest[: first.start()], rest[first.end() :]
    if before.endswith(ENTITY) or (before.endswith(f"{ENTITY} ") and not behind.startswith(ENTITY)):
        rest = _BOX_LAST.sub(lambda box: DENIES.rjust(len(box[0]), NOTHING), rest)
        return _BETWEEN_LAST.sub(",", rest)
    rest = _BOX_FIRST.sub(lambda box: DENIED.rjust(len(box[0]), NOTHING), rest)
    return _BETWEEN_FIRST.sub(",", rest)


def _read_answers(line: str) -> str:
    read: list[str] = []
    last = 0
    for answers in _ANSWERS.finditer(line):
        asked, said = line[last : answers.start()], _say(answers)
        if _DECIDED.search(said):
            clause = max(map(asked.rfind, ",。;")) + 1
            asked = asked[:clause] + _QUESTION.sub(_drop, asked[clause:])
        read += [asked, said]
        last = answers.end()
    return "".join([*read, line[last:]])


def _drop(words: re.Match[str]) -> str:
    return NOTHING * len(words[0])


def _say(answers: re.Match[str]) -> str:
    """The ticked one of some answers, between a colon and a comma where there is room."""
    said = [NOTHING] * len(answers[0])
    style = _TICKED_BEHIND if answers["behind"] else _TICKED_BEFORE
    for ticked in style.finditer(answers[0]):
        start, end = ticked.span(1)
        if start:
            said[start - 1] = ":"
        said[start:end] = answers[0][start:end].replace("否", "无")
        said[end : end + 1] = "," * (end < len(said))
    return "".join(said)
