"""What the commands share."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from click import NoSuchOption
from spacy.cli._util import parse_config_overrides, setup_gpu
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, load_model
from thinc.api import ConfigValidationError
from wasabi import msg

from spacy_cmner.analysis.gold import GoldText
from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.annotation.sources import Source
from spacy_cmner.data.corpus import check_labels
from spacy_cmner.data.docs import DOCBIN_ATTRS
from spacy_cmner.data.files import check_writable, replacing
from spacy_cmner.data.spans import all_entities
from spacy_cmner.errors import DAMAGE, CmnerError, Messages

PipelineArgument = Annotated[
    str, typer.Argument(help="Pipeline: a folder or an installed package.")
]
TextsArgument = Annotated[
    Path,
    typer.Argument(
        help="Texts: .txt (one a line), .jsonl, .csv, .tsv (each also .gz), .parquet, or a folder, "
        "in which each .txt file is one text."
    ),
]
TextColumnOption = Annotated[str, typer.Option(help="Column or field of the text.")]
IdColumnOption = Annotated[str, typer.Option(help="Column or field of the name.")]
EncodingOption = Annotated[str, typer.Option(help="Encoding of the source.")]
GpuOption = Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")]
LabelsOption = Annotated[
    str,
    typer.Option("--labels", help="Types to score, separated by commas. All if not given."),
]

# Of a command that takes settings of a config, see ``read_settings``.
TAKES_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}

# What each pipeline's folder holds.
CONFIG, META = "config.cfg", "meta.json"

# A damaged config may ask for a language or a package that does not exist.
_UNLOADABLE: tuple[type[Exception], ...] = (*DAMAGE, ImportError)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn an error that the user can mend into its message and exit code 1; decorates commands."""
    _print_in_any_encoding()
    try:
        yield
    except CmnerError as error:
        msg.fail(str(error), exits=1)
    except OSError as error:
        if error.filename is None:
            raise
        reason = error.strerror or type(error).__name__
        msg.fail(str(Messages.CM510.error(path=error.filename, reason=reason)), exits=1)


def _print_in_any_encoding() -> None:
    """Where the output is not UTF-8, as in a file or a pipe on Chinese Windows, put ? for the
    characters that it lacks, instead of ending the command."""
    out = sys.stdout
    if isinstance(out, TextIOWrapper) and out.encoding.lower() not in ("utf-8", "utf8"):
        out.reconfigure(errors="replace")
        msg.pretty = False  # or wasabi would read what it prints as UTF-8, and fail


def use_gpu(gpu_id: int) -> None:
    """Compute on a GPU, or on the CPU if it is -1.

    RAISES: CM511 if there is none, or something for it is missing.
    """
    try:
        setup_gpu(gpu_id, silent=True)
    except (ValueError, RuntimeError) as error:
        raise Messages.CM511.error(gpu_id=gpu_id, reason=error) from error


def split(names: str) -> list[str]:
    """The names in a list with commas between them."""
    return [name.strip() for name in names.split(",") if name.strip()]


def read_labels(labels: str, texts: Iterable[GoldText], path: Path) -> list[str]:
    """The types of ``LabelsOption``, which are to be scored on these texts.

    RAISES: CM118 if no entity is of any of them.
    WARNS: CM118 of those that no entity is of.
    """
    wanted = split(labels)
    if wanted:
        known = {entity.label for text in texts for entity in text.gold.entities}
        check_labels(known, wanted, path)
    return wanted


def read_source(source: Source) -> list[SourceRecord]:
    """All records of a source; those that cannot be read are left out, with a warning.

    RAISES: CM433 if none can be read, others as ``Source``.
    """
    items = list(source)
    records = [item for item in items if isinstance(item, SourceRecord)]
    bad = [item for item in items if isinstance(item, BadRecord)]
    if not records:
        first = bad[0].reason if bad else "it is empty."
        raise Messages.CM433.error(path=source.path, first=first)
    if bad:
        msg.warn(f"{len(bad)} bad records are left out; the first: {bad[0].reason}")
    return records


def load_pipeline(model: str | Path, settings: Mapping[str, Any] | None = None) -> Language:
    """Load a pipeline by folder or package name.

    settings (Optional[Mapping[str, Any]]): in place of those in its config, as ``read_settings``.
    RAISES: CM505 if there is none or a file of spaCy's is damaged; CM522 for settings that it does
        not have; others from our components, such as CM421.
    """
    try:
        return load_model(model, config=dict(settings or {}))
    except CmnerError:
        raise
    except ConfigValidationError as error:
        if not settings:
            raise _unloadable(model, error) from error
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors]
        raise Messages.CM522.error(config=model, problem="; ".join(problems)) from None
    except _UNLOADABLE as error:
        raise _unloadable(model, error) from error


def _unloadable(model: str | Path, error: Exception) -> CmnerError:
    return Messages.CM505.error(model=model, reason=f"{type(error).__name__}: {error}")


def read_settings(arguments: list[str]) -> dict[str, Any]:
    """Settings of a config among the arguments of a command, such as ``--nlp.batch_size 8``.

    RAISES: typer.BadParameter for an option that there is not.
    """
    try:
        return parse_config_overrides(arguments)
    except NoSuchOption as error:
        raise typer.BadParameter(error.message) from None


def write_annotated(docs: Iterable[Doc], out: Path) -> None:
    """Write documents as a DocBin to train on, and say how many entities they have."""
    docbin = DocBin(attrs=DOCBIN_ATTRS)
    entities = 0
    for doc in docs:
        entities += len(all_entities(doc))
        docbin.add(doc)
    with replacing(out) as draft:
        docbin.to_disk(draft)
    msg.good(f"{out}: {len(docbin)} texts, {entities} entities")


def check_pipeline_place(out: Path, sources: Iterable[Language]) -> None:
    """Look before the work whether ``save_pipeline`` can write a pipeline there: to a new or empty
    folder, or in place of another pipeline.

    sources (Iterable[Language]): what it is made of.
    RAISES: CM509 for the place of one of them, which could no longer be trained; CM514 for a folder
        that holds something else, which would be lost; CM518 where a disk is mounted, such as a
        volume of a container; OSError as ``check_writable``.
    """
    if any(source.path and source.path.resolve() == out.resolve() for source in sources):
        raise Messages.CM509.error(path=out)
    target = out.resolve()
    check_writable(target / CONFIG, target.with_name(f"{target.name}.part"))
    if os.path.ismount(target):
        raise Messages.CM518.error(path=out, example=out / "pipeline")
    others = {path.name for path in out.iterdir()} - _parts(out) if out.is_dir() else set()
    if others:
        raise Messages.CM514.error(path=out, found=min(others))


def save_pipeline(nlp: Language, out: Path) -> None:
    """Write a pipeline, whole or not at all, in place of the one that is there, of which nothing
    stays: see ``check_pipeline_place``."""
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as aside:
        old = Path(aside, target.name)
        try:
            with replacing(target) as draft:
                nlp.to_disk(draft)
                if target.is_dir():  # which nothing takes the place of while it holds something
                    target.rename(old)
        finally:
            if old.exists() and not target.exists():  # nothing has taken its place
                old.rename(target)


def _parts(folder: Path) -> set[str]:
    """The names in a folder that belong to the pipeline in it; none, where there is none."""
    try:
        components = load_config(folder / CONFIG, interpolate=False)["components"]
    except DAMAGE:
        return set()
    if not (folder / META).is_file():  # a config to train by
        return set()
    return {CONFIG, META, "tokenizer", "vocab", *components}
