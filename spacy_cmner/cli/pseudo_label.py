"""`python -m spacy cmner pseudo-label`: texts annotated in part by a pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    EncodingOption,
    GpuOption,
    PipelineArgument,
    TextColumnOption,
    TextsArgument,
    errors_shown,
    load_pipeline,
    read_source,
    use_gpu,
    write_annotated,
)
from spacy_cmner.data.files import check_apart, check_ending, check_writable
from spacy_cmner.supervision.pseudo_labels import POSSIBLE, SURE, pseudo_label


@cmner_cli.command("pseudo-label")
@errors_shown()
def pseudo_label_command(
    model: PipelineArgument,
    source: TextsArgument,
    out: Annotated[Path, typer.Argument(help="DocBin to write (.spacy).")],
    min_score: Annotated[
        float, typer.Option(help="Entities of this probability or more are learned.")
    ] = SURE,
    possible: Annotated[
        float, typer.Option(help="Those from this one up to it are missing, others outside.")
    ] = POSSIBLE,
    hits_key: Annotated[
        str | None,
        typer.Option(help="Span group of a dictionary: what only it found is missing, too."),
    ] = None,
    text_column: TextColumnOption = "text",
    encoding: EncodingOption = "utf-8",
    gpu_id: GpuOption = -1,
) -> None:
    """Annotate texts by a pipeline, for another one to learn from: what it is in doubt about is
    missing.

    `spacy train` reads the result; the recogniser sums over what is missing.
    """
    check_ending(out, ".spacy")
    use_gpu(gpu_id)
    check_apart(source, out)
    check_writable(out)
    records = read_source(Source(source, Layout(text=text_column, encoding=encoding)))
    nlp = load_pipeline(model)
    docs = pseudo_label(nlp, records, min_score=min_score, possible=possible, hits_key=hits_key)
    write_annotated(docs, out)
