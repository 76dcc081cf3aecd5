"""Annotation on many machines, by Ray Data: files → segments → actors with a pipeline each → parts.

Actors write drafts of parts; the driver numbers them in the order of the source and notes each in
the checkpoint, as a run on one machine does. An actor that dies is started anew and its segment
annotated again, up to three times. So each record is in the output once, whoever is killed. Ray
must see the source and the output under the same paths on all machines.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import numpy as np
from spacy.language import Language
from thinc.api import require_gpu

from spacy_cmner.annotation.checkpoint import Checkpoint
from spacy_cmner.annotation.documents import choose_batch_size
from spacy_cmner.annotation.items import BadRecord, Item, SourceRecord
from spacy_cmner.annotation.job import beside, check_place, check_types, describe_job, resume
from spacy_cmner.annotation.lock import locked
from spacy_cmner.annotation.runner import annotate_items, segments
from spacy_cmner.annotation.sinks import LineFile, OutputFormat, PartFolder, create_part_folder
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import check_number
from spacy_cmner.errors import CmnerError, Messages

_ADDED_BY_RAY = "\nFailed to apply UDF"
# How often a segment is given to an actor again after one has died over it.
_RETRIES = 3


def annotate_on_ray(
    load: Callable[[], Language],
    texts: Source,
    out: Path,
    *,
    format: OutputFormat | None = None,
    actors: int = 1,
    gpu: bool = False,
    batch_size: int | None = None,
    segment_characters: int = 200_000,
    overwrite: bool = False,
    progress: Callable[[Checkpoint], None] = lambda _: None,
) -> Checkpoint:
    """Annotate all texts of a source on a Ray cluster, in their order, and go on where an earlier
    run ended.

    A killed actor or worker costs its segment, a killed driver the segments that are under way.

    load (Callable): Loads the pipeline: in each actor, and here on the CPU, to know it again.
    texts (Source): What to annotate. Several files are read in parallel.
    out (Path): A folder of parts, in all formats. The side files are as in `annotate_corpus`.
    format (OutputFormat | None): None takes it from the ending of `out`.
    actors (int): Pipelines that work at the same time, on one CPU each; -1 for as many as there
        can be. One CPU of the cluster is kept for reading and writing, so it needs two at least.
    gpu (bool): Whether each actor computes on a GPU of its own, which Ray chooses.
    batch_size (int | None): Texts that go through a pipeline together; None for its own.
    segment_characters (int): Characters of a part, about; it is what an actor is given at a time.
    overwrite (bool): Begin anew, whatever was written before.
    progress (Callable): Is given the checkpoint after each part.
    RAISES (CmnerError): Ray is missing, the cluster has too few CPUs or GPUs, actors cannot start
        or die again and again; or as `annotate_corpus`.
    """
    check_number(actors)
    check_place(texts, out)
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    size = _count_actors(ray.cluster_resources(), actors, gpu)
    # other machines have other working folders
    texts, out = Source(texts.path.resolve(), texts.layout), out.resolve()
    sink = create_part_folder(out, format)
    with locked(beside(out, "lock")):
        bad_records = LineFile(beside(out, "errors.jsonl"))
        state = beside(out, "state.json")
        nlp = load()
        check_types(nlp, format)
        batch_size = choose_batch_size(nlp, batch_size)
        job = describe_job(nlp, texts, sink)
        checkpoint = Checkpoint(job) if overwrite else resume(out, state, job)
        if checkpoint.finished:
            sink.check(checkpoint.output)
            return checkpoint
        sink.rewind(checkpoint.output)
        bad_records.rewind(checkpoint.errors)
        checkpoint.save(state)
        unread = _segments(ray, texts, checkpoint.read, segment_characters)
        with errors_of_actors(ray):
            parts = unread.map_batches(
                _Annotator,
                fn_constructor_args=(load, sink, gpu, batch_size),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=size),
                num_cpus=1,
                num_gpus=1 if gpu else None,
                max_task_retries=_RETRIES,
            )
            for row in parts.iter_rows():
                part: _Part = row["part"]
                if part.draft:
                    sink.add(part.draft)
                if part.bad:
                    bad_records.write(part.bad)
                checkpoint.add(part.counts)
                checkpoint.output, checkpoint.errors = sink.position, bad_records.position
                checkpoint.save(state)
                progress(checkpoint)
        sink.rewind(checkpoint.output)  # drafts of actors that died, or outlived a killed run
        checkpoint.finished = True
        checkpoint.save(state)
        return checkpoint


def _count_actors(resources: dict[str, float], actors: int, gpu: bool) -> int:
    """RAISES: CM154 if the cluster cannot start any: the run would wait for ever."""
    cpus, gpus = (int(resources.get(kind, 0)) for kind in ("CPU", "GPU"))
    if cpus < 2:
        raise Messages.CM154.error(available=cpus, needed=2)
    if gpu and not gpus:
        raise Messages.CM162.error()
    most = min(cpus - 1, gpus) if gpu else cpus - 1
    return most if actors == -1 else min(actors, most)


def _segments(ray: ModuleType, texts: Source, read: int, characters: int) -> Any:
    """A Dataset of what an earlier run has not read, in its order: lists of records, each of them
    a block, so that any actor may take it."""
    run = uuid4().hex  # of a killed run an actor may still be writing
    rows = []
    for number, file in enumerate(texts.files):
        done = sum(1 for _ in islice(texts.read(file), read))
        read -= done
        rows.append({"name": f"{run}-{number:06}", "file": str(file), "done": done})

    def read_files(batch: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        files = zip(batch["file"], batch["done"], strict=True)
        items = chain.from_iterable(islice(texts.read(Path(f)), n, None) for f, n in files)
        for place, segment in enumerate(segments(items, characters)):
            name = f"{batch['name'][0]}-{place:06}"
            yield {"segment": _array(_Segment(name, segment))}

    files = ray.data.from_items(rows)
    files.context.execution_options.preserve_order = True
    files.context.target_max_block_size = 1
    files.context.enable_progress_bars = False
    return files.map_batches(read_files, batch_size=None)


@dataclass(frozen=True)
class _Segment:
    """What an actor is given: records, and a name for the draft of their part."""

    name: str
    items: list[Item]


@dataclass(frozen=True)
class _Part:
    """What an actor gives back; the annotated records are in the draft, if there are any."""

    draft: Path | None
    bad: list[BadRecord]
    counts: Checkpoint = field(default_factory=Checkpoint)


@contextmanager
def errors_of_actors(ray: ModuleType) -> Iterator[None]:
    """Turn what happens on other machines into its own message, without Ray's trace."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CmnerError):
            message, _, _ = str(error.cause).partition(_ADDED_BY_RAY)
            raise CmnerError(message) from None
        raise
    except ray.exceptions.RayActorError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise Messages.CM155.error(reason=reason) from error


class _Annotator:
    """What an actor keeps: one pipeline."""

    def __init__(
        self, load: Callable[[], Language], sink: PartFolder, gpu: bool, batch_size: int
    ) -> None:
        if gpu:
            require_gpu()  # Ray shows an actor its own only
        self.nlp = load()
        self.sink = sink
        self.batch_size = batch_size

    def __call__(self, batch: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        # an iterator: Ray wraps the errors of functions, but leaves those of iterators as they are
        [segment] = batch["segment"]
        items = list(annotate_items(self.nlp, segment.items, batch_size=self.batch_size))
        good = [item for item in items if isinstance(item, SourceRecord)]
        bad = [item for item in items if isinstance(item, BadRecord)]
        part = _Part(self.sink.draft(segment.name, good) if good else None, bad)
        part.counts.count(good, bad)
        yield {"part": _array(part)}


def _array(value: object) -> np.ndarray:
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


def _ray() -> ModuleType:
    try:
        import ray
        import ray.data
    except ImportError:
        raise Messages.CM151.error() from None
    return ray
