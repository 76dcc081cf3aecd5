"""`python -m spacy cmner compile`: a trained pipeline, made small and fast for use."""

from pathlib import Path
from typing import Annotated

import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from wasabi import msg

from spacy_cmner.analysis.gold import entities_of
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import PipelineArgument, errors_shown, load_pipeline, save_pipeline
from spacy_cmner.data.corpus import load_docs
from spacy_cmner.models.compile import Runtime, compile_pipeline
from spacy_cmner.models.storage import Precision
from spacy_cmner.pipeline.scorer import create_ner_scorer


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
        typer.Option(help="Annotated DocBin on which to compare both pipelines.", exists=True),
    ] = None,
) -> None:
    """Turn character representations into tables, and say what it gained and cost."""
    nlp = load_pipeline(model)
    compiled = compile_pipeline(nlp, precision=precision, runtime=runtime)
    save_pipeline(compiled, out, [nlp])
    msg.good(f"{out}: {folder_size(out):.1f} MB, {model} has {folder_size(nlp.path):.1f} MB")
    if data is not None:
        gold = list(load_docs(data, nlp.vocab))
        before, after = predict(nlp, gold), predict(load_pipeline(out), gold)
        different = sum(
            entities_of(first.predicted.ents) != entities_of(second.predicted.ents)
            for first, second in zip(before, after, strict=True)
        )
        msg.info(f"Documents with other entities: {different} of {len(gold)}")
        score = create_ner_scorer()
        f_before, f_after = score(before)["ents_f"], score(after)["ents_f"]
        msg.info(f"F1: {f_before:.4f} → {f_after:.4f} ({f_after - f_before:+.4f})")


def folder_size(folder: Path) -> float:
    """Megabytes (10⁶ bytes) of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def predict(nlp: Language, gold: list[Doc]) -> list[Example]:
    """Annotated documents beside what a pipeline finds in their texts."""
    found = nlp.pipe(doc.text for doc in gold)
    return [Example(doc, reference) for doc, reference in zip(found, gold, strict=True)]
