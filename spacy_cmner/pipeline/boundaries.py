"""Where words begin and end, as a check on terms found inside of other words."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.util import ensure_path

from spacy_cmner.errors import Messages

TOOLS = ("jieba", "pkuseg")

# text → (length + 1,) True where a word begins or ends
FindBoundaries = Callable[[str], npt.NDArray[np.bool_]]


class WordBoundaries:
    """Finds word boundaries with a segmenter, which is loaded with the first text.

    tool (str): "jieba" (fast) or "pkuseg" (better on medical words, eight times slower).
    model_dir (Optional[Path]): the model of pkuseg, see ``resources.segment.load_segmenter``.
    """

    def __init__(self, tool: str = "jieba", model_dir: str | Path | None = None) -> None:
        if tool not in TOOLS:
            raise Messages.CM412.error(tool=tool, tools=", ".join(TOOLS))
        self.tool = tool
        self.model_dir = ensure_path(model_dir)

    @cached_property
    def cut(self) -> Callable[[str], Iterable[str]]:
        """The segmenter."""
        from spacy_cmner.resources.segment import load_jieba, load_segmenter

        return load_jieba() if self.tool == "jieba" else load_segmenter(self.model_dir).cut

    def __call__(self, text: str) -> npt.NDArray[np.bool_]:
        """RETURNS (Bools): (length + 1,) True where a word begins or ends."""
        boundaries = np.zeros(len(text) + 1, dtype=np.bool_)
        boundaries[[0, -1]] = True
        end = 0
        for word in self.cut(text):
            start = text.find(word, end)  # white space between words may be left out
            end = start + len(word)
            boundaries[[start, end]] = True
        return boundaries

    def __getstate__(self) -> dict[str, Any]:
        return {"tool": self.tool, "model_dir": self.model_dir}


def create_word_boundaries(
    tool: str = "jieba", model_dir: str | Path | None = None
) -> FindBoundaries:
    """Registered as `spacy-cmner.word_boundaries.v1`, for the dictionary's ``boundaries``.

    See ``WordBoundaries``. RAISES: CM412 for another tool.
    """
    return WordBoundaries(tool, model_dir)
