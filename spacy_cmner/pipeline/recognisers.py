"""The recognisers of a pipeline, the types it can find, and settings that they have for a while."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spacy.language import Language

from spacy_cmner.data.spans import SPANS_KEY
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.annotate import ENTS
from spacy_cmner.pipeline.cmner import ChineseMedicalNER
from spacy_cmner.pipeline.merge import Merge


def find_recognisers(nlp: Language) -> list[ChineseMedicalNER]:
    """The recognisers of a pipeline, in the order in which they run.

    RAISES: CM431 if there is none.
    """
    found = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, ChineseMedicalNER)]
    if not found:
        raise Messages.CM431.error(names=", ".join(nlp.pipe_names))
    return found


def entity_types(nlp: Language) -> set[str]:
    """The types that the components of a pipeline can give to entities, those too that go to a span
    group of which ``cmner_merge`` makes some."""
    read = {ENTS, SPANS_KEY}
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, Merge) and pipe.target == ENTS:
            read.update(pipe.inputs)
    types: set[str] = set()
    for name, pipe in nlp.pipeline:
        usual = ENTS if "doc.ents" in nlp.get_pipe_meta(name).assigns else None
        if getattr(pipe, "target", usual) in read:
            types.update(getattr(pipe, "labels", ()))
    return types


@contextmanager
def settings(recognisers: Sequence[ChineseMedicalNER], **values: Any) -> Iterator[None]:
    """Give recognisers other settings, and back their own ones at the end, whatever happens."""
    before = [{name: getattr(pipe, name) for name in values} for pipe in recognisers]
    try:
        _set(recognisers, [values] * len(recognisers))
        yield
    finally:
        _set(recognisers, before)


def _set(recognisers: Sequence[ChineseMedicalNER], values: Sequence[dict[str, Any]]) -> None:
    for pipe, own in zip(recognisers, values, strict=True):
        for name, value in own.items():
            setattr(pipe, name, value)
