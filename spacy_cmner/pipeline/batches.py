"""Documents in batches: one at fault costs no other, and long ones are not kept together."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from spacy.tokens import Doc

from spacy_cmner.pipeline.reading import chunk

# Long documents are not kept to be read together: that takes memory and gains nothing.
MAX_TOKENS = 1 << 16


def annotate_batches(
    pipe: Any, stream: Iterable[Doc], batch_size: int, annotate: Callable[[list[Doc]], object]
) -> Iterator[Doc]:
    """Annotate a stream, ``batch_size`` documents at a time or, of long ones, fewer.

    An error goes to the component's error handler with the document that it is about: a batch that
    fails is annotated again, one by one.

    pipe (Pipe): the component, which has the handler and a name.
    stream (Iterable[Doc]): the documents.
    batch_size (int): how many are in a batch at most.
    annotate (Callable): writes to the documents of a batch; it may come again to one that it has
        written to.
    """
    handle = pipe.get_error_handler()
    for docs in chunk(stream, MAX_TOKENS, len, batch_size):
        try:
            annotate(docs)
        except Exception:  # noqa: BLE001 – it comes again with the document at fault
            for doc in docs:
                try:
                    annotate([doc])
                except Exception as error:  # noqa: BLE001 – the handler decides, as in spaCy's pipe
                    handle(pipe.name, pipe, [doc], error)
                else:
                    yield doc
        else:
            yield from docs
