"""A pipeline over records, of which one that it fails on stops no other."""

import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any, cast

from spacy.language import Language
from spacy.tokens import Doc

from spacy_cmner.annotation.items import BadRecord, Item, SourceRecord
from spacy_cmner.errors import CmnerError, CmnerWarning, Messages

Read = tuple[SourceRecord, Doc] | BadRecord


def read_documents(
    nlp: Language, items: Iterable[Item], batch_size: int | None = None
) -> Generator[Read, None, None]:
    """Run a pipeline over the records of a stream, in its order; bad ones pass through.

    Where a component fails on a batch, its texts are tried one by one, and those that fail again
    become bad records.

    batch_size (int | None): Texts that go through the pipeline together; None for its own.
    RAISES (CmnerError): A component has a problem that is not the text's, such as no labels.
    """
    batch_size = choose_batch_size(nlp, batch_size)
    errors = _Errors()
    unread = enumerate(items)
    with _error_handler(nlp, errors):
        while (yield from _read_stream(nlp, unread, batch_size, errors)):
            pass


def _read_stream(
    nlp: Language, unread: Iterator[tuple[int, Item]], batch_size: int, errors: "_Errors"
) -> Generator[Read, None, bool]:
    """Read until all is read or a component breaks off; returns whether the latter happened."""
    waiting: deque[tuple[int, Item]] = deque()
    of_the_source: list[Exception] = []

    def texts() -> Iterator[tuple[str, int]]:
        try:
            for place, item in unread:
                waiting.append((place, item))
                # a bad record goes through as an empty text, so that few items wait at a time
                yield (item.text if isinstance(item, SourceRecord) else ""), place
        except Exception as error:
            of_the_source.append(error)
            raise

    broken_off = False
    try:
        docs = nlp.pipe(texts(), as_tuples=True, batch_size=batch_size)
        with closing(cast(Generator, docs)):
            for doc, place in docs:
                while waiting[0][0] < place:
                    yield _read_alone(nlp, waiting.popleft()[1], errors)
                item = waiting.popleft()[1]
                yield item if isinstance(item, BadRecord) else (item, doc)
    except Exception as error:
        if of_the_source or not waiting or isinstance(error, CmnerError):
            raise
        broken_off = True
    for _, item in waiting:
        yield _read_alone(nlp, item, errors)
    return broken_off


def _read_alone(nlp: Language, item: Item, errors: "_Errors") -> Read:
    """Read a record of a batch that failed."""
    if isinstance(item, BadRecord):
        return item
    errors.kept.clear()
    try:
        doc = nlp(item.text)
    except Exception as error:  # noqa: BLE001 – whatever a component may raise
        errors(None, None, item, error)
    if not errors.kept:
        return item, doc
    return cannot_be_read(item, errors.kept[0])


def cannot_be_read(record: SourceRecord, error: Exception) -> BadRecord:
    """The record on which a component failed with this error."""
    problem = f"{type(error).__name__}: {error}"
    reason = Messages.CM150.format(number=record.number, problem=problem)
    return BadRecord(record.file, record.number or 0, reason)


def warn_of_bad(bad: Sequence[BadRecord], good: int) -> None:
    """Say that records are left out, of a stream that is read.

    bad (Sequence[BadRecord]): Those that are left out.
    good (int): The number of the others.
    RAISES: CM176 if there are no others, so that it is hardly the fault of the records.
    WARNS: CM176.
    """
    if not bad:
        return
    message = Messages.CM176
    values = {"count": len(bad), "total": len(bad) + good, "first": bad[0].reason}
    if not good:
        raise message.error(**values)
    warnings.warn(message.format(**values), CmnerWarning, stacklevel=3)


def choose_batch_size(nlp: Language, size: int | None) -> int:
    """The texts that go through a pipeline together; None for its own number.

    RAISES: CM160 for no text at a time, with which spaCy reads nothing.
    """
    chosen = nlp.batch_size if size is None else size
    if chosen < 1:
        raise Messages.CM160.error(value=chosen)
    return chosen


@contextmanager
def _error_handler(nlp: Language, handler: Any) -> Iterator[None]:
    """For a time as after ``nlp.set_error_handler``, which breaks off at a parser or ner of spaCy:
    these cannot hold a handler, so an error of theirs is raised and ends ``nlp.pipe``."""
    with ExitStack() as stack:
        stack.callback(setattr, nlp, "default_error_handler", nlp.default_error_handler)
        nlp.default_error_handler = handler
        for _, component in nlp.components:
            pipe = cast(Any, component)
            with suppress(AttributeError):
                own = pipe.get_error_handler()
                pipe.set_error_handler(handler)
                stack.callback(pipe.set_error_handler, own)
        yield


class _Errors:
    """An error handler that keeps what went wrong with texts, and lets the rest happen.

    What a component of ours says is the pipeline's problem, unless one before it has failed: then
    it misses what that one should have left.
    """

    def __init__(self) -> None:
        self.kept: list[Exception] = []

    def __call__(self, name: object, component: object, docs: object, error: Exception) -> None:
        if isinstance(error, CmnerError) and not self.kept:
            raise error
        self.kept.append(error)
