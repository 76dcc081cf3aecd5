from pathlib import Path

import pytest
from spacy.util import load_model_from_config

from spacy_cmner.errors import CmnerError
from spacy_cmner.experiments.design import load_design
from spacy_cmner.experiments.runs import Run, Runs
from spacy_cmner.experiments.training import Training, make_config

SHIPPED = Path(__file__).parents[2] / "configs" / "experiments.yml"
DESIGN = load_design(SHIPPED)
ROWS = {row.name: row for each in DESIGN.experiments.values() for row in each.rows}


@pytest.fixture
def write(tmp_path):
    """Writes a description of experiments beside a config."""
    (tmp_path / "a.cfg").write_text("", "utf-8")

    def write(text: str) -> Path:
        path = tmp_path / "design.yml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_the_papers_experiments_are_there():
    assert [*DESIGN.experiments] == [
        *("table3", "table4", "table5", "table6", "fig3", "table7", "cases")
    ]


def test_every_config_of_a_model_is_a_row_of_table_3():
    others = {"contextual_fast.cfg", "quickstart.cfg"}
    others |= {path.name for path in SHIPPED.parent.glob("transformer*.cfg")}  # need weights
    configs = {row.config.name for row in DESIGN["table3"].rows}
    assert configs == {path.name for path in SHIPPED.parent.glob("*.cfg")} - others


@pytest.mark.parametrize("name", ROWS)
def test_settings_of_rows_fit_their_configs(name, docbin):
    config = make_config(Run(ROWS[name], 0, Path()), Training(docbin, docbin, epochs=1))
    load_model_from_config(config, auto_fill=True)


def test_rows_differ():
    configs = [(row.config, sorted(row.overrides.items())) for row in ROWS.values()]
    assert all(configs.count(each) == 1 for each in configs)


def test_labels_of_the_curve_are_its_setting():
    setting = "components.cmner.model.tok2vec.embed.local_width"
    for row in DESIGN["fig3"].rows:
        run = Run(row, 0, Path())
        assert row.overrides.get(setting, 128) == int(row.label), run


def test_labels_hold_for_one_experiment():
    label = {
        name: {row.name: row.label for row in DESIGN[name].rows} for name in DESIGN.experiments
    }
    assert label["table3"]["local_global"] == "local/global"
    assert label["table5"]["local_global"] == "autoencoder"


def test_choose_keeps_the_order_of_the_experiment():
    chosen = DESIGN["table3"].choose(["contextual", "idcnn"])
    assert [row.name for row in chosen] == ["idcnn", "contextual"]
    assert DESIGN["table3"].choose([]) == DESIGN["table3"].rows


def test_unknown_names_are_answered_with_those_that_there_are():
    with pytest.raises(CmnerError, match=r"CM521.*'table9'.*table3, table4"):
        DESIGN["table9"]
    with pytest.raises(CmnerError, match=r"CM521.*'bert'.*bilstm_crf, "):
        DESIGN["table3"].choose(["idcnn", "bert"])


ROW = "rows: {a: {label: A, config: a.cfg}}\n"
TRIAL = "experiments: {t: {title: T, rows: [a]}}"


@pytest.mark.parametrize(
    "text, code",
    [
        ("rows: [", "CM520"),
        ("", "CM520"),
        ("- rows", "CM520"),
        (ROW, "CM520"),
        ("rows: {a: {label: A}}\nexperiments: {}", "CM520"),
        ("rows: {a: {label: A, config: a.cfg, colour: red}}\nexperiments: {}", "CM520"),
        ("rows: {a: {label: A, config: b.cfg}}\nexperiments: {}", "CM101"),
        (ROW + "experiments: {t: {rows: [a]}}", "CM520"),
        (ROW + "experiments: {t: {title: T, rows: [b]}}", "CM521"),
        (ROW + "experiments: {t: {title: T, rows: [a], reference: b}}", "CM521"),
        (ROW + "experiments: {t: {title: T, rows: [a], labels: {b: B}}}", "CM521.*'b'"),
        (ROW + "experiments: {t: {title: T, rows: [a], report: song}}", "CM521"),
        (ROW + "experiments: {t: {title: T, rows: [a], report: curve}}", "CM520.*'A'"),
        (ROW + "experiments: {t: {title: 3, rows: [a]}}", "CM520.*3 .*quotes"),
        (ROW + "experiments: {t: {title: T, rows: [a], labels: {a: 64}}}", "CM520.*64.*quotes"),
        ("rows: {7: {label: A, config: a.cfg}}\n" + TRIAL.replace("a", "7"), "CM520.*7.*quotes"),
        ("rows: {a: {label: 64, config: a.cfg}}\n" + TRIAL, "CM520.*64.*quotes"),
        ("rows: {a: {label: , config: a.cfg}}\n" + TRIAL, "CM520.*None.*quotes"),
        (ROW + "experiments: {t: {title: T, rows: [a, a]}}", "CM520.*several rows.*'A'"),
        ("rows: {a: {label: A, config: a.cfg, overrides: [b]}}\n" + TRIAL, "CM520"),
        ("data: {small: [b]}\n" + ROW + TRIAL, "CM520"),
    ],
)
def test_faulty_descriptions(write, text, code):
    with pytest.raises(CmnerError, match=code):
        load_design(write(text))


def test_settings_may_be_left_empty(write):
    design = load_design(
        write("data: {small: }\nrows: {a: {label: A, config: a.cfg, overrides: }}\n" + TRIAL)
    )
    assert (design.data, design["t"].rows[0].overrides) == ({"small": {}}, {})


def test_no_description(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        load_design(tmp_path / "none.yml")


def test_runs_are_told_apart_by_data_fraction_row_and_seed():
    runs = Runs(Path("out"), "cmeee", 0.2)
    plan = runs.plan(DESIGN["table5"].rows[:2], [3, 7])
    assert [run.folder.as_posix() for run in plan] == [
        f"out/runs/cmeee/0.2/{name}/seed-{seed}"
        for seed in (3, 7)
        for name in ("local_global", "fusion_concat")
    ]
    assert Runs(Path("out"), "cmeee", 1.0).subset == Path("out/corpus/cmeee/1/train.spacy")
