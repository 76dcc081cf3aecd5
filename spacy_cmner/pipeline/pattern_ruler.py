"""Quantities and stages as a spaCy component: ``nlp.add_pipe("cmner_patterns")``."""

from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config

from spacy_cmner.pipeline.pattern_matcher import PatternMatcher
from spacy_cmner.pipeline.ruler import Ruler
from spacy_cmner.tokenizer import read_texts
from spacy_cmner.types import CharSpan

DEFAULT_CONFIG = """
[patterns]
labels = []
target = "patterns"
overwrite = false
alignment_mode = "strict"
source = "rules"
"""

DEFAULTS = Config().from_str(DEFAULT_CONFIG)["patterns"]


@Language.factory("cmner_patterns", assigns=["doc.spans"], default_config=DEFAULTS)
def make_cmner_patterns(
    nlp: Language,
    name: str,
    labels: list[str],
    target: str,
    overwrite: bool,
    alignment_mode: str,
    source: str,
) -> "PatternRuler":
    """Construct the component; see ``PatternRuler``."""
    return PatternRuler(
        name,
        labels=labels,
        target=target,
        overwrite=overwrite,
        alignment_mode=alignment_mode,
        source=source,
    )


class PatternRuler(Ruler):
    """Marks doses, frequencies, laboratory values, stages, blood pressures, temperatures and
    durations.

    name (str): the component's name.
    labels (Sequence[str]): which of ``patterns.PATTERNS`` to look for; none means all.
    target, overwrite, alignment_mode, source: see ``Ruler``.
    RAISES: CM401 for another alignment mode, CM416 for another label.
    """

    def __init__(
        self,
        name: str = "cmner_patterns",
        *,
        labels: Sequence[str] = (),
        target: str = "patterns",
        overwrite: bool = False,
        alignment_mode: str = "strict",
        source: str = "rules",
    ) -> None:
        super().__init__(
            name,
            target=target,
            overwrite=overwrite,
            alignment_mode=alignment_mode,
            source=source,
        )
        self.matcher = PatternMatcher(labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of what it marks."""
        return self.matcher.labels

    def find(self, docs: Sequence[Doc]) -> list[list[CharSpan]]:
        """What the texts of the documents hold."""
        return [self.matcher(text) for text in read_texts(docs)]
