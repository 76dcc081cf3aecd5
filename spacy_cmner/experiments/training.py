"""Train and evaluate the runs of an experiment, each by spaCy's own command in its own process.

All are trained by the training block of the configs and stopped alike: after a number of epochs, or
when F1 on the development set has not risen for some evaluations, one an epoch. A run that was
killed is trained anew, one that is finished is left as it is.
"""

import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import srsly
import torch
from spacy.tokens import DocBin
from spacy.util import dict_to_dot, load_config
from spacy.vocab import Vocab
from thinc.api import Config, ConfigValidationError

from spacy_cmner.annotation.lock import locked
from spacy_cmner.data.corpus import load_docbin, read_docbin, subsample
from spacy_cmner.data.files import replacing, write_text
from spacy_cmner.errors import Messages
from spacy_cmner.experiments.design import pick
from spacy_cmner.experiments.runs import Run

SUBSET_SEED = 0

# The one that counts texts: the others of spaCy count words.
BATCHER = "spacy.batch_by_sequence.v1"

# Settings of the configs that are not taken from there.
DECIDED = {
    "paths.train": "give the data set by --corpus and --data",
    "paths.dev": "give the data set by --corpus and --data",
    "system.seed": "give --seeds",
    "training.seed": "give --seeds",
    "training.max_epochs": "give --epochs",
    "training.max_steps": "give --epochs",
    "training.patience": "give --patience, in epochs",
    "training.eval_frequency": "there is one evaluation an epoch",
}

# Parts of the configs that are alike in all rows, but for what a row has for itself.
ALIKE = ("training.", "paths.")


@dataclass(frozen=True)
class Training:
    """What the runs of a call have in common.

    train (Path): training texts (.spacy).
    dev (Path): texts to choose the best epoch and to score it on (.spacy).
    epochs (int): passes over the training texts, at most.
    patience (int): stop after so many evaluations without a better F1; 0 never does.
    overrides (Dict[str, Any]): settings for the configs of all rows.
    gpu_id (int): GPU, or -1 for the CPU.
    threads (Optional[int]): of the processes; None leaves it to the libraries.
    """

    train: Path
    dev: Path
    epochs: int
    patience: int = 2
    overrides: Mapping[str, Any] = field(default_factory=dict)
    gpu_id: int = -1
    threads: int | None = None

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """What the runs of the call are trained and scored on, in a word each."""
        return self.read_fingerprints()

    def read_fingerprints(self) -> dict[str, str]:
        """The same as the files are now: a call may last for days."""
        return {"train": fingerprint(self.train), "dev": fingerprint(self.dev)}

    @property
    def hardware(self) -> dict[str, Any]:
        gpu = None if self.gpu_id < 0 else torch.cuda.get_device_name(self.gpu_id)
        return {"machine": platform.machine(), "gpu": gpu, "threads": self.threads}


def fingerprint(path: Path) -> str:
    """A hash of the texts and annotation of a DocBin, whose bytes differ from one writing to the
    next."""
    digest = hashlib.sha256()
    for record in read_docbin(path):
        content = record.text, record.entities, *sorted(record.missing)
        digest.update(repr(content).encode())
    return digest.hexdigest()[:16]


def check_comparable(finished: Sequence[Run], dev: Path) -> None:
    """Look whether runs differ only in what an experiment compares.

    RAISES: CM101 if the config of one is missing, CM522 if the settings of its row do not fit it,
        CM523 if one was trained with other settings than its row has, CM529 if one was scored on
        other texts than those of `dev`, CM531 if two were trained on different ones, CM532 if two
        were trained with different settings that no row has for itself.
    """
    configs = [_read_config(run.config) for run in finished]
    _check_settings(finished, configs)
    scored = fingerprint(dev)
    texts = [run.read_metrics()["fingerprints"] for run in finished]
    for run, config, each in zip(finished, configs, texts, strict=True):
        if _read_config(run.config, run.row.overrides) != config:
            raise Messages.CM523.error(folder=run.folder)
        if each["dev"] != scored:
            raise Messages.CM529.error(folder=run.folder)
        if each["train"] != texts[0]["train"]:
            raise Messages.CM531.error(folder=run.folder, other=finished[0].folder)


