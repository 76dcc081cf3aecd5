"""Annotation on many machines, by Ray Data: files → actors with a pipeline each → parts.

An actor that dies is started anew and its batch annotated again, up to three times; a part that is
written twice replaces itself. So each record is in the output once. Ray must see the source and the
output under the same paths on all machines.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from spacy.language import Language

from spacy_cmner.annotation.checkpoint import Checkpoint
from spacy_cmner.annotation.items import BadRecord, Item, SourceRecord
from spacy_cmner.annotation.lock import locked
from spacy_cmner.annotation.runner import annotate, beside, describe_job, resume
from spacy_cmner.annotation.sinks import LineFile, OutputFormat, PartFolder, create_part_folder
from spacy_cmner.annotation.sources import Source
from spacy_cmner.annotation.workers import check_number
from spacy_cmner.data.files import check_apart
from spacy_cmner.errors import CmnerError, Messages

_BATCH = 256
_ADDED_BY_RAY = "\nFailed to apply UDF"
# How often a batch is given to an actor again after one has died over it.
_RETRIES = 3


def annotate_on_ray(
    load: Callable[[], Language],
    texts: Source,
    out: Path,
    *,
    format: OutputFormat | None = None,
    actors: int = 1,
    overwrite: bool = False,
) -> Checkpoint:
    """Annotate all texts of a source on a Ray cluster, in their order.

    The files of the source are read in parallel, so several are better than one. A killed actor
    or worker costs its batch; a run whose driver is killed begins anew.

    load (Callable): Loads the pipeline, in each actor.
    texts (Source): What to annotate.
    out (Path): A folder of parts, in all formats. The side files are as in `annotate_corpus`.
    format (OutputFormat | None): None takes it from the ending of `out`.
    actors (int): Pipelines that work at the same time, on one CPU each; -1 for as many as there
        can be. One CPU of the cluster is kept for reading and writing, so it needs two at least.
    overwrite (bool): Begin anew, whatever was written before.
    RAISES (CmnerError): Ray is missing, the cluster has one CPU only, actors cannot start or die
        again and again; or as `annotate_corpus`.
    """
    check_number(actors)
    check_apart(texts.path, out)
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    # other machines have other working folders
    texts, out = Source(texts.path.resolve(), texts.layout), out.resolve()
    cpus = int(ray.cluster_resources().get("CPU", 0))
    if cpus < 2:  # nothing would be read, and the actor wait for ever
        raise Messages.CM154.error(available=cpus, needed=2)
    with locked(beside(out, "lock")):
        sink = create_part_folder(out, format)
        state = beside(out, "state.json")
        job = describe_job(load(), texts, sink)
        checkpoint = Checkpoint(job) if overwrite else resume(out, state, job)
        if checkpoint.finished:
            return checkpoint
        checkpoint = Checkpoint(job)
        checkpoint.save(state)
        sink.rewind(0)
        bad_records = LineFile(beside(out, "errors.jsonl"))
        bad_records.rewind(0)
        size = cpus - 1 if actors == -1 else min(actors, cpus - 1)
        datasink = _create_datasink(ray, sink, bad_records, checkpoint)
        with errors_of_actors(ray):
            _annotated(ray, load, texts, size).write_datasink(datasink)
        checkpoint.finished = True
        checkpoint.save(state)
        return checkpoint


def _annotated(ray: ModuleType, load: Callable[[], Language], texts: Source, actors: int) -> Any:
    """A Dataset of the annotated items, in the order of the source."""
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    files = ray.data.from_items([{"file": str(file)} for file in texts.files])
    items = files.flat_map(lambda row: ({"item": item} for item in texts.read(Path(row["file"]))))
    return items.map_batches(
        _Annotator,
        fn_constructor_args=(load,),
        batch_size=_BATCH,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
        max_task_retries=_RETRIES,
    )


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

    def __init__(self, load: Callable[[], Language]) -> None:
        self.nlp = load()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"item": _array(annotate(self.nlp, batch["item"]))}


def _array(items: Iterable[Item]) -> np.ndarray:
    found = list(items)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def _create_datasink(
    ray: ModuleType, sink: PartFolder, bad_records: LineFile, checkpoint: Checkpoint
) -> Any:
    """A Datasink that writes a part a task, and at the end the side file."""

    class PartSink(ray.data.Datasink):  # type: ignore[name-defined]
        def write(self, blocks: Iterable[Any], ctx: Any) -> tuple[Checkpoint, list[BadRecord]]:
            items = list(_items(ray, blocks))
            good = [item for item in items if isinstance(item, SourceRecord)]
            bad = [item for item in items if isinstance(item, BadRecord)]
            if good:
                sink.put(ctx.task_idx, good)
            written = Checkpoint()
            written.count(good, bad)
            return written, bad

        def on_write_complete(self, write_result: Any) -> None:
            for written, bad in write_result.write_returns:
                bad_records.write(bad)
                for name in ("read", "bad", "characters", "entities"):
                    setattr(checkpoint, name, getattr(checkpoint, name) + getattr(written, name))

    return PartSink()


def _items(ray: ModuleType, blocks: Iterable[Any]) -> Iterator[Item]:
    for block in blocks:
        for row in ray.data.block.BlockAccessor.for_block(block).iter_rows(False):
            yield row["item"]


def _ray() -> ModuleType:
    try:
        import ray
        import ray.data
    except ImportError:
        raise Messages.CM151.error() from None
    return ray
