"""Texts without their entities, for rules about what stands around these."""

import re
from collections.abc import Iterable

from spacy_cmner.types import TextRange

# Stands for each character of an entity.
ENTITY = "\0"
LENGTH = re.compile(
    r"[\d.~+半一二两三四五六七八九十数几余多个-]+(?:年|月|周|天|日|小时|分钟)[余多半]?"
)


def mask(text: str, entities: Iterable[TextRange]) -> str:
    """``ENTITY`` in the place of entities: no trigger reads on inside of one, but for a length of
    time, as 3天前 is a trigger."""
    characters = list(text)
    for start, end in entities:
        if not LENGTH.fullmatch(text, start, end):
            characters[start:end] = ENTITY * (end - start)
    return "".join(characters)


def unmask(text: str, masked: str) -> str:
    """The text with what has been rewritten beside its entities."""
    pairs = zip(text, masked, strict=True)
    return "".join(old if new == ENTITY else new for old, new in pairs)
