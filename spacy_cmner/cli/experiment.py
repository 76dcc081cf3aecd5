"""`python -m spacy cmner experiment …`: train and compare the models of the paper's tables."""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from thinc.util import has_gpu
from wasabi import msg

from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.plots import check_picture
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    TAKES_SETTINGS,
    GpuOption,
    errors_shown,
    read_settings,
    split,
    use_gpu,
)
from spacy_cmner.data.files import check_writable
from spacy_cmner.errors import CmnerError, Messages
from spacy_cmner.experiments.design import load_design
from spacy_cmner.experiments.report import make_tables, report_files, write_report
from spacy_cmner.experiments.runs import Runs
from spacy_cmner.experiments.summary import summarise
from spacy_cmner.experiments.training import (
    Training,
    check_comparable,
    check_overrides,
    execute,
    find_corpus,
    write_subset,
)

experiment_cli = typer.Typer(
    name="experiment",
    help="Train models alike and compare them: the paper's tables.",
    no_args_is_help=True,
)
cmner_cli.add_typer(experiment_cli)

Name = Annotated[str, typer.Argument(help="Experiment, such as table3.")]
Data = Annotated[str, typer.Option("--data", help="Data set: a folder of --corpus.")]
Fraction = Annotated[
    float, typer.Option("--fraction", help="Part of the training set, above 0 and up to 1.")
]
Models = Annotated[
    str, typer.Option("--models", help="Rows of the experiment, separated by commas; else all.")
]
Corpus = Annotated[
    Path, typer.Option("--corpus", help="Folder of data sets, each with train.spacy, dev.spacy.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder of all that experiments write.")
]
DesignFile = Annotated[Path, typer.Option("--design", help="What the experiments are.")]


@experiment_cli.command("run", context_settings=TAKES_SETTINGS)
@errors_shown()
def run_command(
    context: typer.Context,
    name: Name,
    data: Data = "cmeee",
    fraction: Fraction = 1.0,
    epochs: Annotated[int, typer.Option("--epochs", help="At most.", min=1)] = 15,
    patience: Annotated[
        int,
        typer.Option(
            "--patience", help="Stop after so many epochs without a better F1; 0: never.", min=0
        ),
    ] = 2,
    seeds: Annotated[str, typer.Option("--seeds", help="Separated by commas.")] = "0",
    models: Models = "",
    threads: Annotated[
        int | None, typer.Option("--threads", help="Of a training (OMP_NUM_THREADS).", min=1)
    ] = None,
    gpu_id: GpuOption = -1,
    corpus: Corpus = Path("corpus"),
    output: Output = Path("experiments"),
    design: DesignFile = Path("configs/experiments.yml"),
) -> None:
    """Train each model with each seed and score it; what is finished is not done again.

    Settings of the configs can be given as to `spacy train`, such as --paths.lexicon FILE; they
    hold for all models.
    """
    overrides = read_settings(context.args)
    failed: list[str] = []
    plan = load_design(design)
    rows = plan[name].choose(split(models))
    of_data = plan.data.get(data, {})
    check_overrides(chain(overrides, of_data, *(row.overrides for row in rows)))
    runs = Runs(output, data, fraction)
    train, dev = find_corpus(corpus, data)
    if not has_gpu:
        use_gpu(gpu_id)  # says why; where there is one it is left to the trainings
    load_gold(dev)  # which is scored after hours only
    write_subset(train, runs.subset, fraction)
    training = Training(
        runs.subset,
        dev,
        epochs,
        patience,
        {**of_data, **overrides},
        gpu_id,
        threads,
    )
    for run in runs.plan(rows, read_seeds(seeds)):
        title = f"{run.row.name}, seed {run.seed}"
        msg.info(f"{title}: {run.folder}")
        try:
            execute(run, training)
        except CmnerError as error:
            msg.fail(str(error))
            failed.append(title)
        else:
            msg.good(f"{title}: F1 {100 * run.read_metrics()['all']['f']:.2f}")
    if failed:
        raise Messages.CM525.error(failed="; ".join(failed))


@experiment_cli.command("collate")
@errors_shown()
def collate_command(
    name: Name,
    data: Data = "cmeee",
    fraction: Fraction = 1.0,
    models: Models = "",
    samples: Annotated[
        int, typer.Option("--samples", help="Samples that the tests draw.", min=1)
    ] = 10_000,
    corpus: Corpus = Path("corpus"),
    output: Output = Path("experiments"),
    design: DesignFile = Path("configs/experiments.yml"),
) -> None:
    """Compare what is finished of an experiment: tables (.md, .csv) and a plot (.png)."""
    experiment = load_design(design)[name]
    runs = Runs(output, data, fraction)
    files = report_files(experiment, runs)
    check_writable(*files)
    for file in files:
        if file.suffix == ".png":
            check_picture(file)
    dev = find_corpus(corpus, data)[1]
    texts = load_gold(dev)
    rows = experiment.choose(split(models))
    check_comparable([run for row in rows for run in runs.finished(row)], dev)
    summary = summarise(experiment, rows, runs, texts, samples=samples)
    for table in make_tables(summary):
        typer.echo(f"\n{table.to_terminal()}")
    written = write_report(summary, runs, texts)
    for path in written:
        msg.good(f"Written: {path}")
    if summary.missing:
        msg.warn(f"Not finished: {', '.join(row.name for row in summary.missing)}")


def read_seeds(seeds: str) -> list[int]:
    """RAISES: typer.BadParameter if one is no number from 0 on, or there is none."""
    words = split(seeds)
    if not words or not all(word.isdecimal() for word in words):
        problem = f"{seeds!r} are no seeds; give numbers from 0 on, separated by commas"
        raise typer.BadParameter(problem, param_hint="--seeds")
    return [*dict.fromkeys(int(word) for word in words)]
