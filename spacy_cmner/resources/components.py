"""What a character is made of: its radical, then its other parts.

The radical tells the field of meaning (疒 illness, ⺼ flesh), the other parts often the sound. The
radical comes from Unihan, which alone tells ⺼ (flesh, radical 130: 肝) from 月 (moon, radical 74:
期), though they look the same; the other parts come from cjk-decomp.

Sources: Unicode Han Database, property kRSUnicode; Gavin Grover, cjk-decomp.
"""

import bz2
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from spacy_cmner.errors import Messages
from spacy_cmner.resources import store
from spacy_cmner.resources.charset import is_hanzi

KIND = "components"
PADDING = ""
PACKED = ".bz2"
SOURCES = {
    "radicals": "Unicode Character Database, Unihan kRSUnicode; licences/Unicode-data.txt",
    "other parts": "cjk-decomp; licences/MIT-cjk-decomp.txt",
}
FLESH = 130
# How cjk-decomp draws a radical where Unihan lists no such form.
DRAWN_AS = {
    11: "人",
    23: "匚",
    26: "㔾",
    55: "卄",
    61: "㣺",
    73: "日",
    80: "母",
    96: "王",
    129: "⺺",
    FLESH: "月",
    140: "卄",
    163: "阝",
}
# A part that fewer characters share says little about any of them, so it is taken apart itself.
MIN_SHARED = 2


