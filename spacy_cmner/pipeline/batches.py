"""Documents in batches: one at fault costs no other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from spacy.tokens import Doc


def annotate_batches(
    pipe: Any, batches: Iterable[list[Doc]], annotate: Callable[[list[Doc]], object]
) -> Iterator[Doc]:
    """Annotate a stream, a batch at a time.

    An error goes to the component's error handler with the document that it is about: a batch that
    fails is annotated again, one by one.

    pipe (Pipe): the component, which has the handler and a name.
    batches (Iterable[List[Doc]]): the documents.
    annotate (Callable): writes to the documents of a batch; it may come again to one that it has
        written to.
    """
    handle = pipe.get_error_handler()
    for docs in batches:
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
