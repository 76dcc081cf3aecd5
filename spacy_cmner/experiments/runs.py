"""Training runs: one model, one seed, one folder, which holds all that is known of it.

The folder of a run is ``runs/<data>/<fraction>/<row>/seed-<seed>``. `metrics.json` is written last:
where it is, the run is finished.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_cmner.data.files import read_json
from spacy_cmner.experiments.design import Row


@dataclass(frozen=True)
class Run:
    """A model to train with a seed, or trained."""

    row: Row
    seed: int
    folder: Path

    @property
    def config(self) -> Path:
        """The config it is trained by, with all settings that decide over its outcome."""
        return self.folder / "config.cfg"

    @property
    def log(self) -> Path:
        """All that its commands print."""
        return self.folder / "log.txt"

    @property
    def training(self) -> Path:
        """An evaluation a line: step, seconds, losses, scores."""
        return self.folder / "training.jsonl"

    @property
    def model(self) -> Path:
        return self.folder / "model-best"

    @property
    def predictions(self) -> Path:
        """What its best model finds in the development set."""
        return self.folder / "predictions.jsonl"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def lock(self) -> Path:
        """Held while it is trained and scored."""
        return self.folder.with_name(f"{self.folder.name}.lock")

    @property
    def finished(self) -> bool:
        return self.metrics.is_file()

    def read_metrics(self) -> dict[str, Any]:
        """RAISES: CM103 if it is damaged."""
        return read_json(self.metrics)


@dataclass(frozen=True)
class Runs:
    """Where the runs of a data set are.

    out (Path): folder of all experiments.
    data (str): name of the data set.
    fraction (float): part of the training set.
    """

    out: Path
    data: str
    fraction: float

    @property
    def subset(self) -> Path:
        """The part of the training set that the runs are trained on."""
        return self.out / "corpus" / self.data / f"{self.fraction:g}" / "train.spacy"

    def report_folder(self, experiment: str) -> Path:
        return self.out / experiment / self.data / f"{self.fraction:g}"

    def plan(self, rows: Sequence[Row], seeds: Sequence[int]) -> list[Run]:
        """Seed by seed, so that the first figures of all rows come early."""
        return [self._run(row, seed) for seed in seeds for row in rows]

    def finished(self, row: Row) -> Iterator[Run]:
        """The finished runs of a row, by seed."""
        folder = self._run(row, 0).folder.parent
        names = [path.name.removeprefix("seed-") for path in folder.glob("seed-*")]
        seeds = sorted(int(name) for name in names if name.isdecimal())
        return (run for run in self.plan([row], seeds) if run.finished)

    def _run(self, row: Row, seed: int) -> Run:
        folder = self.out / "runs" / self.data / f"{self.fraction:g}" / row.name / f"seed-{seed}"
        return Run(row, seed, folder)
