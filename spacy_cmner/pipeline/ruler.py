"""What the components of rules have in common.

Taking the characters of a short note out of its tokens costs as much as most rules do, and so does
every call of a matcher: a batch is read and searched at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from spacy.pipeline import Pipe
from spacy.tokens import Doc

from spacy_cmner.pipeline.annotate import (
    check_alignment_mode,
    check_source,
    check_switch,
    check_target,
    write_spans,
)
from spacy_cmner.pipeline.batches import annotate_batches
from spacy_cmner.types import CharSpan

Found = TypeVar("Found")


class BatchPipe(Pipe, ABC, Generic[Found]):
    """A component that looks at many documents at once and then writes to each."""

    name: str

    @abstractmethod
    def find(self, docs: Sequence[Doc]) -> Sequence[Found]:
        """What there is to write to each document; changes none."""

    @abstractmethod
    def write(self, doc: Doc, found: Found) -> None:
        """Annotate a document with what was found in it."""

    def __call__(self, doc: Doc) -> Doc:
        """Annotate a document."""
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents, see ``annotate_batches``."""
        return annotate_batches(self, stream, batch_size, self._annotate)

    def _annotate(self, docs: Sequence[Doc]) -> None:
        for doc, found in zip(docs, self.find(docs), strict=True):
            self.write(doc, found)


class Ruler(BatchPipe[list[CharSpan]]):
    """Annotates spans of characters, whatever the pipeline's tokenizer is.

    name (str): the component's name.
    target (str): "ents" for ``doc.ents``, or a key of ``doc.spans``.
    overwrite (bool): whether entities that are there yield, or the span group is emptied first.
    alignment_mode (str): what becomes of a span whose boundary lies inside a token: strict drops
        it with a warning, contract and expand move the boundary.
    source (str): ``span._.cmner_source`` of what it finds.
    RAISES: CM401 for another alignment mode, CM435 for what can be no target, source or answer to
        ``overwrite``; also later, if they are changed.
    """

    def __init__(
        self,
        name: str,
        *,
        target: str,
        overwrite: bool,
        alignment_mode: str,
        source: str,
    ) -> None:
        self.name = name
        self.target = target
        self.overwrite = overwrite
        self.alignment_mode = alignment_mode
        self.source = source
        self._check_settings()

    def write(self, doc: Doc, found: list[CharSpan]) -> None:
        write_spans(
            doc,
            found,
            target=self.target,
            overwrite=self.overwrite,
            alignment_mode=self.alignment_mode,
            source=self.source,
        )

    def _annotate(self, docs: Sequence[Doc]) -> None:
        self._check_settings()  # anyone may have changed them
        super()._annotate(docs)

    def _check_settings(self) -> None:
        check_alignment_mode(self.alignment_mode)
        check_switch(self.overwrite, "overwrite")
        check_target(self.target)
        check_source(self.source)
