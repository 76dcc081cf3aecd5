"""A pipeline over a source, in segments: each is written, then noted in the checkpoint."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from spacy_cmner.annotation.checkpoint import Checkpoint
from spacy_cmner.annotation.documents import choose_batch_size, read_documents
from spacy_cmner.annotation.items import BadRecord, FoundEntity, Item, SourceRecord
from spacy_cmner.annotation.job import beside, check_place, check_types, describe_job, resume
from spacy_cmner.annotation.lock import locked
from spacy_cmner.annotation.sinks import LineFile, OutputFormat, create_sink
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import check_number, map_in_processes
from spacy_cmner.data.spans import found_entities
from spacy_cmner.pipeline.assertion import read_attributes
from spacy_cmner.pipeline.batches import MAX_TOKENS
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.reading import chunk
from spacy_cmner.pipeline.source import describe_sources

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

    RAISES (CmnerError): As ``read_documents``, or a process has died.
    """
    if n_process != 1:
        batch_size = choose_batch_size(nlp, batch_size)
        batches = chunk(items, MAX_TOKENS, _size, batch_size)
        work = partial(_annotate_batch, nlp, batch_size)
        with closing(map_in_processes(work, batches, n_process)) as results:
            for batch in results:
                yield from batch
        return

    for read in read_documents(nlp, items, batch_size):
        yield read if isinstance(read, BadRecord) else with_entities(*read)


def _is_on_gpu(nlp: Language) -> bool:
    models = (getattr(pipe, "model", None) for _, pipe in nlp.pipeline)
    return any(isinstance(model, Model) and model.ops.device_type == "gpu" for model in models)


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


def with_entities(record: SourceRecord, doc: Doc) -> SourceRecord:
    """The record with the entities of its document."""
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
    return replace(record, entities=entities)
