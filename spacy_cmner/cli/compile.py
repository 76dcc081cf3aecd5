"""`python -m spacy cmner compile`: a trained pipeline, made small and fast for use."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.analysis.evaluation import evaluate
from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    PipelineArgument,
    check_pipeline_place,
    errors_shown,
    load_pipeline,
    save_pipeline,
)
from spacy_cmner.models.compile import Runtime, compile_pipeline
from spacy_cmner.models.storage import Precision


@cmner_cli.command("compile")
@errors_shown()
def compile_command(
    model: PipelineArgument,
    out: Annotated[Path, typer.Argument(help="Folder to write the compiled pipeline to.")],
    precision: Annotated[
        Precision, typer.Option(help="How the weights are stored; less is smaller and rounds.")
    ] = "float32",
    runtime: Annotated[
        Runtime, typer.Option(help="What runs the BiLSTM; onnx with int8 is the fastest.")
    ] = "torch",
    data: Annotated[
        Path | None,
        typer.Option(help="Gold data (.spacy or .jsonl) on which to compare both pipelines."),
    ] = None,
) -> None:
    """Turn character representations into tables, and say what it gained and cost."""
    gold = None if data is None else load_gold(data)
    nlp = load_pipeline(model)
    check_pipeline_place(out, [nlp])
    compiled = compile_pipeline(nlp, precision=precision, runtime=runtime)
    save_pipeline(compiled, out)
    msg.good(f"{out}: {folder_size(out):.1f} MB, {model} has {folder_size(nlp.path):.1f} MB")
    if gold is not None:
        before, after = evaluate(nlp, gold), evaluate(load_pipeline(out), gold)
        pairs = zip(before.predictions.entities, after.predictions.entities, strict=True)
        different = sum(first != second for first, second in pairs)
        msg.info(f"Documents with other entities: {different} of {len(gold)}")
        old, new = before.scores, after.scores
        show_f1("all gold", old.all_gold.total.f1, new.all_gold.total.f1)
        show_f1("flat gold", old.flat_gold.total.f1, new.flat_gold.total.f1)


def show_f1(gold: str, before: float, after: float) -> None:
    before, after = 100 * before, 100 * after
    msg.info(f"F1, {gold}: {before:.2f} → {after:.2f} ({after - before:+.2f})")


def folder_size(folder: Path) -> float:
    """Megabytes (10⁶ bytes) of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
