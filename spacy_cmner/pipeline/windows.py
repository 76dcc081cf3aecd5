"""Where a long text may be cut: the model reads one sentence at a time.

Since no sentence sees its neighbours, it gets the same entities alone, inside a long document
and in any batch, and the time for a document grows with its length only.
"""

import re
from collections.abc import Iterable

SENTENCE_END = re.compile(r"[。！？!?\n\r\u2028\u2029]+[”’」』】）)\]\s]*")
SOFT_END = re.compile(r"[；;，,、：:\s）)]")


def split_windows(
    text: str, max_length: int, keep: Iterable[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """Cut a text into windows that together are the text.

    text (str): the text.
    max_length (int): a sentence with more characters than this is cut after a comma or the like,
        or where none is near, at this length.
    keep (Iterable[Tuple[int, int]]): character spans that must not be cut, such as the entities
        of an annotated text. They win over ``max_length``.
    RETURNS (List[Tuple[int, int]]): start and end of each window, in order; empty for an empty
        text.
    """
    cuts = [match.end() for match in SENTENCE_END.finditer(text)]
    if not cuts or cuts[-1] < len(text):
        cuts.append(len(text))
    windows: list[tuple[int, int]] = []
    start = 0
    for cut in cuts:
        while cut - start > max_length:
            end = _soft_cut(text, start, start + max_length)
            windows.append((start, end))
            start = end
        if cut > start:
            windows.append((start, cut))
        start = cut
    return _merge_over(windows, keep)


def _soft_cut(text: str, start: int, end: int) -> int:
    for position in range(end, start + (end - start) // 2, -1):
        if SOFT_END.match(text[position - 1]):
            return position
    return end


def _merge_over(
    windows: list[tuple[int, int]], keep: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Join neighbouring windows that a span to keep lies across."""
    spans = sorted(keep)
    if not spans:
        return windows
    merged: list[tuple[int, int]] = []
    reach = 0
    position = 0
    for start, end in windows:
        if merged and start < reach:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
        while position < len(spans) and spans[position][0] < end:
            reach = max(reach, spans[position][1])
            position += 1
    return merged
