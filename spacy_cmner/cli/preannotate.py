"""`python -m spacy cmner preannotate`: texts for people to correct, the least certain first."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    EncodingOption,
    GpuOption,
    IdColumnOption,
    PipelineArgument,
    TextColumnOption,
    TextsArgument,
    errors_shown,
    load_pipeline,
    read_source,
    use_gpu,
)
from spacy_cmner.data.files import check_apart, check_ending, check_writable
from spacy_cmner.pipeline.recognisers import entity_types
from spacy_cmner.supervision.preannotation import Measure, rank
from spacy_cmner.supervision.tools import ENDINGS, Tool, config_path, write_suggestions


@cmner_cli.command("preannotate")
@errors_shown()
def preannotate_command(
    model: PipelineArgument,
    source: TextsArgument,
    out: Annotated[
        Path, typer.Argument(help="File to write: .jsonl for doccano, .json for Label Studio.")
    ],
    tool: Annotated[Tool, typer.Option("--tool", "-t", help="Who imports it.")] = "doccano",
    by: Annotated[
        Measure,
        typer.Option(
            help="Certainty: of the best reading, of that per character, or of the least certain "
            "entity."
        ),
    ] = "reading",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Write only so many, the least certain.")
    ] = None,
    text_column: TextColumnOption = "text",
    id_column: IdColumnOption = "id",
    encoding: EncodingOption = "utf-8",
    gpu_id: GpuOption = -1,
) -> None:
    """Annotate texts and sort them for an annotation tool, the least certain first.

    `cmner convert --format jsonl` (doccano) or `label_studio` reads what the tool exports.
    """
    check_ending(out, ENDINGS[tool])
    use_gpu(gpu_id)
    check_apart(source, out)
    check_writable(out, config_path(out) if tool == "label_studio" else None)
    records = read_source(Source(source, Layout(text_column, id_column, encoding)))
    nlp = load_pipeline(model)
    suggestions = rank(nlp, records, by)[:limit]
    write_suggestions(suggestions, out, tool, entity_types(nlp))
    msg.good(f"{out}: {len(suggestions)} of {len(records)} texts for {tool}")
