"""Plots of experiments: scores, a curve over a setting, kinds of errors."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_cmner.analysis.plots import create_figure, save_figure
from spacy_cmner.experiments.summary import (
    ERROR_CLASSES,
    F1,
    F1_FLAT,
    F1_SEEN,
    F1_UNSEEN,
    Measure,
    RowSummary,
    Spread,
    Summary,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#4878a8", "#a83232", "#6a9f58", "#d1a33c", "#85659c", "#8c8c8c")
ROW_HEIGHT = 0.3


def plot_scores(summary: Summary, title: str, path: Path) -> None:
    """F1 of each row, the best first, all beside flat gold and seen beside unseen."""
    rows = sorted(summary.rows, key=lambda each: -each.spread(F1).mean)
    figure = create_figure(10, 1.5 + ROW_HEIGHT * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    draw_points(left, rows, (F1, F1_FLAT))
    draw_points(right, rows, (F1_SEEN, F1_UNSEEN))
    left.invert_yaxis()
    figure.suptitle(title)
    save_figure(figure, path)


def plot_curve(summary: Summary, title: str, path: Path) -> None:
    """F1 over the numbers that the rows have for labels, in whatever order they are listed."""
    figure = create_figure(6, 4)
    axes = figure.subplots()
    rows = sorted(summary.rows, key=lambda each: float(each.row.label))
    positions = [float(each.row.label) for each in rows]
    for measure, color in zip((F1, F1_FLAT), COLORS, strict=False):
        spreads = [each.spread(measure) for each in rows]
        axes.errorbar(
            positions,
            [spread.mean for spread in spreads],
            yerr=deviations(spreads),
            label=measure.name,
            color=color,
            marker="o",
            capsize=3,
        )
    axes.set(xlabel=summary.experiment.title, ylabel="F1", title=title)
    axes.legend(frameon=False)
    save_figure(figure, path)


def plot_errors(summary: Summary, title: str, path: Path) -> None:
    """The errors of each row, kind by kind."""
    figure = create_figure(9, 1.5 + ROW_HEIGHT * len(summary.rows))
    axes = figure.subplots()
    names = [each.row.label for each in summary.rows]
    left = [0.0] * len(names)
    for measure, color in zip(ERROR_CLASSES, COLORS, strict=True):
        widths = [each.spread(measure).mean for each in summary.rows]
        axes.barh(names, widths, left=left, label=measure.name, color=color)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="errors, all gold", title=title)
    figure.legend(frameon=False, ncols=len(ERROR_CLASSES), loc="outside lower center")
    save_figure(figure, path)


def draw_points(axes: "Axes", rows: Sequence[RowSummary], measures: Sequence[Measure]) -> None:
    """A row a line, a measure a colour."""
    names = [each.row.label for each in rows]
    for measure, color in zip(measures, COLORS, strict=False):
        spreads = [each.spread(measure) for each in rows]
        means = [spread.mean for spread in spreads]
        axes.errorbar(
            means,
            names,
            xerr=deviations(spreads),
            label=measure.name,
            color=color,
            fmt="o",
            capsize=3,
        )
    several = any(len(each.runs) > 1 for each in rows)
    axes.set(xlabel="F1, mean ± standard deviation" if several else "F1")
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def deviations(spreads: Sequence[Spread]) -> list[float] | None:
    """Lengths of the error bars, NaN for a single seed; None if there are no others."""
    if all(spread.deviation is None for spread in spreads):
        return None
    return [math.nan if spread.deviation is None else spread.deviation for spread in spreads]
