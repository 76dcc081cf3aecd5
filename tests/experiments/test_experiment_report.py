import math
from pathlib import Path

from spacy_cmner.experiments import plots
from spacy_cmner.experiments.design import Experiment, Row
from spacy_cmner.experiments.plots import deviations
from spacy_cmner.experiments.report import make_title
from spacy_cmner.experiments.runs import Run, Runs
from spacy_cmner.experiments.summary import ERROR_CLASSES, RowSummary, Spread, Summary


def test_the_title_of_a_picture_names_data_share_and_seeds():
    row = Row("ours", "Ours", Path("ours.cfg"))
    runs = [Run(row, seed, Path(f"seed-{seed}")) for seed in (0, 2)]
    summary = Summary(Experiment("table", "Models", [row]), [RowSummary(row, runs, [])], [], None)
    title = make_title(summary, Runs(Path(), "cmeee", 0.2))
    assert title == "Models\ncmeee, 0.2 of the training set, seeds 0, 2"


def test_a_single_seed_has_no_error_bar():
    assert deviations([Spread(50, None), Spread(60, None)]) is None
    single, several = deviations([Spread(50, None), Spread(60, 1.5)])
    assert math.isnan(single) and several == 1.5


def test_a_curve_runs_along_its_axis(tmp_path, monkeypatch):
    """Also where a row of one's own is listed last."""
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    metrics = {"all": {"f": 0.5}, "flat": {"f": 0.5}}
    rows = [RowSummary(Row(label, label, Path()), [], [metrics]) for label in ("64", "128", "32.5")]
    plots.plot_curve(
        Summary(Experiment("curve", "Size", [], "curve"), rows, [], None), "", tmp_path
    )
    (axes,) = figures[0].axes
    assert list(axes.lines[0].get_xdata()) == [32.5, 64, 128]


def test_the_legend_of_errors_lies_on_nothing(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    errors = {"errors": {measure.name: 1 for measure in ERROR_CLASSES}}
    rows = [RowSummary(Row("a", "A", Path()), [], [errors])]
    plots.plot_errors(Summary(Experiment("e", "E", [], "errors"), rows, [], None), "", tmp_path)
    (figure,) = figures
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (legend,) = [*figure.legends, *filter(None, [axes.get_legend()])]
    assert not legend.get_window_extent().overlaps(axes.xaxis.get_tightbbox())


def test_the_title_of_a_curve_fits(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    row = Row("64", "64", Path())
    runs = [Run(row, seed, Path()) for seed in (0, 1, 2)]
    summary = Summary(
        Experiment("fig3", "Hidden size of the autoencoder", [row], "curve"),
        [RowSummary(row, runs, [{"all": {"f": 0.5}, "flat": {"f": 0.5}}] * 3)],
        [],
        None,
    )
    plots.plot_curve(summary, make_title(summary, Runs(Path(), "imcs21", 0.2)), tmp_path)
    (figure,) = figures
    figure.draw_without_rendering()
    extent = figure.axes[0].title.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.x1
