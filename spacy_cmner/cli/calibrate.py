"""`python -m spacy cmner calibrate`: whether the scores of entities mean what they say."""

import json
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.analysis.calibration import calibrate, plot_reliability
from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.plots import check_picture
from spacy_cmner.analysis.temperature import fit_temperature
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    PipelineArgument,
    check_pipeline_place,
    errors_shown,
    load_pipeline,
    save_pipeline,
)
from spacy_cmner.data.files import check_outputs, check_writable, write_text


@cmner_cli.command("calibrate")
@errors_shown()
def calibrate_command(
    model: PipelineArgument,
    data: Annotated[Path, typer.Argument(help="Gold data (.spacy or .jsonl).")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Draw the reliability diagram here, with --fit that of the fitted scores; figures "
            "beside it (.json).",
        ),
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a copy of the pipeline whose scores are fitted to these texts, by a "
            "temperature; its most probable entities are the same."
        ),
    ] = None,
) -> None:
    """Compare the score of each entity with whether it is right."""
    if output is not None:
        check_picture(output)
    figures = output and output.with_suffix(".json")
    check_writable(output, figures)
    nlp = load_pipeline(model)
    check_outputs([output, figures, fit], [data, nlp.path])
    if fit is not None:
        check_pipeline_place(fit, [nlp])
    texts = load_gold(data)
    if fit is not None:  # before either has read the texts, whose strings would be saved
        fitted, temperature = fit_temperature(nlp, texts)
        save_pipeline(fitted, fit)
    result = calibrate(nlp, texts)
    typer.echo(result.to_table().to_terminal())
    if fit is not None:
        result = calibrate(fitted, texts)
        typer.echo(result.to_table().to_terminal())
        msg.good(f"{fit}: with a temperature of {temperature:.2f}, as in the second table")
    if output is not None and figures is not None:
        plot_reliability(result, output)
        write_text(figures, json.dumps(result.to_dict(), indent=2))
        msg.good(f"{output} and {figures}")
