"""What an experiment is: models to train alike and to compare, as one YAML file lists them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import srsly

from spacy_cmner.errors import Messages

ReportKind = Literal["scores", "curve", "errors", "cases"]
T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A model to train.

    name (str): names its folder.
    label (str): names it in tables.
    config (Path): the config file.
    overrides (Dict[str, Any]): settings to change in it, by dotted name, as `spacy train` has them.
    baseline (bool): whether the others of its experiment are to be tested against it.
    """

    name: str
    label: str
    config: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    baseline: bool = False


@dataclass(frozen=True)
class Experiment:
    """Rows to compare and how to show them.

    report (str): ``scores`` for tables and points, ``curve`` for labels that are numbers on an
        axis, ``errors`` for kinds of errors, ``cases`` for sentences side by side.
    reference (Optional[str]): the row to test against; without, the best of the baselines.
    """

    name: str
    title: str
    rows: Sequence[Row]
    report: ReportKind = "scores"
    reference: str | None = None

    def choose(self, names: Sequence[str]) -> list[Row]:
        """The rows of these names, in the order of the experiment; all without names.

        RAISES: CM521 if one is unknown.
        """
        known = {row.name: row for row in self.rows}
        for name in names:
            pick(known, name, f"model of {self.name}")
        return [row for row in self.rows if not names or row.name in names]


@dataclass(frozen=True)
class Design:
    """All experiments.

    data (Dict[str, Dict[str, Any]]): settings that a data set needs, by its name.
    """

    experiments: dict[str, Experiment]
    data: dict[str, dict[str, Any]]

    def __getitem__(self, name: str) -> Experiment:
        """RAISES: CM521 if there is no such experiment."""
        return pick(self.experiments, name, "experiment")


def pick(known: dict[str, T], name: str, kind: str) -> T:
    """A value by its name.

    RAISES: CM521, with the names that there are.
    """
    if name not in known:
        raise Messages.CM521.error(kind=kind, name=name, names=", ".join(known))
    return known[name]


def load_design(path: Path) -> Design:
    """Read a file such as configs/experiments.yml. Configs are looked for beside it.

    RAISES: CM101 if it or a config is missing, CM520 if it is faulty, CM521 if an experiment names
        an unknown row.
    """
    if not path.is_file():
        raise Messages.CM101.error(path=path)
    try:
        content = srsly.read_yaml(path)
    except ValueError as error:
        raise Messages.CM520.error(path=path, problem=error) from None
    try:
        rows = {
            name: read_row(name, path.parent, **fields) for name, fields in content["rows"].items()
        }
        experiments = {
            name: read_experiment(name, rows, **fields)
            for name, fields in content["experiments"].items()
        }
        data = {name: {**(settings or {})} for name, settings in content.get("data", {}).items()}
    except KeyError as error:
        raise Messages.CM520.error(path=path, problem=f"{error} is missing") from None
    except (AttributeError, TypeError) as error:
        raise Messages.CM520.error(path=path, problem=error) from None
    for experiment in experiments.values():
        check_labels(experiment, path)
        if experiment.report == "curve":
            check_axis(experiment, path)
    for row in rows.values():
        if not row.config.is_file():
            raise Messages.CM101.error(path=row.config)
    return Design(experiments, data)


def read_row(
    name: str,
    folder: Path,
    *,
    label: str,
    config: str,
    overrides: dict[str, Any] | None = None,
    baseline: bool = False,
) -> Row:
    """A row of the file.

    folder (Path): where its config is looked for.
    """
    return Row(name, label, folder / config, {**(overrides or {})}, baseline)


def read_experiment(
    name: str,
    known: dict[str, Row],
    *,
    title: str,
    rows: Sequence[str],
    report: ReportKind = "scores",
    reference: str | None = None,
    labels: dict[str, str] | None = None,
) -> Experiment:
    """An experiment of the file.

    labels (Optional[Dict[str, str]]): what rows are called in this experiment.
    RAISES: CM521 if a row, the report, the reference or the row of a label is unknown.
    """
    labels = labels or {}
    for each in labels:
        pick(dict.fromkeys(rows), each, f"row of {name} for a label")
    chosen = []
    for each in rows:
        row = pick(known, each, f"row for {name}")
        chosen.append(replace(row, label=labels.get(each, row.label)))
    pick(dict.fromkeys(get_args(ReportKind)), report, "report")
    if reference is not None:
        pick(dict.fromkeys(rows), reference, f"row of {name}")
    return Experiment(name, title, chosen, report, reference)


def check_labels(experiment: Experiment, path: Path) -> None:
    """Names and labels are texts, which YAML takes for numbers if they look so, and tables and
    pictures tell rows apart by their labels.

    RAISES: CM520 if it is not so.
    """
    labels = [row.label for row in experiment.rows]
    texts = [experiment.name, experiment.title, *(row.name for row in experiment.rows), *labels]
    for text in texts:
        if not isinstance(text, str):
            problem = f"{text!r} stands where {experiment.name} has a text; put it in quotes"
            raise Messages.CM520.error(path=path, problem=problem)
    for label in labels:
        if labels.count(label) > 1:
            problem = f"{experiment.name} has several rows with the label {label!r}"
            raise Messages.CM520.error(path=path, problem=problem)


def check_axis(experiment: Experiment, path: Path) -> None:
    """RAISES: CM520 if a row's label is no number."""
    for row in experiment.rows:
        try:
            float(row.label)
        except ValueError:
            problem = f"{experiment.name} is a curve, but the label {row.label!r} is no number"
            raise Messages.CM520.error(path=path, problem=problem) from None
