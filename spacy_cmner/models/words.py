"""Which words of a lexicon stand where in a batch: the front end of all lexicon models.

Every occurrence of every word is found in one pass over the texts (Aho and Corasick, 1975), also
those that overlap. What a model makes of them is its own affair.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import ahocorasick
import numpy as np
import numpy.typing as npt
import srsly
from spacy.tokens import Doc
from thinc.model import Model, deserialize_attr, serialize_attr

from spacy_cmner.tokenizer import read_text

# Stands between the texts of a batch and is in no word.
SEPARATOR = "\x00"

BEGIN, MIDDLE, END, SINGLE = range(4)

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


class Places(NamedTuple):
    """Word occurrences as seen from the characters: one row a character of an occurrence.

    words (Ints1d): (P,) number of the word.
    characters (Ints1d): (P,) packed position of the character.
    places (Ints1d): (P,) where in the word it stands: begin 0, middle 1, end 2, alone 3.
    """

    words: Ints
    characters: Ints
    places: Ints


class WordMatcher:
    """Finds the words of a lexicon in documents. Kept in a layer's ``attrs``, it is saved with
    the model.

    words (Sequence[str]): V distinct words; their index is their number.
    counts (Sequence[int]): how often each occurs in the domain's texts.
    """

    def __init__(self, words: Sequence[str] = (), counts: Sequence[int] = ()) -> None:
        self.words = tuple(words)
        self.counts = np.array(counts, dtype=np.int64)
        self.lengths = np.array([len(word) for word in self.words], dtype=np.int64)
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, word in enumerate(self.words):
            self._automaton.add_word(word, number)
        self._automaton.make_automaton()

    def __reduce__(self) -> tuple:
        return WordMatcher, (self.words, self.counts.tolist())

    def __call__(self, docs: Sequence[Doc]) -> Matches:
        """All occurrences in the documents, whose characters count as packed end to end."""
        texts = [read_text(doc) for doc in docs]
        if not self.words:
            empty = np.zeros(0, dtype=np.int64)
            return Matches(empty, empty, empty)
        found = self._automaton.iter(SEPARATOR.join(texts))
        table = np.fromiter(chain.from_iterable(found), dtype=np.int64).reshape(-1, 2)
        # Each text is shifted by the separators before it.
        begins = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
        shift = np.searchsorted(begins, table[:, 0], side="right") - 1
        ends = table[:, 0] - shift + 1
        return Matches(table[:, 1], ends - self.lengths[table[:, 1]], ends)


def places(matches: Matches) -> Places:
    """Spread occurrences over their characters, in the order of the occurrences."""
    lengths = matches.ends - matches.starts
    words = np.repeat(matches.words, lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    offset = np.arange(len(words)) - first
    length = np.repeat(lengths, lengths)
    place = np.full(len(words), MIDDLE)
    place[offset == length - 1] = END
    place[offset == 0] = BEGIN
    place[length == 1] = SINGLE
    return Places(words, np.repeat(matches.starts, lengths) + offset, place)


@serialize_attr.register
def _serialize_matcher(_: WordMatcher, value: WordMatcher, name: str, model: Model) -> bytes:
    return srsly.msgpack_dumps({"words": value.words, "counts": value.counts.tolist()})


@deserialize_attr.register
def _deserialize_matcher(_: WordMatcher, value: bytes, name: str, model: Model) -> WordMatcher:
    return WordMatcher(**srsly.msgpack_loads(value))
