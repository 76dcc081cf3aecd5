"""The shipped configs, and spaCy's own commands from training to evaluation."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly
import tiny
from spacy.cli._util import app
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_cmner.cli._util import load_pipeline
from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError

CONFIGS = Path(__file__).parent.parent / "configs"
CONFIG = CONFIGS / "local_global.cfg"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "gold.spacy"
    records = [
        Record(text, tuple(Entity(*entity) for entity in entities))
        for text, entities in tiny.SENTENCES
    ]
    write_docbin(records, path)
    return path


@pytest.fixture(scope="module")
def overrides(corpus, resource_dir) -> dict:
    """Makes the shipped config tiny."""
    paths = tiny.resource_paths(resource_dir)
    embed = "components.cmner.model.tok2vec.embed"
    return {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.glyphs": str(paths["glyphs"]),
        "paths.components": str(paths["components"]),
        "paths.char_vectors": str(paths["vectors"]),
        "paths.lexicon": str(paths["lexicon"]),
        f"{embed}.channels": 64,
        f"{embed}.local_width": 16,
        "components.cmner.model.tok2vec.encode.hidden_width": 16,
        "training.optimizer.learn_rate.start": 0.02,
        "training.optimizer.use_averages": False,
        "training.dropout": 0.0,
        "training.max_epochs": 0,
        "training.max_steps": 40,
        "training.eval_frequency": 20,
    }


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def options(overrides: dict) -> list[str]:
    return [
        part
        for name, value in overrides.items()
        for part in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
    ]


@pytest.fixture(scope="module")
def output(overrides, tmp_path_factory) -> tuple[Path, str]:
    """The folder of a training run, and what it printed."""
    folder = tmp_path_factory.mktemp("training")
    log = {"training.logger.output_file": str(folder / "log.jsonl")}
    return folder, run("train", CONFIG, "--output", folder, *options({**overrides, **log}))


def test_training_learns_and_saves_the_best(output):
    folder, _ = output
    nlp = spacy.load(folder / "model-best")
    assert [tiny.entities(nlp(text)) for text, _ in tiny.SENTENCES] == [
        e for _, e in tiny.SENTENCES
    ]
    assert nlp.meta["performance"]["ents_all_f"] == 1.0


def test_training_logs_all_losses(output):
    folder, printed = output
    assert "loss cmner_reconstruction" in printed
    rows = list(srsly.read_jsonl(folder / "log.jsonl"))
    assert [row["step"] for row in rows] == [0, 20, 40]
    assert rows[-1]["losses"]["cmner"] < rows[1]["losses"]["cmner"]
    assert set(rows[-1]["scores"]) == {"ents_all_f", "ents_f"}


def test_evaluation(output, corpus, tmp_path):
    folder, _ = output
    run("evaluate", folder / "model-best", corpus, "--output", tmp_path / "scores.json")
    scores = srsly.read_json(tmp_path / "scores.json")
    assert scores["ents_f"] == scores["ents_all_f"] == 1.0
    assert set(scores["ents_per_type"]) == set(tiny.LABELS)


def test_a_training_run_can_be_repeated_exactly(output, overrides, tmp_path):
    train(CONFIG, tmp_path, overrides=overrides)
    first, second = (spacy.load(path / "model-last") for path in (output[0], tmp_path))
    model = first.get_pipe("cmner").model
    assert second.get_pipe("cmner").model.to_bytes() == model.to_bytes()


def test_training_without_a_corpus_names_the_option(tmp_path):
    result = CliRunner().invoke(app, ["train", str(CONFIG), "--output", str(tmp_path)])
    assert result.exit_code != 0
    assert "CM115" in f"{result.output}{result.exception}"


def test_debug_config(overrides, tmp_path):
    path = tmp_path / "filled.cfg"
    fill_config(path, CONFIG)
    assert "Config is valid" in run("debug", "config", path, *options(overrides))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.cfg")), ids=lambda path: path.stem)
def test_a_filled_config_can_be_loaded(path, tmp_path):
    filled_path = tmp_path / "filled.cfg"
    _, filled = fill_config(filled_path, path)
    nlp = spacy.util.load_model_from_config(load_config(filled_path), auto_fill=False)
    assert nlp.pipe_names == filled["nlp"]["pipeline"]
    assert nlp.config.to_str() == filled.to_str()


# Kills


def resume(checkpoint: Path, path: Path) -> Path:
    """A config that goes on from a checkpoint, as docs/training.md says."""
    config = load_config(checkpoint / "config.cfg")
    config["components"]["cmner"] = {"source": str(checkpoint)}
    config.to_disk(path)
    return path


def last_complete(folder: Path) -> Path:
    """The checkpoint to go on from, as docs/training.md says."""
    try:
        load_pipeline(folder / "model-last")
    except CmnerError:
        load_pipeline(folder / "model-best")
        return folder / "model-best"
    return folder / "model-last"


def test_a_killed_run_is_resumed(overrides, tmp_path):
    endless = {**overrides, "training.max_steps": 10**9, "training.eval_frequency": 5}
    command = [sys.executable, "-m", "spacy", "train", CONFIG, "--output", tmp_path / "killed"]
    with subprocess.Popen([*command, *options(endless)], stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            cells = line.split()
            if len(cells) > 4 and cells[1].isdigit() and int(cells[1]) >= 20:
                break
        process.kill()
    assert process.returncode == -signal.SIGKILL
    checkpoint = last_complete(tmp_path / "killed")
    killed = spacy.load(checkpoint)
    score = killed.meta["performance"]["ents_f"]
    assert score > 0

    config = resume(checkpoint, tmp_path / "resume.cfg")
    model = killed.get_pipe("cmner").model
    resumed = init_nlp(load_config(config, {"training.max_steps": 20}))
    assert resumed.get_pipe("cmner").model.to_bytes() == model.to_bytes()
    train(config, tmp_path / "resumed", overrides={"training.max_steps": 20})
    assert spacy.load(tmp_path / "resumed" / "model-best").meta["performance"]["ents_f"] >= score


WATCHED = """
import shutil
import sys
from pathlib import Path
from spacy.cli.train import train

output, snapshots = Path(sys.argv[2]), Path(sys.argv[3])
taking, count = False, 0

def snapshot(event, arguments):
    # What a kill at this moment would leave behind.
    global taking, count
    writes = event in ("os.mkdir", "os.remove", "os.rmdir") or (
        event == "open" and isinstance(arguments[1], str) and set("wax") & set(arguments[1])
    )
    if writes and not taking and str(output) in str(arguments[0]):
        taking = True
        if (output / "model-best" / "vocab").exists() or count:
            shutil.copytree(output, snapshots / f"{count:04}")
            count += 1
        taking = False

sys.addaudithook(snapshot)
train(sys.argv[1], output, overrides=dict(zip(sys.argv[4::2], map(eval, sys.argv[5::2]))))
"""


def test_at_each_moment_one_checkpoint_is_complete(overrides, tmp_path):
    """From the first one on."""
    settings = {**overrides, "training.max_steps": 2, "training.eval_frequency": 1}
    pairs = [part for name, value in settings.items() for part in (name, repr(value))]
    (tmp_path / "snapshots").mkdir()
    command = [sys.executable, "-c", WATCHED, CONFIG, tmp_path / "output", tmp_path / "snapshots"]
    subprocess.run([*command, *pairs], check=True, capture_output=True)
    snapshots = sorted((tmp_path / "snapshots").iterdir())
    found = [last_complete(snapshot).name for snapshot in snapshots]
    assert {*found} == {"model-last", "model-best"}
