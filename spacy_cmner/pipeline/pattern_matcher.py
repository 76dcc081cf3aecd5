"""The search for quantities and stages in texts, by the expressions of ``patterns``.

Most texts hold no character that a given pattern needs, and are not searched for it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.folding import SIMPLIFIED, Folding
from spacy_cmner.pipeline.patterns import PATTERNS
from spacy_cmner.types import CharSpan

# Signs that look like others, and digits of formulas, which the folding leaves.
_SIGNS = str.maketrans("∕∶∼〜−∧ˆ⁻₀₁₂₃₄₅₆₇₈₉", "/:~~-^^-0123456789")


class PatternMatcher:
    """Finds quantities and stages in texts.

    labels (Sequence[str]): which of ``PATTERNS`` to look for; none means all.
    RAISES: CM416 for another label.
    """

    def __init__(self, labels: Sequence[str] = ()) -> None:
        for label in labels:
            if label not in PATTERNS:
                raise Messages.CM416.error(value=label, allowed=", ".join(PATTERNS))
        self.labels = tuple(labels) or tuple(PATTERNS)
        self._folding = Folding()
        self._width = Folding(case=False)
        for folding in (self._folding, self._width):
            folding.update(SIMPLIFIED)
            folding.update(_SIGNS)
        # By what they need, which is looked for once.
        self._searches: dict[re.Pattern[str], list[_Search]] = {}
        for label in self.labels:
            for needs, pattern, cased in PATTERNS[label]:
                group = "value" if "value" in pattern.groupindex else 0
                self._searches.setdefault(needs, []).append(_Search(label, pattern, group, cased))

    def __call__(self, text: str) -> list[CharSpan]:
        """What a text holds, in its order. Spans of one label do not overlap."""
        folded = text.translate(self._folding)
        places = [
            (label, start, -end)
            for needs, searches in self._searches.items()
            if needs.search(folded)
            for label, pattern, group, cased in searches
            for start, end in _search(
                text.translate(self._width) if cased else folded, pattern, group
            )
        ]
        found: list[CharSpan] = []
        for label, start, minus_end in sorted(places):
            last = found[-1] if found else None
            if last is None or last.label != label or start >= last.end:
                found.append(CharSpan(start, -minus_end, label))
        return sorted(found)


class _Search(NamedTuple):
    """A pattern, the label of what it finds, the group that is marked, and what it reads."""

    label: str
    pattern: re.Pattern[str]
    group: str | int
    cased: bool


def _search(folded: str, pattern: re.Pattern[str], group: str | int) -> list[tuple[int, int]]:
    return [match.span(group) for match in pattern.finditer(folded) if match[group] is not None]
