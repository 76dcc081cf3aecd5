"""One token a character, so that a token's index is its character's offset.

spaCy's own character tokenizer for Chinese merges runs of whitespace and hides a single blank
in the token before it; offsets and tokens then differ, and annotations no longer line up.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.attrs import LENGTH, ORTH, SPACY
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab

REPLACEMENT = "\ufffd"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# The code points of characters met so far, by the hash that every vocabulary gives them: in a slot
# that the hash names, or beside the slots where another character was there first. A slot is of one
# hash for ever, which is written last: threads may read it at any time.
_SLOTS = 1 << 17
_HASHES = np.zeros(_SLOTS, dtype=np.uint64)
_CODES = np.zeros(_SLOTS, dtype=np.int64)
_OWNERS: dict[int, int] = {}
_OTHERS: dict[int, int] = {}


class _Orths(dict[str, int]):
    """Characters to the hashes that every vocabulary gives them."""

    def __missing__(self, character: str) -> int:
        return self.setdefault(character, get_string_id(character))


_ORTHS = _Orths()


def replace_surrogates(text: str) -> str:
    """Put U+FFFD in the place of each lone surrogate: spaCy's strings are UTF-8, which has none.

    One character replaces one, so every offset stays what it was.
    """
    # What can be printed holds none, and that is seen many times as fast.
    return text if text.isprintable() else _LONE_SURROGATE.sub(REPLACEMENT, text)


def char_doc(vocab: Vocab, text: str) -> Doc:
    """Make a Doc in which `token.i` is the offset of its one character, whitespace included.

    vocab (Vocab): The vocabulary of the Doc.
    text (str): Any text; lone surrogates become U+FFFD, all else is kept as `doc.text`.
    RETURNS (Doc): As many tokens as `text` has characters.
    """
    text = replace_surrogates(text)
    spaces = [False] * len(text)
    # By their hashes words are found in half the time, but only those that the vocabulary knows.
    hashes: list[Any] = list(map(_ORTHS.__getitem__, text))
    try:
        return Doc(vocab, words=hashes, spaces=spaces)
    except KeyError:
        return Doc(vocab, words=list(text), spaces=spaces)


class CharDocs(list[Doc]):
    """A batch of documents of one token a character with their texts, so that the layers which read
    these need not take them out of the tokens again.

    docs (Iterable[Doc]): the documents.
    texts (Sequence[str]): of each document.
    """

    def __init__(self, docs: Iterable[Doc], texts: Sequence[str]) -> None:
        super().__init__(docs)
        self.texts = list(texts)


def code_points(docs: Sequence[Doc]) -> npt.NDArray[np.int64] | None:
    """The code points of documents that have one token a character, packed end to end.

    Far faster than `doc.text`, which builds a Token for every character.

    RETURNS (Optional[Ints1d]): (N,) code points; None if any token is longer than a character or
        is followed by a blank that is no token.
    """
    if not docs:
        return np.zeros(0, dtype=np.int64)
    if isinstance(docs, CharDocs):
        joined = "".join(docs.texts).encode("utf-32-le")
        return np.frombuffer(joined, dtype="<u4").astype(np.int64)
    tokens = np.concatenate([doc.to_array([ORTH, SPACY]) for doc in docs])
    if tokens[:, 1].any():
        return None
    orths = tokens[:, 0].astype(np.uint64)
    slots = (orths % _SLOTS).astype(np.int64)
    missed = np.flatnonzero(_HASHES[slots] != orths)
    codes = _CODES[slots]
    if len(missed):
        distinct, inverse = np.unique(orths[missed], return_inverse=True)
        found = [_code_point(docs, orth) for orth in distinct.tolist()]
        if None in found:
            return None
        codes[missed] = np.array(found, dtype=np.int64)[inverse]
    return codes


def _code_point(docs: Sequence[Doc], orth: int) -> int | None:
    """The character with a hash, remembered; None if it is the hash of another kind of string."""
    if orth not in _OTHERS:
        stores: Iterator[Any] = (doc.vocab.strings for doc in docs)  # stubs forbid hashes in them
        word = next(strings[orth] for strings in stores if orth in strings)
        if len(word) != 1:
            return None
        slot = orth % _SLOTS
        if _OWNERS.setdefault(slot, orth) == orth:
            _CODES[slot] = ord(word)
            _HASHES[slot] = orth
        else:
            _OTHERS[orth] = ord(word)
        return ord(word)
    return _OTHERS[orth]


def token_sizes(doc: Doc) -> npt.NDArray[np.int64]:
    """How many characters of `doc.text` each token takes; a blank goes with the token before it."""
    return doc.to_array([LENGTH, SPACY]).sum(axis=1, dtype=np.int64)


def is_char_doc(doc: Doc) -> bool:
    """Whether a token's index is its offset: every token is a character, and no blank is between
    two."""
    if not len(doc):
        return True
    # No token is empty, so the last one can only begin there if none before it takes more.
    last = doc[-1]
    return last.idx == len(doc) - 1 and len(last) == 1 and not last.whitespace_


def read_texts(docs: Sequence[Doc]) -> list[str]:
    """`doc.text` of each document, fast where one token is one character."""
    if isinstance(docs, CharDocs):
        return docs.texts
    codes = code_points(docs)
    if codes is None:
        return [docs[0].text] if len(docs) == 1 else [read_text(doc) for doc in docs]
    joined = codes.astype("<u4").tobytes().decode("utf-32-le")
    ends = np.cumsum([len(doc) for doc in docs], dtype=np.int64).tolist()
    return [joined[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def read_text(doc: Doc) -> str:
    """As ``read_texts``, of one document."""
    return read_texts([doc])[0]


class CharTokenizer(DummyTokenizer):
    """Tokenizer of a pipeline that reads characters. It has no state to save but the vocab."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        return char_doc(self.vocab, text)


def create_char_tokenizer() -> Callable[[Language], CharTokenizer]:
    """Registered as the tokenizer `spacy-cmner.char_tokenizer.v1`."""

    def make_char_tokenizer(nlp: Language) -> CharTokenizer:
        return CharTokenizer(nlp.vocab)

    return make_char_tokenizer
