import math
from pathlib import Path

from spacy_cmner.experiments.design import Experiment, Row
from spacy_cmner.experiments.plots import deviations
from spacy_cmner.experiments.report import make_title
from spacy_cmner.experiments.runs import Run, Runs
from spacy_cmner.experiments.summary import RowSummary, Spread, Summary


def test_the_title_of_a_picture_names_data_share_and_seeds():
    row = Row("ours", "Ours", Path("ours.cfg"))
    runs = [Run(row, seed, Path(f"seed-{seed}")) for seed in (0, 2)]
    summary = Summary(Experiment("table", "Models", [row]), [RowSummary(row, runs, [])], [], None)
    title = make_title(summary, Runs(Path(), "cmeee", 0.2))
    assert title == "Models: cmeee, 0.2 of the training set, seeds 0, 2"


def test_a_single_seed_has_no_error_bar():
    assert deviations([Spread(50, None), Spread(60, None)]) is None
    single, several = deviations([Spread(50, None), Spread(60, 1.5)])
    assert math.isnan(single) and several == 1.5
