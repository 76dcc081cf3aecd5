"""One token a character, so that a token's index is its character's offset.

spaCy's own character tokenizer for Chinese merges runs of whitespace and hides a single blank
in the token before it; offsets and tokens then differ, and annotations no longer line up.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from spacy.attrs import ORTH, SPACY
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab

REPLACEMENT = "\ufffd"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# The code points of characters met so far, by the hash that every vocabulary gives them.
_CODE_POINTS: dict[int, int] = {}


def replace_surrogates(text: str) -> str:
    """Put U+FFFD in the place of each lone surrogate: spaCy's strings are UTF-8, which has none.

    One character replaces one, so every offset stays what it was.
    """
    return _LONE_SURROGATE.sub(REPLACEMENT, text)


def char_doc(vocab: Vocab, text: str) -> Doc:
    """Make a Doc in which `token.i` is the offset of its one character, whitespace included.

    vocab (Vocab): The vocabulary of the Doc.
    text (str): Any text; lone surrogates become U+FFFD, all else is kept as `doc.text`.
    RETURNS (Doc): As many tokens as `text` has characters.
    """
    return Doc(vocab, words=list(replace_surrogates(text)), spaces=[False] * len(text))


def code_points(docs: Sequence[Doc]) -> npt.NDArray[np.int64] | None:
    """The code points of documents that have one token a character, packed end to end.

    Far faster than `doc.text`, which builds a Token for every character.

    docs (Sequence[Doc]): Documents of one vocabulary.
    RETURNS (Optional[Ints1d]): (N,) code points; None if any token is longer than a character or
        is followed by a blank that is no token.
    """
    orths: list[int] = []
    for doc in docs:
        tokens = doc.to_array([ORTH, SPACY])
        if tokens[:, 1].any():
            return None
        orths += tokens[:, 0].tolist()
    for orth in set(orths).difference(_CODE_POINTS):
        word = docs[0].vocab.strings[orth]
        if len(word) != 1:
            return None
        _CODE_POINTS[orth] = ord(word)
    return np.fromiter(map(_CODE_POINTS.__getitem__, orths), dtype=np.int64, count=len(orths))


def read_text(doc: Doc) -> str:
    """`doc.text`, fast where one token is one character."""
    codes = code_points([doc])
    return doc.text if codes is None else codes.astype("<u4").tobytes().decode("utf-32-le")


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
