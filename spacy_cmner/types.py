"""What flows between the stages, named once.

In the shapes of the package N is the characters of a batch packed end to end, U the distinct
characters among them, B the sequences, T the tags.
"""

from typing import NamedTuple, TypeAlias

from spacy.tokens import Doc
from thinc.model import Model
from thinc.types import Floats2d

# One row a character, one array a sequence.
Rows: TypeAlias = list[Floats2d]
EmbedModel: TypeAlias = Model[list[Doc], Rows]
EncodeModel: TypeAlias = Model[Rows, Rows]
Tok2VecModel: TypeAlias = Model[list[Doc], Rows]


class CharSpan(NamedTuple):
    """An entity over characters of a text: ``text[start:end]`` is labelled ``label``."""

    start: int
    end: int
    label: str


class ScoredSpan(NamedTuple):
    """A recognised entity, with the probability that the text contains it (0–1); None where it
    was not asked for."""

    start: int
    end: int
    label: str
    score: float | None = None


class TextRange(NamedTuple):
    """Part of a text: ``text[start:end]``."""

    start: int
    end: int
