"""Exact counts: an entity is right if its boundaries and its type are.

Everything here counts sets of entities. What belongs in the sets (all gold or flat gold, all
texts or those that training has not seen) is decided elsewhere, so there is one way of scoring.
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from spacy_cmner.data.records import Entity


@dataclass(frozen=True)
class Counts:
    """Precision, recall and F1 with what they are made of; a ratio of nothing is 0.

    gold (int): entities annotated.
    predicted (int): entities predicted.
    correct (int): entities in both.
    """

    gold: int = 0
    predicted: int = 0
    correct: int = 0

    @property
    def precision(self) -> float:
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """2PR / (P + R), which is 2 · correct / (gold + predicted)."""
        return 2 * self.correct / (self.gold + self.predicted) if self.correct else 0.0

    def ratios(self) -> dict[str, float]:
        """The figures under spaCy's names."""
        return {"p": self.precision, "r": self.recall, "f": self.f1}

    def to_dict(self) -> dict[str, float]:
        return {
            **self.ratios(),
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
        }


class TypeCounts:
    """The counts of many texts, per entity type and in all (micro-averaged)."""

    def __init__(self) -> None:
        self._gold: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()
        self._correct: Counter[str] = Counter()

    def add(self, gold: Set[Entity], predicted: Set[Entity]) -> None:
        """Count one text."""
        self._gold.update(entity.label for entity in gold)
        self._predicted.update(entity.label for entity in predicted)
        self._correct.update(entity.label for entity in gold & predicted)

    @property
    def total(self) -> Counts:
        """Over all types."""
        return Counts(self._gold.total(), self._predicted.total(), self._correct.total())

    @property
    def per_type(self) -> dict[str, Counts]:
        """By type, in alphabetical order."""
        return {
            label: Counts(self._gold[label], self._predicted[label], self._correct[label])
            for label in sorted(self._gold | self._predicted)
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the total, and each type under ``per_type``."""
        per_type = {label: counts.to_dict() for label, counts in self.per_type.items()}
        return {**self.total.to_dict(), "per_type": per_type}
