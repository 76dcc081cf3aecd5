"""What a run is, so that it goes on only where the same one ended, and the places it writes to."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import Sentencizer

from spacy_cmner.annotation.checkpoint import Checkpoint, load_checkpoint
from spacy_cmner.annotation.sinks import OutputFormat, Sink
from spacy_cmner.annotation.sources import Source
from spacy_cmner.data.brat import check_type
from spacy_cmner.data.checksums import sha256
from spacy_cmner.data.files import check_apart
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.recognisers import entity_types


def beside(out: Path, ending: str) -> Path:
    """The path of a file that belongs to an output."""
    named = out if out.name else out.absolute()  # as of "."
    return named.with_name(f"{named.name}.{ending}")


def check_place(texts: Source, out: Path) -> None:
    """RAISES: CM157 if the output, or the file of bad records, would destroy what is read."""
    for path in (out, beside(out, "errors.jsonl")):
        check_apart(texts.path, path)


def check_types(nlp: Language, format: OutputFormat | None) -> None:
    """RAISES: CM113 if brat cannot hold a type of the pipeline, which may come late in a run."""
    if format == "brat":
        for label in sorted(entity_types(nlp)):
            check_type(label)


def describe_job(nlp: Language, texts: Source, sink: Sink) -> dict[str, Any]:
    """What must be the same for a run to go on where another ended."""
    layout = texts.layout
    return {
        "pipeline": f"{nlp.lang}_{nlp.meta['name']}-{nlp.meta['version']}",
        "components": ", ".join(nlp.pipe_names),
        "fingerprint of the pipeline": fingerprint_pipeline(nlp),
        "source": str(texts.path.resolve()),
        "files": len(texts.files),
        "bytes": texts.total,
        "content of the source": fingerprint_files(texts.files),
        "text": layout.text,
        "id": layout.id,
        "encoding": layout.encoding,
        "max_length": layout.max_length,
        "output": sink.kind,
    }


def fingerprint_files(files: Iterable[Path]) -> str:
    """A hash of what files hold; a corrected one can have as many bytes as before."""
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()[:16]


def fingerprint_pipeline(nlp: Language) -> str:
    """A hash of a pipeline's config, weights, terms and present settings; other ones find other
    entities."""
    # a sentencizer writes its characters in the order of a set, which is another in each process
    sentencizers = [name for name, pipe in nlp.components if isinstance(pipe, Sentencizer)]
    data = nlp.to_bytes(exclude=["vocab", "meta", *sentencizers])
    settings = [_read_settings(pipe, nlp.get_pipe_config(name)) for name, pipe in nlp.pipeline]
    present = json.dumps(settings, sort_keys=True, default=_describe)
    return hashlib.sha256(data + present.encode()).hexdigest()[:16]


def _read_settings(pipe: object, config: Iterable[str]) -> dict[str, Any]:
    """What a component has now for the settings of its config: they can be changed, and are not
    saved with it."""
    owners = (pipe, getattr(pipe, "matcher", None))  # a dictionary keeps some in its matcher
    return {
        name: getattr(owner, name) for owner in owners for name in config if hasattr(owner, name)
    }


def _describe(value: object) -> object:
    """What JSON lacks, alike in each process; models and functions are in the config."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value.item() if isinstance(value, np.generic) else type(value).__qualname__


def resume(out: Path, state: Path, job: dict[str, Any]) -> Checkpoint:
    """The checkpoint of an earlier run, or a new one.

    RAISES (CmnerError): `out` is there but was not begun by such a run.
    """
    if not state.exists():
        if out.exists():
            raise Messages.CM146.error(path=out)
        return Checkpoint(job)
    checkpoint = load_checkpoint(state)
    if not checkpoint.read and not checkpoint.finished:
        return Checkpoint(job)  # such as one whose pipeline has no labels
    if checkpoint.finished and not out.exists():
        raise Messages.CM147.error(path=out)
    for key, value in job.items():
        if checkpoint.job.get(key) != value:
            raise Messages.CM149.error(path=out, what=key, old=checkpoint.job.get(key), new=value)
    return checkpoint