@dataclass(frozen=True, eq=False)
class ComponentTable:
    """Characters as sequences of parts, the radical first.

    A radical has one sign whatever its form in the character: 水 stands for 氵 too. Characters
    that are not hanzi have one part that names their class, for example "<digit>".

    chars (tuple[str, ...]): C characters.
    parts (tuple[str, ...]): the vocabulary of parts; index 0 is padding.
    ids (ndarray): (C, K) int32, indices of `parts`, padded on the right with 0.
    metadata (dict[str, Any]): where the parts come from.
    """

    chars: tuple[str, ...]
    parts: tuple[str, ...]
    ids: np.ndarray
    metadata: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each character."""
        return {char: row for row, char in enumerate(self.chars)}

    def parts_of(self, char: str) -> tuple[str, ...]:
        """The parts of a character of the table, the radical first."""
        return tuple(self.parts[i] for i in self.ids[self.rows[char]] if i)

    def lengths(self) -> dict[int, int]:
        """How many characters have so many parts."""
        return dict(sorted(Counter((self.ids != 0).sum(axis=1).tolist()).items()))

    def with_k(self, k: int) -> "ComponentTable":
        """The same table with K parts a character: longer sequences lose parts at their end, never
        the radical; shorter ones are padded.

        k (int): how many parts, at least 1.
        RETURNS (ComponentTable): with `ids` of shape (C, k).
        RAISES (CmnerError): CM213 for k below 1.
        """
        if k < 1:
            raise Messages.CM213.error(k=k)
        ids = self.ids[:, :k]
        return replace(self, ids=np.pad(ids, ((0, 0), (0, k - ids.shape[1]))))

    def save(self, path: Path | str) -> None:
        """Write the table; the same table gives the same bytes.

        path (Path | str): where to write.
        """
        arrays = {
            "chars": np.array([ord(char) for char in self.chars], dtype="<u4"),
            "parts": np.array(self.parts, dtype=np.str_),
            "ids": self.ids.astype("<i4"),
        }
        store.save(path, KIND, arrays, self.metadata)

    @classmethod
    def load(cls, path: Path | str) -> "ComponentTable":
        """Read a table.

        path (Path | str): a file that `save` wrote.
        RETURNS (ComponentTable): the table.
        RAISES (CmnerError): CM201 to CM204, see `store.load`.
        """
        arrays, metadata = store.load(path, KIND, ("chars", "parts", "ids"))
        return cls(
            chars=tuple(map(chr, arrays["chars"].tolist())),
            parts=tuple(arrays["parts"].tolist()),
            ids=arrays["ids"],
            metadata=metadata,
        )


def build_components(
    chars: Iterable[str], *, unicode_data: Path | str, cjk_decomp: Path | str
) -> ComponentTable:
    """Take characters to pieces.

    A part that only one of the characters has is itself replaced by its parts, the largest first,
    but never by single strokes. What is there twice is listed twice (朋 is 月 月).

    chars (Iterable[str]): the characters; repeated ones count once.
    unicode_data (Path | str): the folder of the Unicode Character Database with Unihan_IRGSources,
        EquivalentUnifiedIdeograph and CJKRadicals, as .txt or .txt.bz2.
    cjk_decomp (Path | str): the file cjk-decomp.txt or cjk-decomp.txt.bz2.
    RETURNS (ComponentTable): with as many columns as the longest sequence needs.
    RAISES (CmnerError): CM214 for a missing file, CM215 for one of another form.
    """
    chars = tuple(dict.fromkeys(chars))
    radicals = _Radicals(Path(unicode_data))
    decomposition = _Decomposition(Path(cjk_decomp))
    sequences = [_radical_first(char, radicals, decomposition) for char in chars]
    sequences = _without_rare_parts(sequences, decomposition)
    sequences = [[radicals.sign_of(part) for part in sequence] for sequence in sequences]

    counts = Counter(chain.from_iterable(sequences))
    parts = (PADDING, *sorted(counts, key=lambda part: (-counts[part], part)))
    index = {part: i for i, part in enumerate(parts)}
    ids = np.zeros((len(chars), max(map(len, sequences), default=1)), dtype=np.int32)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = [index[part] for part in sequence]
    return ComponentTable(chars, parts, ids, {"sources": SOURCES})


class _Radicals:
    """The 214 radicals: which one a character has, and the forms that each one takes."""

    def __init__(self, folder: Path) -> None:
        self.number_of: dict[str, int] = {}
        self.forms: dict[int, set[str]] = {n: set(drawn) for n, drawn in DRAWN_AS.items()}
        self._signs: dict[int, str] = {}
        self._number_of_form: dict[str, int] = {}
        # 130.3 is radical 130 and three strokes; 149'.2 has a simplified radical
        for char, number, strokes in _read(
            folder / "Unihan_IRGSources.txt", r"U\+(\w+)\tkRSUnicode\t(\d+)'*\.(-?\d+)"
        ):
            self.number_of[_char(char)] = int(number)
            if int(strokes) <= 0:  # nothing but the radical; 王 has one stroke less than 玉
                self._add_form(int(number), _char(char))
        for number, char in _read(folder / "CJKRadicals.txt", r"(\d+)'?;[^;]*; *(\w+)"):
            self._signs[int(number)] = _char(char)  # a simplified sign comes after the full one
            self._add_form(int(number), _char(char))
        for first, last, char in _read(
            folder / "EquivalentUnifiedIdeograph.txt", r"(\w+)(?:\.\.(\w+))? *; *(\w+)"
        ):
            for code in range(int(first, 16), int(last or first, 16) + 1):
                self._add_form(self.number_of[_char(char)], chr(code))
        self._signs[FLESH] = "⺼"

    def sign(self, number: int) -> str:
        """The one sign of a radical, whatever its form."""
        return self._signs[number]

    def sign_of(self, part: str) -> str:
        """The sign of a part that is a form of a radical; any other part as it is."""
        number = self._number_of_form.get(part)
        return part if number is None else self._signs[number]

    def _add_form(self, number: int, form: str) -> None:
        self.forms.setdefault(number, set()).add(form)
        self._number_of_form.setdefault(form, number)


class _Decomposition:
    """cjk-decomp: what each character, or numbered part without a character, is drawn of."""

    def __init__(self, path: Path) -> None:
        self._parts: dict[str, list[str]] = {}
        for whole, how, parts in _read(path, r"(.+?):([\w/]+)\((.*)\)"):
            repeats = re.match(r"r(?!ef|ot)(\d?)", how)  # repeated, not only reflected or rotated
            times = int(repeats[1] or 2) if repeats else 1
            self._parts[whole] = [part for part in parts.split(",") if part] * times

    def parts(self, whole: str) -> list[str]:
        """The next smaller parts; none of what is not known, or is elementary."""
        return self._parts.get(whole, [])

    def splits(self, whole: str) -> bool:
        """Whether a part has parts that are more than single strokes."""
        parts = self.parts(whole)
        return bool(parts) and not any(map(_is_stroke, parts))

    @cache  # noqa: B019 (one object a build)
    def height(self, whole: str) -> int:
        """How many times a part can be taken apart."""
        if not self.splits(whole):
            return 0
        return 1 + max(map(self.height, self.parts(whole)))

    def without(self, whole: str, forms: set[str]) -> list[str] | None:
        """The parts but for the first that is among `forms`; None if there is no such part."""
        if whole in forms:
            return []
        for i, part in enumerate(self.parts(whole)):
            rest = self.without(part, forms)
            if rest is not None:
                return [*self.parts(whole)[:i], *rest, *self.parts(whole)[i + 1 :]]
        return None


def _radical_first(char: str, radicals: _Radicals, decomposition: _Decomposition) -> list[str]:
    if not is_hanzi(char) or char not in radicals.number_of:
        return [_class_of(char)]
    number = radicals.number_of[char]
    rest = decomposition.without(char, radicals.forms[number])
    if rest is None:  # the radical is hidden in the drawing
        rest = decomposition.parts(char)
    if all(map(_is_stroke, rest)):
        rest = []
    return [radicals.sign(number), *rest]


def _without_rare_parts(
    sequences: list[list[str]], decomposition: _Decomposition
) -> list[list[str]]:
    heights = {decomposition.height(part) for sequence in sequences for part in sequence[1:]}
    for height in range(max(heights, default=0), 0, -1):
        counts = Counter(part for sequence in sequences for part in set(sequence[1:]))
        replaced = {
            part: decomposition.parts(part)
            for part, count in counts.items()
            if count < MIN_SHARED and decomposition.height(part) == height
        }
        sequences = [
            [first, *chain.from_iterable(replaced.get(part, [part]) for part in rest)]
            for first, *rest in sequences
        ]
    return sequences


def _class_of(char: str) -> str:
    """The one part of a character that is no hanzi."""
    category = unicodedata.category(char)
    if category.startswith("N"):
        return "<digit>"
    if category.startswith("P"):
        return "<punctuation>"
    if "LATIN" in unicodedata.name(char, ""):
        return "<latin>"
    return "<other>"


def _is_stroke(part: str) -> bool:
    return "\u31c0" <= part <= "\u31ef"


def _char(code: str) -> str:
    return chr(int(code, 16))


def _read(path: Path, pattern: str) -> list[tuple[str, ...]]:
    """The groups of a pattern in the lines of a data file, as text or compressed, whichever of the
    two is named."""
    plain = path.with_suffix("") if path.suffix.lower() == PACKED else path
    packed = plain.with_name(f"{plain.name}{PACKED}")
    found = next((file for file in (path, plain, packed) if file.is_file()), None)
    if found is None:
        raise Messages.CM214.error(path=plain)
    unpack = bz2.open if found.suffix.lower() == PACKED else open
    with unpack(found, "rt", encoding="utf8") as file:
        matches = re.findall(f"^{pattern}", file.read(), flags=re.MULTILINE)
    if not matches:
        raise Messages.CM215.error(path=found)
    return matches
