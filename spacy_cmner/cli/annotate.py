"""`python -m spacy cmner annotate`: entities for a corpus of any size."""

import gc
import json
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer
from spacy.language import Language
from tqdm import tqdm
from wasabi import msg

from spacy_cmner.annotation.items import Item
from spacy_cmner.annotation.job import beside
from spacy_cmner.annotation.on_ray import annotate_on_ray
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sinks import OutputFormat
from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.annotation.workers import check_number
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    TAKES_SETTINGS,
    EncodingOption,
    IdColumnOption,
    PipelineArgument,
    TextColumnOption,
    TextsArgument,
    errors_shown,
    load_pipeline,
    read_settings,
    use_gpu,
)
from spacy_cmner.errors import Messages


@cmner_cli.command("annotate", context_settings=TAKES_SETTINGS)
@errors_shown()
def annotate_command(
    context: typer.Context,
    model: PipelineArgument,
    source: TextsArgument,
    out: Annotated[
        Path,
        typer.Argument(help="File (.jsonl, .csv) or folder (.parquet, .spacy, brat) to write."),
    ],
    format: Annotated[
        OutputFormat | None,
        typer.Option("--format", "-f", help="If the ending of OUT does not say it."),
    ] = None,
    text_column: TextColumnOption = "text",
    id_column: IdColumnOption = "id",
    encoding: EncodingOption = "utf-8",
    max_length: Annotated[
        int, typer.Option(min=1, help="Longer texts, in characters, are bad records.")
    ] = 1_000_000,
    n_process: Annotated[
        int, typer.Option("--n-process", "-n", help="Processes; -1 for one a CPU.")
    ] = 1,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Texts that are annotated together.")
    ] = None,
    ray: Annotated[
        bool,
        typer.Option(
            "--ray",
            help="Use the Ray cluster of RAY_ADDRESS, or start one here; -n is the number of "
            "actors, and OUT a folder of parts in every format.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew instead of going on.")
    ] = False,
    gpu_id: Annotated[
        int,
        typer.Option(
            "--gpu-id",
            "-g",
            help="GPU, or -1 for the CPU. With --ray any other number gives each actor a GPU of "
            "its own, which Ray chooses.",
        ),
    ] = -1,
) -> None:
    """Annotate texts; a run that was killed goes on where it was when it is called again.

    What cannot be read or annotated goes to OUT.errors.jsonl with the reason. Settings of the
    pipeline can be given as to `spacy train`, such as --components.cmner.scores true.
    """
    settings = read_settings(context.args)
    gpu = gpu_id >= 0
    if gpu and not ray:
        check_number(n_process, f"GPU {gpu_id}")
        use_gpu(gpu_id)
    texts = Source(source, Layout(text_column, id_column, encoding, max_length))

    def load() -> Language:
        nlp = load_pipeline(model, settings)
        nlp.max_length = max_length
        gc.freeze()  # or every full collection goes through all that has been loaded
        return nlp

    if ray:
        with tqdm(unit=" texts") as bar:
            result = annotate_on_ray(
                load,
                texts,
                out,
                format=format,
                actors=n_process,
                gpu=gpu,
                batch_size=batch_size,
                overwrite=overwrite,
                progress=lambda checkpoint: bar.update(checkpoint.read - bar.n),
            )
    else:
        result = annotate_corpus(
            load(),
            texts,
            out,
            format=format,
            n_process=n_process,
            batch_size=batch_size,
            overwrite=overwrite,
            progress=partial(_show_progress, texts),
        )
    errors = beside(out, "errors.jsonl")
    if result.bad and result.bad == result.read:
        with errors.open(encoding="utf-8") as file:
            reason = json.loads(file.readline())["reason"]
        raise Messages.CM159.error(n=result.bad, path=errors, reason=reason)
    msg.good(
        f"{out}: {result.read - result.bad} texts, {result.characters} characters, "
        f"{result.entities} entities"
    )
    if not result.entities:
        msg.warn(
            "No entity was found. Only those in doc.ents are written: the pipeline needs a "
            "component that finds some and puts them there."
        )
    if result.bad:
        msg.warn(f"{result.bad} bad records: {errors}")


def _show_progress(texts: Source, items: Iterable[Item]) -> Iterator[Item]:
    items = iter(items)
    first = list(islice(items, 1))  # to get it, what an earlier run has done is passed over
    with tqdm(total=texts.total, initial=texts.done, unit="B", unit_scale=True) as bar:
        for item in chain(first, items):
            bar.update(texts.done - bar.n)
            yield item
        bar.update(texts.total - bar.n)
