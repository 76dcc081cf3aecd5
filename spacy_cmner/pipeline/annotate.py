"""Putting what was found in the characters of a text on the tokens of its document.

All components, the recogniser and the rules alike, find character spans; here these become
``doc.ents`` or a span group.
"""

import warnings
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from spacy_cmner.data.spans import SCORES
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.pipeline.entity_data import identity
from spacy_cmner.pipeline.marks import blocked_spans
from spacy_cmner.pipeline.source import UNKNOWN, add_source, mark_recorded, read_sources
from spacy_cmner.tokenizer import is_char_doc
from spacy_cmner.types import CharSpan

# What else holds the entities that a mode drops, beside the character tokenizer.
_OTHERS = {"strict": '"expand" or "contract", or ', "contract": '"expand" or ', "expand": ""}
ALIGNMENT_MODES = tuple(_OTHERS)
ENTS = "ents"


def check_alignment_mode(mode: str) -> None:
    """RAISES: CM401 if there is no such mode."""
    if mode not in ALIGNMENT_MODES:
        raise Messages.CM401.error(value=mode, allowed=", ".join(ALIGNMENT_MODES))


def check_switch(value: bool, setting: str) -> None:
    """RAISES: CM435 if it is neither true nor false."""
    if value not in (True, False):
        raise Messages.CM435.error(name=setting, value=value, expected="true or false")


def check_target(target: str) -> None:
    """RAISES: CM435 if it names neither the entities nor a span group."""
    if not isinstance(target, str) or not target:
        expected = f"{ENTS!r} or the key of a span group"
        raise Messages.CM435.error(name="target", value=target, expected=expected)


def check_group(key: str, setting: str) -> None:
    """RAISES: CM435 if it can be no key of a span group, as the name of ``doc.ents`` cannot."""
    if not isinstance(key, str) or key == ENTS:
        raise Messages.CM435.error(name=setting, value=key, expected="the key of a span group")


def check_source(source: str, setting: str = "source") -> None:
    """RAISES: CM435 if it can be no source of an entity, of which several are one word with +."""
    if not isinstance(source, str) or not source or "+" in source:
        expected = "the name of a component, without +"
        raise Messages.CM435.error(name=setting, value=source, expected=expected)


class Alignment:
    """Puts character spans on the tokens of documents, and keeps what did not fit for one warning.

    mode (str): what becomes of a span whose boundary lies inside a token: strict drops it, contract
        and expand move the boundary, as in ``Doc.char_span``.
    RAISES: CM401 for another mode.
    """

    def __init__(self, mode: str) -> None:
        check_alignment_mode(mode)
        self.mode = mode
        self.dropped: list[str] = []
        self.moved: list[str] = []

    def align(self, doc: Doc, found: Iterable[CharSpan]) -> tuple[list[Span], list[CharSpan]]:
        """RETURNS (Tuple[List[Span], List[CharSpan]]): the spans, and those that were dropped."""
        found = list(found)
        if found and is_char_doc(doc):
            return [Span(doc, start, end, label=label) for start, end, label in found], []
        spans, dropped = [], []
        text = doc.text if found else ""  # which is put together anew each time
        for char_span in found:
            start, end, label = char_span
            span = doc.char_span(start, end, label=label, alignment_mode=self.mode)
            if span is None or not len(span):  # spaCy makes empty ones of blanks between tokens
                dropped.append(char_span)
                self.dropped.append(text[start:end])
                continue
            spans.append(span)
            if (span.start_char, span.end_char) != (start, end):
                self.moved.append(f"{text[start:end]} → {span.text}")
        return spans, dropped

    def warn(self) -> None:
        """Warn of the entities that the tokens could not hold (CM406), and of those that were moved
        (CM428), if there are any."""
        for message, entities in ((Messages.CM406, self.dropped), (Messages.CM428, self.moved)):
            if entities:
                text = message.format(
                    n=len(entities),
                    examples=", ".join(entities[:5]),
                    mode=self.mode,
                    others=_OTHERS[self.mode],
                )
                warnings.warn(text, CmnerWarning, stacklevel=3)


def warn_missing(doc: Doc, name: str, keys: Iterable[str]) -> None:
    """Warn (CM427) of inputs of a component that nothing has put on a document."""
    for key in keys:
        if key != ENTS and key not in doc.spans:
            groups = ", ".join(map(repr, doc.spans)) or "none"
            message = Messages.CM427.format(name=name, key=key, groups=groups)
            warnings.warn(message, CmnerWarning, stacklevel=3)


def add_entities(doc: Doc, spans: Iterable[Span], *, overwrite: bool = False) -> list[Span]:
    """Add entities to ``doc.ents``, the longest first where they overlap, never on tokens blocked
    for entities.

    overwrite (bool): whether they replace the entities they overlap instead of yielding to them.
    RETURNS (List[Span]): those that are new.
    """
    blocked = blocked_spans(doc)
    kept = list(doc.ents)
    closed = blocked if overwrite else blocked + kept
    free = list(spans)
    if closed:
        taken = _tokens(doc, closed)
        free = [span for span in free if not taken[span.start : span.end].any()]
    is_apart = all(left.end <= right.start for left, right in pairwise(free))
    added = free if is_apart else filter_spans(free)
    if overwrite and kept:
        replaced = _tokens(doc, added)
        kept = [ent for ent in kept if not replaced[ent.start : ent.end].any()]
    doc.set_ents(kept + added, blocked=blocked)
    return added


def write_spans(
    doc: Doc,
    found: Iterable[CharSpan],
    *,
    target: str,
    overwrite: bool,
    alignment_mode: str,
    source: str,
) -> None:
    """Write what a rule found, with its source, to the entities or to a span group.

    An entity that the document already has gets the rule as a further source, beside ``UNKNOWN``
    if it has none on record.

    doc (Doc): changed in place.
    found (Iterable[CharSpan]): may overlap.
    target (str): "ents" for ``doc.ents``, where spans cannot overlap, or a key of
        ``doc.spans``, which takes them all, each once.
    overwrite (bool): whether entities that are there yield, or a span group is emptied first.
    alignment_mode (str): see ``Alignment``.
    source (str): see ``pipeline.source``.
    """
    alignment = Alignment(alignment_mode)
    spans, _ = alignment.align(doc, found)
    alignment.warn()
    entities = {identity(ent): ent for ent in doc.ents}
    if target == ENTS:
        agreed = [span for span in spans if identity(span) in entities]
        # Where it replaces itself an entity keeps its id and its code.
        spans = [entities.get(identity(span), span) for span in spans]
        added = add_entities(doc, spans, overwrite=overwrite)
    else:
        if overwrite or not doc.spans.get(target):
            doc.spans[target] = []
            mark_recorded(doc.spans[target])
        group = doc.spans[target]
        known = {identity(span) for span in group}
        # Several that were moved may have become one.
        distinct = {identity(span): span for span in spans}
        agreed = [span for entity, span in distinct.items() if entity in known]
        added = [span for entity, span in distinct.items() if entity not in known]
        group.extend(added)
        if SCORES in group.attrs:  # there may be some of another component's spans
            group.attrs[SCORES] = [*group.attrs[SCORES], *(None for _ in added)]
    for span in agreed + added:
        if identity(span) in entities and not read_sources(span):
            add_source(span, UNKNOWN)
        add_source(span, source)


def _tokens(doc: Doc, spans: Iterable[Span]) -> np.ndarray:
    taken = np.zeros(len(doc), dtype=np.bool_)
    for span in spans:
        taken[span.start : span.end] = True
    return taken
