"""What the tick boxes of a form made text say, in characters that the rules for prose read.

A ticked answer stands alone (高血压 □有 ☑无 becomes 高血压：无，), and an unticked box before an
entity is left, where another is ticked on the line (☑咳嗽 □咳痰), as the trigger that denies it.
"""

import re

from spacy_cmner.pipeline.masking import ENTITY

# In the place of what is not said: neither a blank nor punctuation.
NOTHING = "\1"
# A trigger.
DENIAL = "□"
# What is left of boxes.
READ = NOTHING + DENIAL
_UNTICKED = r"(?:[□☐○◯]|\[ \]|\( \))"
_TICKED = r"(?:[☑☒■●√✓✔]|\[[√✓✔x]\]|\([√✓✔]\))"
_BOX = rf"(?:{_UNTICKED}|{_TICKED})"
_HAS_BOX = re.compile(_BOX)
_HAS_TICK = re.compile(_TICKED)
_WORD = "(?:不?存在|没?有|无|是|否|[阴阳]性|正常|异常|不详|不明|未[知查见])"
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
_DENYING = re.compile(rf"{_UNTICKED}(?= ?{ENTITY})")


def read_boxes(text: str, masked: str) -> tuple[str, str]:
    """Rewrite the boxes and their answers, in time linear in the length of the text.

    text (str): folded to half width.
    masked (str): the same with ``ENTITY`` in the place of entities.
    RETURNS (Tuple[str, str]): both, in their lengths: entities and words are where they were.
    """
    if not _HAS_BOX.search(masked):
        return text, masked
    read = "\n".join(map(_read_line, masked.split("\n")))
    pairs = zip(text, read, strict=True)
    return "".join(old if new == ENTITY else new for old, new in pairs), read


def _read_line(line: str) -> str:
    rest = _ANSWERS.sub(_read_answers, line)
    first = _HAS_BOX.search(rest)
    stands_behind = first is not None and rest[: first.start()].endswith(ENTITY)
    denial = DENIAL if _HAS_TICK.search(line) and not stands_behind else NOTHING
    rest = rest.replace(DENIAL, "☐")
    return _DENYING.sub(lambda box: denial.rjust(len(box[0]), NOTHING), rest)


def _read_answers(answers: re.Match[str]) -> str:
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
