"""Plots of experiments: scores, a curve over a setting, kinds of errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_cmner.analysis.plots import create_figure
from spacy_cmner.experiments.summary import (
    ERROR_CLASSES,
    F1,
    F1_FLAT,
    F1_SEEN,
    F1_UNSEEN,
    Measure,
    Spread,
    Summary,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#4878a8", "#a83232", "#6a9f58", "#d1a33c", "#85659c", "#8c8c8c")
ROW_HEIGHT = 0.3


def plot_scores(summary: Summary, path: Path) -> None:
    """F1 of each row, all beside flat gold and seen beside unseen, with standard deviations."""
    figure = create_figure(10, 1.5 + ROW_HEIGHT * len(summary.rows))
    left, right = figure.subplots(1, 2, sharey=True)
    draw_points(left, summary, (F1, F1_FLAT))
    draw_points(right, summary, (F1_SEEN, F1_UNSEEN))
    left.invert_yaxis()
    figure.suptitle(summary.experiment.title)
    figure.savefig(path, dpi=150)


def plot_curve(summary: Summary, path: Path) -> None:
    """F1 over the numbers that the rows have for labels."""
    figure = create_figure(6, 4)
    axes = figure.subplots()
    positions = [float(each.row.label) for each in summary.rows]
    for measure, color in zip((F1, F1_FLAT), COLORS, strict=False):
        spreads = [each.spread(measure) for each in summary.rows]
        axes.errorbar(
            positions,
            [spread.mean for spread in spreads],
            yerr=deviations(spreads),
            label=measure.name,
            color=color,
            marker="o",
            capsize=3,
        )
    axes.set(xlabel=summary.experiment.title, ylabel="F1")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def plot_errors(summary: Summary, path: Path) -> None:
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
    axes.set(xlabel="errors, all gold", title=summary.experiment.title)
    axes.legend(
        frameon=False, ncols=len(ERROR_CLASSES), loc="upper center", bbox_to_anchor=(0.5, -0.12)
    )
    figure.savefig(path, dpi=150)


def draw_points(axes: "Axes", summary: Summary, measures: Sequence[Measure]) -> None:
    """A row a line, a measure a colour."""
    names = [each.row.label for each in summary.rows]
    for measure, color in zip(measures, COLORS, strict=False):
        spreads = [each.spread(measure) for each in summary.rows]
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
    axes.set(xlabel="F1")
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def deviations(spreads: Sequence[Spread]) -> list[float]:
    """Lengths of the error bars; none of a single seed."""
    return [spread.deviation or 0.0 for spread in spreads]
