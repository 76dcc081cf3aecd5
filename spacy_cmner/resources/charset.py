"""Which characters the shipped tables know.

GB2312 (1980) is the standard that every simplified Chinese font covers; clinical text adds
ASCII, and a few hundred rarer characters that chemistry, drugs and old texts need.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable

from spacy_cmner.resources.shipped import shipped


def gb2312_characters() -> list[str]:
    """All 7,445 characters of GB2312 in its own order: 682 symbols, then 6,763 hanzi."""
    lead_and_trail = range(0xA1, 0xFF)
    codes = (bytes([lead, trail]) for lead in lead_and_trail for trail in lead_and_trail)
    return [char for code in codes if (char := code.decode("gb2312", errors="ignore"))]


def ascii_characters() -> list[str]:
    """The 95 printable characters of ASCII, the blank first."""
    return [chr(code) for code in range(0x20, 0x7F)]


def frequent_characters(texts: Iterable[str], *, min_count: int = 1) -> list[str]:
    """The visible characters of texts: what a table needs beyond the standard ones.

    White space, control, private and unassigned characters, and lone surrogates, have nothing
    to show and are left out.

    texts (Iterable[str]): for example the lines of a corpus.
    min_count (int): how often a character must occur in all texts together.
    RETURNS (list[str]): by code point.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return sorted(c for c, n in counts.items() if n >= min_count and _is_visible(c))


def default_characters() -> list[str]:
    """The characters of the shipped tables: ASCII, GB2312 and the list in `charset.txt`."""
    extra = frequent_characters([shipped("charset").read_text(encoding="utf8")])
    return list(dict.fromkeys([*ascii_characters(), *gb2312_characters(), *extra]))


def is_hanzi(char: str) -> bool:
    """Whether a character is a Chinese ideograph, of any plane."""
    name = unicodedata.name(char, "")
    return name.startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH"))


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"
