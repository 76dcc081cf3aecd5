"""`python -m spacy cmner evaluate`: what a pipeline finds of gold data, and how fast."""

import json
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.analysis.evaluation import evaluate, prediction_records
from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.tables import evaluation_tables
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    TAKES_SETTINGS,
    GpuOption,
    LabelsOption,
    PipelineArgument,
    errors_shown,
    load_pipeline,
    read_labels,
    read_settings,
    use_gpu,
)
from spacy_cmner.data.files import check_ending, check_outputs, check_writable, write_text
from spacy_cmner.data.jsonl import write_jsonl


@cmner_cli.command("evaluate", context_settings=TAKES_SETTINGS)
@errors_shown()
def evaluate_command(
    context: typer.Context,
    model: PipelineArgument,
    data: Annotated[Path, typer.Argument(help="Gold data (.spacy or .jsonl).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all figures here (.json).")
    ] = None,
    labels: LabelsOption = "",
    exclude_texts: Annotated[
        Path | None,
        typer.Option(
            "--exclude-texts",
            help="Score also without the texts that occur in this file (.spacy or .jsonl).",
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            "--train",
            help="Training data (.spacy or .jsonl): score entities seen and unseen there apart.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Write what was found here (.jsonl), for `compare`."),
    ] = None,
    gpu_id: GpuOption = -1,
) -> None:
    """Score a pipeline on gold data: in all, per type, by kind of error, and its speed.

    Settings of the pipeline can be given as to `spacy train`, such as --components.cmner.threshold
    0.4.
    """
    settings = read_settings(context.args)
    check_outputs([output, predictions], [data, train, exclude_texts])
    if output is not None:
        check_ending(output, ".json")
    if predictions is not None:
        check_ending(predictions, ".jsonl")
    check_writable(output, predictions)
    use_gpu(gpu_id)
    load = cache(load_gold)
    texts = load(data)
    wanted = read_labels(labels, texts, data)
    evaluation = evaluate(
        load_pipeline(model, settings),
        texts,
        labels=wanted,
        train=None if train is None else load(train),
        exclude=None if exclude_texts is None else load(exclude_texts),
    )
    found = evaluation.predictions
    # Before it is shown: what it is shown to may end early, as `head` does.
    if output is not None:
        given = {"model": model, "settings": settings, "data": str(data), "labels": wanted}
        metrics = {**given, **evaluation.to_dict()}
        write_text(output, json.dumps(metrics, ensure_ascii=False, indent=2) + "\n")
        msg.good(f"Figures: {output}")
    if predictions is not None:
        write_jsonl(prediction_records(texts, found), predictions)
        msg.good(f"Predictions: {predictions}")
    for table in evaluation_tables(evaluation):
        typer.echo(f"\n{table.to_terminal()}")
    msg.info(f"{len(texts)} texts, {found.characters} characters, {found.speed:,.0f} a second")
    if evaluation.deduplicated is not None:
        left_out = len(texts) - evaluation.deduplicated.texts
        msg.info(f"{left_out} texts occur in {exclude_texts}; deduplicated scores leave them out")
