"""Which words of a lexicon stand where in a batch: the front end of all lexicon models.

Every occurrence of every word is found, also those that overlap. What a model makes of them is
its own affair.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import srsly
from spacy.tokens import Doc
from thinc.model import Model, deserialize_attr, serialize_attr

from spacy_cmner.automaton import Automaton, Ints, Matches
from spacy_cmner.errors import Messages
from spacy_cmner.layers.sentences import Sentences, spread
from spacy_cmner.resources.lexicon import places_in_words
from spacy_cmner.tokenizer import read_texts


class Places(NamedTuple):
    """Word occurrences as seen from the characters: one row a character of an occurrence.

    words (Ints1d): (P,) number of the word.
    characters (Ints1d): (P,) packed position of the character.
    places (Ints1d): (P,) where in the word it stands, see ``places_in_words``.
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

    def __init__(self, words: Sequence[str] = (), counts: npt.ArrayLike = ()) -> None:
        self.words = tuple(words)
        self.counts = np.array(counts, dtype=np.int64)
        self._automaton = Automaton(self.words)

    def __reduce__(self) -> tuple:
        return WordMatcher, (self.words, self.counts.tolist())

    def __call__(self, docs: Sequence[Doc]) -> Matches:
        """All occurrences in the documents, whose characters count as packed end to end.

        RAISES: CM316 if not every token is a character.
        """
        texts = read_texts(docs)
        if sum(map(len, texts)) != sum(map(len, docs)):
            raise Messages.CM316.error(text=docs[0].text[:30])
        return self._automaton(texts)


def read_words(matcher: WordMatcher, docs: Sequence[Doc], device: Any) -> tuple[Sentences]:
    """The documents as sentences, with their words of two characters or more.

    A word of one character says nothing to these models that its character does not.
    """
    found = matcher(docs)
    is_long = found.ends - found.starts > 1
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    return (Sentences(found.words[is_long], found.starts[is_long], found.ends[is_long], lengths),)


def places(matches: Matches) -> Places:
    """Spread occurrences over their characters, in the order of the occurrences."""
    holders, characters = spread(matches.starts, matches.ends)
    is_first = characters == matches.starts[holders]
    is_last = characters == matches.ends[holders] - 1
    return Places(matches.words[holders], characters, places_in_words(is_first, is_last))


@serialize_attr.register
def _serialize_matcher(_: WordMatcher, value: WordMatcher, name: str, model: Model) -> bytes:
    return srsly.msgpack_dumps({"words": value.words, "counts": value.counts.tolist()})


@deserialize_attr.register
def _deserialize_matcher(_: WordMatcher, value: bytes, name: str, model: Model) -> WordMatcher:
    return WordMatcher(**srsly.msgpack_loads(value))
