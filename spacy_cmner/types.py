"""What flows between the stages, named once.

The names spell out nesting and shapes: N is the characters of a batch packed end to end, U the
distinct characters among them, B the sequences, T the tags.
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
