"""A pipeline over a source, in segments: each is written, then noted in the checkpoint."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from spacy_cmner.annotation.checkpoint import Checkpoint
from spacy_cmner.annotation.items import BadRecord, FoundEntity, Item, SourceRecord
from spacy_cmner.annotation.job import beside, check_place, check_types, describe_job, resume
from spacy_cmner.annotation.lock import locked
from spacy_cmner.annotation.sinks import LineFile, OutputFormat, create_sink
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import check_number, map_in_processes
from spacy_cmner.data.spans import found_entities
from spacy_cmner.errors import CmnerError, Messages
from spacy_cmner.pipeline.assertion import read_attributes
from spacy_cmner.pipeline.batches import MAX_TOKENS
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.reading import chunk
from spacy_cmner.pipeline.source import describe_sources

ItemT = TypeVar("ItemT", bound=Item)
Progress = Callable[[Iterable[Item]], Iterable[Item]]


def annotate_corpus(
    nlp: Language,
    texts: Source,
    out: Path,
    *,
    format: OutputFormat | None = None,
    n_process: int = 1,
    batch_size: int | None = None,
    segment_characters: int = 500_000,
    overwrite: bool = False,
    progress: Progress = iter,
) -> Checkpoint:
    """Annotate all texts of a source, in their order, and go on where an earlier run ended.

    Beside OUT lie `OUT.state.json`, the checkpoint, and `OUT.errors.jsonl`, the records that could
    not be read or annotated. When a run is killed, the next one removes what was written after the
    last checkpoint and goes on from there: nothing is lost, nothing is there twice.

    nlp (Language): The pipeline.
    texts (Source): What to annotate. It must not change between the runs.
    out (Path): A file of JSON lines or CSV, or a folder of parts in the other formats.
    format (OutputFormat | None): None takes it from the ending of `out`.
    n_process (int): Processes that annotate; -1 for one a CPU.
    batch_size (int | None): Texts that go through the pipeline together; None for its own.
    segment_characters (int): Characters between two checkpoints, about; they are kept in memory.
    overwrite (bool): Begin anew, whatever was written before.
    progress (Callable): Wraps the annotated items, for a progress bar.
    RAISES (CmnerError): `out` is there but not from such a run, another run is writing to it, or
        part of it is gone; its format is not clear, or cannot hold a type of the pipeline, or
        pyarrow is missing; it is the source, or one lies in the other; the source cannot be read at
        all; several processes would share a GPU; or a process has died.
    """
    check_number(n_process, "the GPU of the pipeline" if _is_on_gpu(nlp) else None)
    batch_size = choose_batch_size(nlp, batch_size)
    check_place(texts, out)
    check_types(nlp, format)
    sink = create_sink(out, format)
    with locked(beside(out, "lock")):
        bad_records = LineFile(beside(out, "errors.jsonl"))
        state = beside(out, "state.json")
        job = describe_job(nlp, texts, sink)
        checkpoint = Checkpoint(job) if overwrite else resume(out, state, job)
        if checkpoint.finished:
            sink.check(checkpoint.output)
            return checkpoint
        sink.rewind(checkpoint.output)
        bad_records.rewind(checkpoint.errors)
        checkpoint.save(state)
        unread = islice(texts, checkpoint.read, None)
        with closing(annotate_items(nlp, unread, n_process, batch_size)) as items:
            for segment in segments(progress(items), segment_characters):
                good = [item for item in segment if isinstance(item, SourceRecord)]
                bad = [item for item in segment if isinstance(item, BadRecord)]
                with _named(out):
                    if good:
                        sink.write(good)
                    if bad:
                        bad_records.write(bad)
                    checkpoint.count(good, bad)
                    checkpoint.output, checkpoint.errors = sink.position, bad_records.position
                    checkpoint.save(state)
        checkpoint.finished = True
        checkpoint.save(state)
        return checkpoint


@contextmanager
def _named(out: Path) -> Iterator[None]:
    """Name the output in an error of the system that names no file, as when a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise OSError(error.errno, error.strerror, str(out)) from error
        raise


