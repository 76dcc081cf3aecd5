"""How a text of any length is read: one sentence at a time.

Since no sentence sees its neighbours, it gets the same entities alone, inside a long document
and in any batch, and the time for a document grows with its length only. A sentence that is too
long itself is read in windows that overlap, and what is found in them is joined so that no entity
is cut.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from spacy_cmner.types import ScoredSpan, TextRange

# What closes a sentence may stand behind its end, but not in the next line.
_BREAK = r"\n\r\u2028\u2029"
SENTENCE_END = re.compile(rf"[。！？!?]+(?:[”’」』】）)\]]|[^\S{_BREAK}])*|[{_BREAK}]")

# Part of a window that the next one reads again.
OVERLAP = 0.25


def split_windows(
    text: str, max_length: int, keep: Iterable[tuple[int, int]] = ()
) -> list[TextRange]:
    """Say which pieces of a text are read.

    text (str): the text.
    max_length (int): a sentence with more characters than this becomes several windows of this
        length, each of which begins in the last quarter of the one before. All other windows are
        sentences.
    keep (Iterable[Tuple[int, int]]): character spans that must not be cut, such as the entities
        of an annotated text. They do not overlap, and win over ``max_length``.
    RETURNS (List[TextRange]): start and end of each window, in order. White space around a
        sentence is in none: a sentence has the same entities with a line break behind it.
    """
    kept = _Kept(keep)
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    cuts = [0, *(end for end in ends if end < len(text) and kept.left(end) == end), len(text)]
    windows: list[TextRange] = []
    for begin, stop in pairwise(cuts):
        start, end = _trim(text, begin, stop, kept)
        while end - start > max_length:
            stop = kept.right(start + max_length)
            windows.append(TextRange(start, stop))
            again = kept.left(stop - int(OVERLAP * max_length))
            start = again if again > start else stop
        if start < end:
            windows.append(TextRange(start, end))
    return windows


def join_windows(
    windows: Sequence[TextRange], found: Sequence[Sequence[ScoredSpan]]
) -> list[ScoredSpan]:
    """The entities of a text from those of its windows.

    Two windows that overlap meet at a seam: entities on its left are those of the left window,
    entities on its right those of the right one. The seam is the position in the overlap, the
    nearest to its middle, at which neither window has an entity lying across. Where there is none,
    no entity of the left window lies across, and one of the right window that does is left out,
    with what is inside it.

    windows (Sequence[TextRange]): as ``split_windows`` gives them.
    found (Sequence[Sequence[ScoredSpan]]): the entities of each window, in positions of the text;
        those of one window do not overlap, but for those inside others.
    RETURNS (List[ScoredSpan]): in the order of the text; they overlap as those of the windows do.
    """
    joined: list[ScoredSpan] = []
    seam = 0
    for i, (window, spans) in enumerate(zip(windows, found, strict=True)):
        first = max([seam, *(span.end for span in spans if span.start < seam)])
        valid = [span for span in spans if span.start >= first]
        start, seam = seam, window.end
        if i + 1 < len(windows) and windows[i + 1].start < window.end:
            overlap = TextRange(max(start, windows[i + 1].start), window.end)
            seam = _find_seam(overlap, valid, found[i + 1])
        joined.extend(span for span in valid if span.end <= seam)
    return joined


def _find_seam(overlap: TextRange, left: Sequence[ScoredSpan], right: Sequence[ScoredSpan]) -> int:
    positions = np.arange(overlap.start, overlap.end + 1)
    distance = abs(2 * positions - overlap.start - overlap.end)
    order = positions[np.argsort(distance, kind="stable")]
    crossed = [_crossed(overlap, spans)[order - overlap.start] for spans in (left, right)]
    free = order[~(crossed[0] | crossed[1])]
    return int(free[0] if len(free) else order[~crossed[0]][0])


def _crossed(overlap: TextRange, spans: Sequence[ScoredSpan]) -> np.ndarray:
    """For each position of the overlap whether a span begins before and ends after it."""
    crossed = np.zeros(overlap.end - overlap.start + 1, dtype=np.bool_)
    for span in spans:
        first, last = span.start + 1 - overlap.start, span.end - overlap.start
        crossed[max(first, 0) : max(last, 0)] = True
    return crossed


def _trim(text: str, start: int, end: int, kept: "_Kept") -> tuple[int, int]:
    piece = text[start:end]
    content = piece.strip()
    if len(content) == len(piece):
        return start, end
    first = start + len(piece) - len(piece.lstrip())
    return kept.left(first), kept.right(first + len(content))


class _Kept:
    """Spans that must not be cut."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self.spans = sorted(spans)
        self.ends = [end for _, end in self.spans]

    def left(self, position: int) -> int:
        """The position, or where the span that it would cut begins."""
        return min(position, self._span_at(position)[0])

    def right(self, position: int) -> int:
        """The position, or where the span that it would cut ends."""
        start, end = self._span_at(position)
        return end if start < position else position

    def _span_at(self, position: int) -> tuple[int, int]:
        """The first span that ends behind the position, which begins at it or later unless the
        position would cut it."""
        i = bisect_left(self.ends, position + 1)
        return self.spans[i] if i < len(self.spans) else (position, position)
