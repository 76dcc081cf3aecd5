"""Every occurrence of many words, found in one pass over the text.

Both the lexicon models and the dictionary component look words up; this is the part they share.

Aho and Corasick (1975), "Efficient string matching: an aid to bibliographic search".
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import ahocorasick
import numpy as np
import numpy.typing as npt

# Stands between the texts of a batch; an occurrence across it is not one.
SEPARATOR = "\x00"

Ints = npt.NDArray[np.int64]


class Matches(NamedTuple):
    """Word occurrences in texts packed end to end.

    words (Ints1d): (M,) number of the word.
    starts (Ints1d): (M,) packed position of its first character.
    ends (Ints1d): (M,) packed position after its last character.
    """

    words: Ints
    starts: Ints
    ends: Ints


class Automaton:
    """Finds all occurrences of words, overlapping ones too.

    words (Sequence[str]): V distinct words that are not empty; their index is their number.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._lengths = np.array([len(word) for word in words], dtype=np.int64)
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, word in enumerate(words):
            self._automaton.add_word(word, number)
        self._automaton.make_automaton()

    def __call__(self, texts: Sequence[str]) -> Matches:
        """All occurrences in the texts, whose characters count as packed end to end.

        They come in the order of their ends, those with the same end the longest first.
        """
        if not len(self._lengths):
            empty = np.zeros(0, dtype=np.int64)
            return Matches(empty, empty, empty)
        found = self._automaton.iter(SEPARATOR.join(texts))
        table = np.fromiter(chain.from_iterable(found), dtype=np.int64).reshape(-1, 2)
        # Each text is shifted by the separators before it.
        begins = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
        shift = np.searchsorted(begins, table[:, 0], side="right") - 1
        ends = table[:, 0] - shift + 1
        return Matches(table[:, 1], ends - self._lengths[table[:, 1]], ends)
