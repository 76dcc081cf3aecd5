"""What all annotation formats have in common: a text and the entities in it."""

from dataclasses import dataclass, field
from typing import Any

from spacy_cmner.errors import Messages
from spacy_cmner.tokenizer import replace_surrogates


@dataclass(frozen=True, order=True)
class Entity:
    """A span of characters and its type.

    start (int): Offset of the first character.
    end (int): Offset after the last character.
    label (str): The type.
    """

    start: int
    end: int
    label: str

    def __str__(self) -> str:
        return f"{self.start}–{self.end} {self.label}"


@dataclass(frozen=True)
class Record:
    """An annotated text. A Record that exists is valid: readers check, later stages need not.

    text (str): The whole text, without lone surrogates.
    entities (tuple[Entity, ...]): All gold entities; they may nest and cross. Kept sorted.
    id (str | None): The name that the source gives the text.
    meta (dict[str, Any]): Whatever else the source says of it, as JSON values.
    number (int | None): Where to find it in its source: the index in a JSON list, the line in a
        file of lines, the place among the files of a folder. Not part of a record's identity.
    missing (frozenset[int]): The characters of which nobody knows whether they are in an entity;
        those of `entities` never are.
    """

    text: str
    entities: tuple[Entity, ...] = ()
    id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict, hash=False)
    number: int | None = field(default=None, compare=False)
    missing: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", tuple(sorted(self.entities)))
        if replace_surrogates(self.text) != self.text:
            raise Messages.CM105.error(problem="its text holds a lone surrogate")
        if len(set(self.entities)) != len(self.entities):
            raise Messages.CM105.error(problem="it holds the same entity twice")
        for entity in self.entities:
            if not 0 <= entity.start < entity.end <= len(self.text) or not entity.label:
                problem = f"{entity} does not fit a text of {len(self.text)} characters"
                raise Messages.CM105.error(problem=problem)
        if self.missing:
            if not all(0 <= i < len(self.text) for i in self.missing):
                problem = f"what is missing does not fit a text of {len(self.text)} characters"
                raise Messages.CM105.error(problem=problem)
            known = {i for entity in self.entities for i in range(entity.start, entity.end)}
            object.__setattr__(self, "missing", self.missing - known)
