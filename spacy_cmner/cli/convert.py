"""`python -m spacy cmner convert` and `verify`: annotations to DocBins, checksums of a folder."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import EncodingOption, errors_shown, split
from spacy_cmner.data.checksums import verify_checksums
from spacy_cmner.data.corpus import FORMATS, convert
from spacy_cmner.data.docs import Flatten
from spacy_cmner.data.files import check_ending, check_outputs, check_writable
from spacy_cmner.errors import Messages


@cmner_cli.command("convert")
@errors_shown()
def convert_command(
    source: Annotated[Path, typer.Argument(help="Annotation file, or brat's folder.")],
    out: Annotated[Path, typer.Argument(help="DocBin to write (.spacy).")],
    format: Annotated[str, typer.Option("--format", "-f", help=f"One of: {', '.join(FORMATS)}.")],
    flatten: Annotated[
        Flatten, typer.Option(help="Which of overlapping entities doc.ents holds.")
    ] = "longest",
    labels: Annotated[
        str,
        typer.Option(
            help="Types to keep, separated by commas, and new names for them if wanted, such as "
            "疾病=dis,药物=dru. All if not given."
        ),
    ] = "",
    encoding: EncodingOption = "utf-8",
    fraction: Annotated[
        float, typer.Option(help="Part of the records to keep, chosen by --seed.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Chooses the records of --fraction.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Keep this many records at most.")
    ] = None,
    report_path: Annotated[
        Path | None,
        typer.Option("--report", help="Write every finding here, one JSON object a line."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with 1 if data is at fault; the sound part is written."
        ),
    ] = False,
) -> None:
    """Convert annotations to a DocBin with aligned entities, and say what became of them."""
    check_ending(out, ".spacy")
    check_outputs([out, report_path], [source])
    check_writable(out, report_path)
    report = convert(
        source,
        format,
        out,
        flatten=flatten,
        labels=_read_names(labels),
        fraction=fraction,
        seed=seed,
        limit=limit,
        encoding=encoding,
    )
    typer.echo(report.summary())
    if report_path is not None:
        report.to_jsonl(report_path)
    msg.good(f"{out}: {report.records} records, {report.entities} entities")
    if strict and report.problems:
        msg.fail(f"--strict: {len(report.problems)} findings in {source}", exits=1)


def _read_names(labels: str) -> dict[str, str]:
    """The types of `--labels`, and what they are to be called."""
    names: dict[str, str] = {}
    for label in split(labels):
        old, equals, new = map(str.strip, label.partition("="))
        new = new if equals else old
        if not old or not new or names.setdefault(old, new) != new:
            raise Messages.CM174.error(label=label)
    return names


@cmner_cli.command("verify")
@errors_shown()
def verify_command(
    folder: Annotated[Path, typer.Argument(help="Folder that the names in the list start from.")],
    sums: Annotated[Path, typer.Argument(help="List that sha256sum has written.")],
) -> None:
    """Exit with 1 and name the files that are missing or differ from their checksums."""
    names = verify_checksums(folder, sums)
    msg.good(f"{len(names)} files as in {sums}")
