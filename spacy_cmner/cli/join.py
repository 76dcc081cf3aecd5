"""`python -m spacy cmner join`: several trained pipelines as one."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    check_pipeline_place,
    errors_shown,
    load_pipeline,
    save_pipeline,
)
from spacy_cmner.models.ensemble import join_pipelines


@cmner_cli.command("join")
@errors_shown()
def join_command(
    models: Annotated[
        list[str], typer.Argument(help="Pipelines with the same labels: folders or packages.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write the joined pipeline to.")
    ],
    name: Annotated[str, typer.Option(help="The component to join, in each of them.")] = "cmner",
    weights: Annotated[
        str, typer.Option(help="How much each counts, such as 3,1; all alike if not given.")
    ] = "",
) -> None:
    """Make one recogniser of several, by the mean of their scores."""
    numbers = _read_weights(weights)
    pipelines = [load_pipeline(model) for model in models]
    check_pipeline_place(output, pipelines)
    save_pipeline(join_pipelines(pipelines, name, weights=numbers), output)
    msg.good(f"{output}: {len(models)} recognisers as one")


def _read_weights(weights: str) -> list[float] | None:
    if not weights:
        return None
    try:
        return [float(weight) for weight in weights.split(",")]
    except ValueError:
        problem = f"{weights!r} has something that is no number"
        raise typer.BadParameter(problem, param_hint="--weights") from None
