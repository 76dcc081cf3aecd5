"""What the components of rules have in common.

Taking the characters of a short note out of its tokens costs as much as most rules do, and so does
every call of a matcher: a batch is read and searched at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from spacy.pipeline import Pipe
from spacy.tokens import Doc

from spacy_cmner.pipeline.annotate import annotate, check_alignment_mode
from spacy_cmner.pipeline.reading import chunk
from spacy_cmner.types import CharSpan

Found = TypeVar("Found")

# Long documents are not kept to be searched together: that takes memory and gains nothing.
MAX_TOKENS = 1 << 16


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
        self.write(doc, self.find([doc])[0])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate documents, ``batch_size`` at a time or, of long ones, fewer.

        An error goes to the component's error handler with the document that it is about: a batch
        that cannot be searched is searched again, one by one.
        """
        handle = self.get_error_handler()
        for docs in chunk(stream, MAX_TOKENS, len, batch_size):
            found: Sequence[Found | None]
            try:
                found = self.find(docs)
            except Exception:  # noqa: BLE001 – it comes again with the document at fault
                found = [None] * len(docs)
            for doc, new in zip(docs, found, strict=True):
                try:
                    if new is None:
                        self(doc)
                    else:
                        self.write(doc, new)
                except Exception as error:  # noqa: BLE001 – the handler decides, as in spaCy's pipe
                    handle(self.name, self, [doc], error)
                else:
                    yield doc


class Ruler(BatchPipe[list[CharSpan]]):
    """Annotates spans of characters, whatever the pipeline's tokenizer is.

    name (str): the component's name.
    target (str): "ents" for ``doc.ents``, or a key of ``doc.spans``.
    overwrite (bool): whether entities that are there yield, or the span group is emptied first.
    alignment_mode (str): what becomes of a span whose boundary lies inside a token: strict drops
        it with a warning, contract and expand move the boundary.
    source (str): ``span._.cmner_source`` of what it finds.
    RAISES: CM401 for another alignment mode.
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
        check_alignment_mode(alignment_mode)
        self.name = name
        self.target = target
        self.overwrite = overwrite
        self.alignment_mode = alignment_mode
        self.source = source

    def write(self, doc: Doc, found: list[CharSpan]) -> None:
        annotate(
            doc,
            found,
            target=self.target,
            overwrite=self.overwrite,
            alignment_mode=self.alignment_mode,
            source=self.source,
        )
