"""The report of an experiment: Markdown to read, CSV to calculate with, PNG to look at."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_cmner.analysis.cases import find_cases
from spacy_cmner.analysis.comparison import TEST_HEADER, significance_cells
from spacy_cmner.analysis.gold import GoldText, load_predictions
from spacy_cmner.analysis.tables import Table
from spacy_cmner.data.files import replacing, write_text
from spacy_cmner.experiments.design import Experiment
from spacy_cmner.experiments.plots import plot_curve, plot_errors, plot_scores
from spacy_cmner.experiments.runs import Runs
from spacy_cmner.experiments.summary import (
    COSTS,
    ERROR_CLASSES,
    MEASURES,
    SCORES,
    Measure,
    RowSummary,
    Summary,
)

PLOTS = {"scores": plot_scores, "curve": plot_curve, "errors": plot_errors}


def make_tables(summary: Summary) -> list[Table]:
    """The tables of a summary, for the kind of its experiment; cases have none of figures."""
    if summary.experiment.report == "cases":
        return []
    if summary.experiment.report == "errors":
        return [measure_table(summary, "Errors, all gold", ERROR_CLASSES)]
    tables = [measure_table(summary, summary.experiment.title, SCORES)]
    if summary.reference is not None and any(each.test for each in summary.rows):
        tables.append(differences_table(summary, summary.reference))
    return [*tables, type_table(summary), measure_table(summary, "Costs", COSTS)]


def differences_table(summary: Summary, reference: RowSummary) -> Table:
    """Whether a row is better than the reference."""
    rows = [
        (each.row.label, *significance_cells(each.test))
        for each in summary.rows
        if each.test is not None
    ]
    title = f"Difference from {reference.row.label}, F1 on all gold"
    return Table(title, ("model", *TEST_HEADER), rows)


def measure_table(summary: Summary, title: str, measures: Sequence[Measure]) -> Table:
    """Means and standard deviations over seeds."""
    measures = summary.measured(measures)
    rows = [
        (
            each.row.label,
            str(len(each.runs)),
            *(each.spread(measure).show(measure.digits) for measure in measures),
        )
        for each in summary.rows
    ]
    return Table(title, ("model", "seeds", *(measure.name for measure in measures)), rows)


def type_table(summary: Summary) -> Table:
    """F1 on all gold, a type a column."""
    types = sorted(set().union(*(each.types for each in summary.rows)))
    rows = [
        (each.row.label, *(each.type_f1(label).show(2) for label in types)) for each in summary.rows
    ]
    return Table("F1 per type, all gold", ("model", *types), rows)


def describe(summary: Summary, runs: Runs) -> str:
    """What the figures rest on."""
    metrics = [metrics for each in summary.rows for metrics in each.metrics]
    training = [each["training"] for each in metrics]
    devices = {
        f"{each['hardware']['gpu'] or each['hardware']['machine'] + ' CPU'}, "
        f"threads: {each['hardware']['threads'] or 'all'}"
        for each in metrics
    }
    spread = "; mean ± standard deviation" if len(metrics) > len(summary.rows) else ""
    lines = [
        f"{runs.data}, {runs.fraction:g} of the training set "
        f"({join(each['texts'] for each in training)} texts), scored on "
        f"{join(each['texts'] for each in metrics)} texts. At most "
        f"{join(each['epochs_at_most'] for each in training)} epochs; patience "
        f"{join(each['patience'] for each in training)}. Seeds "
        f"{join(run.seed for each in summary.rows for run in each.runs)}{spread}. "
        f"{join(devices)}."
    ]
    if summary.untested and summary.reference is not None:
        labels = ", ".join(each.row.label for each in summary.untested)
        lines.append(f"Not tested, as no seed is that of {summary.reference.row.label}: {labels}.")
    if summary.missing:
        lines.append(f"Not finished: {', '.join(row.label for row in summary.missing)}.")
    return "\n\n".join(lines)


def make_title(summary: Summary, runs: Runs) -> str:
    """What a picture shows, for who sees it without the table; on one line it would be cut off."""
    seeds = {run.seed for each in summary.rows for run in each.runs}
    return (
        f"{summary.experiment.title}\n{runs.data}, {runs.fraction:g} of the training set, "
        f"seed{'s' if len(seeds) > 1 else ''} {join(seeds)}"
    )


def report_files(experiment: Experiment, runs: Runs) -> list[Path]:
    """What ``write_report`` writes: Markdown, CSV and PNG; of cases Markdown only."""
    endings = ("md",) if experiment.report == "cases" else ("md", "csv", "png")
    folder = runs.report_folder(experiment.name)
    return [folder / f"{experiment.name}.{ending}" for ending in endings]


def write_report(summary: Summary, runs: Runs, texts: Sequence[GoldText]) -> list[Path]:
    """Write all of ``report_files``.

    texts (Sequence[GoldText]): the development set.
    RETURNS (List[Path]): the files.
    RAISES: CM516 if matplotlib is not installed.
    """
    files = report_files(summary.experiment, runs)
    if summary.experiment.report == "cases":
        write_cases(summary, runs, texts, files[0])
        return files
    markdown, table, plot = files
    parts = [*(each.to_markdown() for each in make_tables(summary)), describe(summary, runs)]
    write_text(markdown, "\n\n".join(parts) + "\n")
    write_csv(summary, table)
    PLOTS[summary.experiment.report](summary, make_title(summary, runs), plot)
    return files


def write_csv(summary: Summary, path: Path) -> None:
    """Every measure of every row, unrounded; empty are the deviation of a single seed and the
    test of the reference."""
    header = ["row", "model", "seeds"]
    measures = summary.measured(MEASURES)
    for measure in measures:
        header += [f"{measure.name} mean", f"{measure.name} std"]
    header += ["ΔF1", "ΔF1 low", "ΔF1 high", "p bootstrap", "p randomisation"]
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        for each in summary.rows:
            cells: dict[str, Any] = {
                "row": each.row.name,
                "model": each.row.label,
                "seeds": len(each.runs),
            }
            for measure in measures:
                spread = each.spread(measure)
                cells[f"{measure.name} mean"] = spread.mean
                cells[f"{measure.name} std"] = spread.deviation
            if each.test is not None:
                cells["ΔF1"] = 100 * each.test.difference
                cells["ΔF1 low"] = 100 * each.test.low
                cells["ΔF1 high"] = 100 * each.test.high
                cells["p bootstrap"] = each.test.p_bootstrap
                cells["p randomisation"] = each.test.p_randomisation
            writer.writerow(cells)


def write_cases(summary: Summary, runs: Runs, texts: Sequence[GoldText], path: Path) -> None:
    """Write the texts in which the models differ, as their first seeds have read them."""
    firsts = [replace(each, runs=each.runs[:1], metrics=each.metrics[:1]) for each in summary.rows]
    systems = {each.row.label: load_predictions(each.runs[0].predictions, texts) for each in firsts}
    tables = [case.to_table().to_markdown() for case in find_cases(texts, systems)]
    write_text(path, "\n\n".join([*tables, describe(replace(summary, rows=firsts), runs)]) + "\n")


def join(values: Iterable[Any]) -> str:
    """The different values in order."""
    return ", ".join(map(str, sorted(set(values))))