def annotate_items(
    nlp: Language, items: Iterable[Item], n_process: int = 1, batch_size: int | None = None
) -> Generator[Item, None, None]:
    """Add the entities to the records of a stream, in its order; bad ones pass through.

    Where a component fails on a batch, its texts are tried one by one, and those that fail again
    become bad records.

    RAISES (CmnerError): A component has a problem that is not the text's, such as no labels; or a
        process has died.
    """
    batch_size = choose_batch_size(nlp, batch_size)
    if n_process != 1:
        batches = chunk(items, MAX_TOKENS, _size, batch_size)
        work = partial(_annotate_batch, nlp, batch_size)
        with closing(map_in_processes(work, batches, n_process)) as results:
            for batch in results:
                yield from batch
        return

    errors = _Errors()
    unread = enumerate(items)
    with _error_handler(nlp, errors):
        while (yield from _annotate_stream(nlp, unread, batch_size, errors)):
            pass


def _annotate_stream(
    nlp: Language, unread: Iterator[tuple[int, Item]], batch_size: int, errors: "_Errors"
) -> Generator[Item, None, bool]:
    """Annotate until all is read or a component breaks off; returns whether the latter happened."""
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
                    yield _annotate_alone(nlp, waiting.popleft()[1], errors)
                yield with_entities(waiting.popleft()[1], doc)
    except Exception as error:
        if of_the_source or not waiting or isinstance(error, CmnerError):
            raise
        broken_off = True
    for _, item in waiting:
        yield _annotate_alone(nlp, item, errors)
    return broken_off


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


def _is_on_gpu(nlp: Language) -> bool:
    models = (getattr(pipe, "model", None) for _, pipe in nlp.pipeline)
    return any(isinstance(model, Model) and model.ops.device_type == "gpu" for model in models)


def choose_batch_size(nlp: Language, size: int | None) -> int:
    """The texts that go through a pipeline together; None for its own number.

    RAISES: CM160 for no text at a time, with which spaCy reads nothing.
    """
    chosen = nlp.batch_size if size is None else size
    if chosen < 1:
        raise Messages.CM160.error(value=chosen)
    return chosen


def _annotate_batch(nlp: Language, batch_size: int, items: list[Item]) -> list[Item]:
    return list(annotate_items(nlp, items, batch_size=batch_size))


def segments(items: Iterable[Item], characters: int) -> Iterator[list[Item]]:
    """Items in lists of about so many characters."""
    segment: list[Item] = []
    size = 0
    for item in items:
        segment.append(item)
        size += _size(item)
        if size >= characters:
            yield segment
            segment, size = [], 0
    if segment:
        yield segment


def _size(item: Item) -> int:
    """Its characters; an item without text counts, too."""
    return 1 + len(item.text if isinstance(item, SourceRecord) else item.reason)


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


def _annotate_alone(nlp: Language, item: Item, errors: _Errors) -> Item:
    """Annotate a record of a batch that failed."""
    if isinstance(item, BadRecord):
        return item
    errors.kept.clear()
    try:
        doc = nlp(item.text)
    except Exception as error:  # noqa: BLE001 – whatever a component may raise
        errors(None, None, item, error)
    if not errors.kept:
        return with_entities(item, doc)
    problem = f"{type(errors.kept[0]).__name__}: {errors.kept[0]}"
    reason = Messages.CM150.format(number=item.number, problem=problem)
    return BadRecord(item.file, item.number or 0, reason)


def with_entities(item: ItemT, doc: Doc) -> ItemT:
    """The record with the entities of its document; a bad one stays as it is."""
    if isinstance(item, BadRecord):
        return item
    entities = tuple(
        FoundEntity(
            span.start_char,
            span.end_char,
            span.label_,
            read_score(span),
            describe_sources(span),
            read_attributes(span),
            span.kb_id_,
        )
        for span in found_entities(doc)
    )
    return replace(item, entities=entities)