def _check_settings(finished: Sequence[Run], configs: Sequence[Config]) -> None:
    """RAISES: CM532 as ``check_comparable``."""
    may_differ = {*DECIDED, *(setting for run in finished for setting in run.row.overrides)}
    may_differ.remove("training.patience")  # it decides which epoch is the best
    settings = [dict_to_dot(config) for config in configs]
    given = [_given(run, each) for run, each in zip(finished, settings, strict=True)]
    first_of_row: dict[str, int] = {}
    for i, run in enumerate(finished):
        k = first_of_row.setdefault(run.row.name, i)
        alike = {each for each in settings[i].keys() | settings[0].keys() if each.startswith(ALIKE)}
        for other, names in (
            (k, settings[i].keys() | settings[k].keys()),
            (0, alike | given[i] | given[0]),
        ):
            for setting in sorted(names - may_differ):
                if settings[i].get(setting) != settings[other].get(setting):
                    raise Messages.CM532.error(
                        folder=run.folder, setting=setting, other=finished[other].folder
                    )


def _given(run: Run, settings: Mapping[str, Any]) -> set[str]:
    """The settings of a run that are not those of its config: what its row and its call gave it."""
    own = dict_to_dot(_read_config(run.row.config))
    return {each for each in settings.keys() | own.keys() if settings.get(each) != own.get(each)}


def check_overrides(overrides: Iterable[str]) -> None:
    """RAISES: CM528 for settings that the runs get from elsewhere."""
    for setting in overrides:
        if setting in DECIDED:
            raise Messages.CM528.error(setting=setting, instead=DECIDED[setting])


def find_corpus(folder: Path, name: str) -> tuple[Path, Path]:
    """The training and the development set in the folder of a data set.

    RAISES: CM521 if there is no such data set, CM530 if there is none at all.
    """
    known = {path.parent.name: path.parent for path in sorted(folder.glob("*/train.spacy"))}
    if not known:
        raise Messages.CM530.error(folder=folder)
    found = pick(known, name, f"data set in {folder}")
    return found / "train.spacy", found / "dev.spacy"


def write_subset(source: Path, out: Path, fraction: float) -> None:
    """Write a part of the texts, the same at every call and for all models; a smaller part lies
    within a larger one.

    RAISES: CM101, CM112 if the source is missing or damaged, CM109 if the fraction is not above 0
        and up to 1, CM527 if it leaves no text.
    """
    docbin = load_docbin(source)
    docs = subsample(list(docbin.get_docs(Vocab())), fraction=fraction, seed=SUBSET_SEED)
    if not docs:
        raise Messages.CM527.error(fraction=fraction, path=source)
    with replacing(out) as draft:
        DocBin(attrs=docbin.attrs, store_user_data=True, docs=docs).to_disk(draft)


def make_config(run: Run, training: Training) -> Config:
    """The config of a run: one evaluation an epoch, the last at the end of the last epoch.

    RAISES: CM522 if the settings do not fit the config, it is no UTF-8, or its batches are not of a
        fixed number of texts.
    """
    overrides = {**run.row.overrides, **training.overrides, "system.seed": run.seed}
    config = _read_config(run.row.config, overrides)
    block = config.get("training", {})
    batcher = block.get("batcher", {})
    size = batcher.get("size")
    if batcher.get("@batchers") != BATCHER or not isinstance(size, int) or size < 1:
        problem = f"training.batcher is {batcher}, not {BATCHER} with a number of texts for size"
        raise Messages.CM522.error(config=run.row.config, problem=problem)
    steps = math.ceil(len(load_docbin(training.train)) / size)
    block["max_epochs"] = 0
    block["max_steps"] = training.epochs * steps
    block["eval_frequency"] = steps
    block["patience"] = training.patience * steps
    return config


