"""`python -m spacy cmner compare` and `cases`: systems on the same gold, in figures and texts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.analysis.cases import find_cases
from spacy_cmner.analysis.comparison import Systems, compare
from spacy_cmner.analysis.gold import GoldText, load_gold, load_predictions
from spacy_cmner.analysis.tables import Table
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import LabelsOption, errors_shown, read_labels
from spacy_cmner.data.files import check_outputs, check_writable, write_text
from spacy_cmner.errors import Messages

GoldArgument = Annotated[Path, typer.Argument(help="Gold data (.spacy or .jsonl).")]
Predictions = Annotated[
    list[Path],
    typer.Argument(help="What `evaluate --predictions` has written, a file a system."),
]
Flat = Annotated[
    bool, typer.Option("--flat", help="Use flat gold, not all gold with nested entities.")
]


@cmner_cli.command("compare")
@errors_shown()
def compare_command(
    gold: GoldArgument,
    predictions: Predictions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Also write all tables (.md) or one row a system (.csv)."
        ),
    ] = None,
    labels: LabelsOption = "",
    flat: Flat = False,
    samples: Annotated[
        int, typer.Option("--samples", help="Samples that the tests draw.", min=1)
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of the tests.", min=0)] = 0,
) -> None:
    """Compare systems: scores, kinds of errors, and significance against the best."""
    if output is not None and output.suffix.lower() not in (".md", ".csv"):
        raise Messages.CM507.error(path=output, endings=".md, .csv")
    check_outputs([output], [gold, *predictions])
    check_writable(output)
    texts, systems = _load(gold, predictions, labels)
    comparison = compare(texts, systems, flat=flat, samples=samples, seed=seed)
    if output is not None:
        if output.suffix.lower() == ".csv":
            content = comparison.joined().to_csv()
        else:
            content = _markdown(comparison.to_tables())
        _write(output, content)
    for table in comparison.to_tables():
        typer.echo(f"\n{table.to_terminal()}")
    kind = "flat gold" if flat else "all gold"
    msg.info(f"{len(texts)} texts, {kind}; {samples} samples, seed {seed}")


@cmner_cli.command("cases")
@errors_shown()
def cases_command(
    gold: GoldArgument,
    predictions: Predictions,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write all cases here (.md).")
    ] = None,
    labels: LabelsOption = "",
    flat: Flat = False,
    limit: Annotated[
        int, typer.Option("--limit", help="Cases to show on the terminal.", min=0)
    ] = 10,
) -> None:
    """Show the texts in which systems differ, or in which a single one errs, side by side."""
    if output is not None and output.suffix.lower() != ".md":
        raise Messages.CM507.error(path=output, endings=".md")
    check_outputs([output], [gold, *predictions])
    check_writable(output)
    texts, systems = _load(gold, predictions, labels)
    tables = [case.to_table() for case in find_cases(texts, systems, flat=flat)]
    if output is not None:
        _write(output, _markdown(tables))
    for table in tables[:limit]:
        typer.echo(f"\n{table.to_terminal()}")
    msg.info(f"{len(tables)} of {len(texts)} texts; {min(limit, len(tables))} shown")


def _load(gold: Path, predictions: Sequence[Path], labels: str) -> tuple[list[GoldText], Systems]:
    """The gold texts, and the predictions by the name of the system: its file's name, or the
    whole path where files share a name.

    labels (str): the types to score, see ``LabelsOption``.
    RAISES: CM512 if a file is given twice, others as ``load_gold`` and ``load_predictions``.
    """
    files = [path.resolve() for path in predictions]
    for path, count in zip(predictions, map(files.count, files), strict=True):
        if count > 1:
            raise Messages.CM512.error(path=path)
    texts = load_gold(gold)
    stems = Counter(path.stem for path in predictions)
    systems = {
        path.stem if stems[path.stem] == 1 else str(path): load_predictions(path, texts)
        for path in predictions
    }
    wanted = read_labels(labels, texts, gold)
    if wanted:
        texts = [text.of_types(wanted) for text in texts]
    return texts, systems


def _markdown(tables: Sequence[Table]) -> str:
    return "\n\n".join(table.to_markdown() for table in tables) + "\n"


def _write(path: Path, content: str) -> None:
    write_text(path, content)
    msg.good(f"Written: {path}")
