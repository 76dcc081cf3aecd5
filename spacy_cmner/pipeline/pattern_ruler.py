"""Quantities and stages as a spaCy component: ``nlp.add_pipe("cmner_patterns")``."""

from collections.abc import Sequence

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from thinc.api import Config

from spacy_cmner.pipeline.annotate import annotate, check_alignment_mode
from spacy_cmner.pipeline.patterns import PatternMatcher
from spacy_cmner.tokenizer import read_text

DEFAULT_CONFIG = """
[patterns]
labels = []
target = "patterns"
overwrite = false
alignment_mode = "strict"
source = "rules"
"""

DEFAULTS = Config().from_str(DEFAULT_CONFIG)["patterns"]


@Language.factory("cmner_patterns", default_config=DEFAULTS)
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


class PatternRuler(Pipe):
    """Marks doses, frequencies, laboratory values, stages, blood pressures, temperatures and
    durations, whatever the pipeline's tokenizer is.

    name (str): the component's name.
    labels (Sequence[str]): which of ``patterns.PATTERNS`` to look for; none means all.
    target (str): "ents" for ``doc.ents``, or a key of ``doc.spans``.
    overwrite (bool): whether entities that are there yield, or the span group is emptied first.
    alignment_mode (str): what becomes of a span whose boundary lies inside a token: strict drops
        it with a warning, contract and expand move the boundary.
    source (str): ``span._.cmner_source`` of what it finds.
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
        check_alignment_mode(alignment_mode)
        self.name = name
        self.matcher = PatternMatcher(labels)
        self.target = target
        self.overwrite = overwrite
        self.alignment_mode = alignment_mode
        self.source = source

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of what it marks."""
        return self.matcher.labels

    def __call__(self, doc: Doc) -> Doc:
        """Annotate a document."""
        annotate(
            doc,
            self.matcher(read_text(doc)),
            target=self.target,
            overwrite=self.overwrite,
            alignment_mode=self.alignment_mode,
            source=self.source,
        )
        return doc