def _read_config(path: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """RAISES: CM101 if it is missing, CM522 if it is no UTF-8 or the settings do not fit it."""
    if not path.is_file():
        raise Messages.CM101.error(path=path)
    try:
        return load_config(path, {**(overrides or {})}, interpolate=False)
    except (ConfigValidationError, UnicodeDecodeError) as error:
        raise Messages.CM522.error(config=path, problem=error) from None


def execute(run: Run, training: Training) -> None:
    """Train a run and score its best model, if that is not done.

    RAISES: CM152 if another call is at it, CM522 as ``make_config``, CM523 if it was finished with
        other settings, CM524 if one of its commands fails, CM529 if it was finished with other
        texts.
    """
    config = make_config(run, training)
    with locked(run.lock):
        if not run.finished:
            train_and_score(run, training, config)
        elif _read_config(run.config) != config:
            raise Messages.CM523.error(folder=run.folder)
        elif run.read_metrics()["fingerprints"] != training.fingerprints:
            raise Messages.CM529.error(folder=run.folder)


def train_and_score(run: Run, training: Training, config: Config) -> None:
    """RAISES: CM524 as ``execute``."""
    fingerprints = training.read_fingerprints()
    shutil.rmtree(run.folder, ignore_errors=True)
    run.folder.mkdir(parents=True)
    config.to_disk(run.config, interpolate=False)
    evaluation = run.folder / "evaluation.json"
    gpu = ("--gpu-id", str(training.gpu_id))
    corpus = ("--paths.train", str(training.train), "--paths.dev", str(training.dev))
    log = ("--training.logger.output_file", str(run.training))
    call(run, training, ["train", run.config, "--output", run.folder, *corpus, *log, *gpu])
    shutil.rmtree(run.folder / "model-last")
    call(
        run,
        training,
        [
            *("cmner", "evaluate", run.model, training.dev),
            *("--train", training.train, "--exclude-texts", training.train),
            *("--output", evaluation, "--predictions", run.predictions, *gpu),
        ],
    )
    metrics = {
        "row": run.row.name,
        "seed": run.seed,
        **json.loads(evaluation.read_text(encoding="utf-8")),
        "training": {
            **summarise_training(list(srsly.read_jsonl(run.training)), config["training"]),
            "texts": len(load_docbin(training.train)),
            "epochs_at_most": training.epochs,
            "patience": training.patience,
        },
        "fingerprints": fingerprints,
        "hardware": training.hardware,
    }
    write_text(run.metrics, json.dumps(metrics, ensure_ascii=False, indent=2) + "\n")
    evaluation.unlink()


def call(run: Run, training: Training, arguments: Sequence[str | Path]) -> None:
    """Run a command of spaCy, its output at the end of the run's log. It ends with this process,
    in whatever way that ends."""
    words = [*map(str, arguments)]
    command = [sys.executable, "-m", "spacy_cmner.experiments.child", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if training.threads is not None:
        environment["OMP_NUM_THREADS"] = str(training.threads)
    with run.log.open("a", encoding="utf-8") as log:
        log.write(f"$ python -m spacy {' '.join(words)}\n")
        log.flush()
        reading, writing = os.pipe()
        try:
            code = subprocess.run(
                command,
                env=environment,
                stdin=reading,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        finally:
            os.close(reading)
            os.close(writing)
    if code:
        raise Messages.CM524.error(row=run.row.name, seed=run.seed, code=code, log=run.log)


def summarise_training(lines: Sequence[Mapping[str, Any]], block: Mapping[str, Any]) -> dict:
    """From the training log: how many epochs, which was the best (the last of equals, as spaCy
    keeps it), and how long one takes, an evaluation included.

    lines (Sequence[Dict]): the evaluations; the first comes before training.
    block (Dict): the training block of the config.
    """
    best = max(reversed(lines), key=lambda line: line["score"])
    first, last = lines[0], lines[-1]
    epochs = last["step"] // block["eval_frequency"]
    return {
        "best_epoch": best["step"] // block["eval_frequency"],
        "epochs": epochs,
        "seconds": last["seconds"],
        "seconds_per_epoch": (last["seconds"] - first["seconds"]) / epochs,
    }
