"""Every occurrence of many words, found in one pass over the text.

Both the lexicon models and the dictionary component look words up; this is the part they share. It
takes and gives arrays: a library that makes a Python object of every occurrence took ten times as
long.

Aho and Corasick (1975), "Efficient string matching: an aid to bibliographic search".
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# From code points and lengths of texts packed end to end, (M,) words and (M,) their ends.
Search: TypeAlias = Callable[[npt.NDArray[np.uint32], Ints], tuple[Ints, Ints]]


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
        self._lengths = _lengths(words)
        self._search = _build(_codes(words), self._lengths) if words else _find_nothing

    def __call__(self, texts: Sequence[str]) -> Matches:
        """All occurrences in the texts, whose characters count as packed end to end.

        They come in the order of their ends, those with the same end the longest first.
        """
        words, ends = self._search(_codes(texts), _lengths(texts))
        return Matches(words, ends - self._lengths[words], ends)


def _codes(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The code points of texts packed end to end."""
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _lengths(texts: Sequence[str]) -> Ints:
    return np.array([len(text) for text in texts], dtype=np.int64)


def _build(codes: npt.NDArray[np.uint32], lengths: Ints) -> Search:
    from spacy_cmner import automaton_numba  # takes longer to import than an empty pipeline to make

    trie = automaton_numba.Trie(*automaton_numba.build(codes, lengths))
    return partial(automaton_numba.search, trie=trie)


def _find_nothing(codes: npt.NDArray[np.uint32], lengths: Ints) -> tuple[Ints, Ints]:
    nothing = np.zeros(0, dtype=np.int64)
    return nothing, nothing
