"""Project, configs and set-up commands: nothing in them names what is not there."""

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import srsly
from spacy.cli._util import app
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.util import load_config, load_model_from_config, registry, walk_dict
from thinc.api import Config
from typer.main import get_command
from weasel.util.config import load_project_config

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.cli._util import TAKES_SETTINGS

ROOT = Path(__file__).parents[1]
PROJECT = load_project_config(ROOT)
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))
LENGTH = {"max_steps", "max_epochs", "eval_frequency"}
TRANSFORMERS = {"transformer", "transformer_local_global"}


def is_inside(path: str, folders) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


@pytest.mark.parametrize("variable", srsly.read_yaml(ROOT / "project.yml")["vars"].items())
def test_variables_keep_their_quotes_out_of_commands(variable):
    """The confection of spaCy 3.8.7 puts text that reads as JSON in with its quotes, and fails."""
    _, value = variable
    if isinstance(value, str):
        with pytest.raises(json.JSONDecodeError):
            json.loads(value)


@pytest.mark.parametrize("workflow", PROJECT["workflows"])
def test_inputs_are_in_the_repository_or_made_before(workflow):
    made = {PROJECT["vars"]["data"]}
    for name in PROJECT["workflows"][workflow]:
        command = COMMANDS[name]
        for path in command["deps"]:
            assert is_inside(path, made) or (ROOT / path).is_file(), f"{name}: {path}"
        made.update(command["outputs"])


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_inputs_and_outputs_that_its_script_names(name):
    command = COMMANDS[name]
    script = " ".join(command["script"] + [implied(line) for line in command["script"]])
    assert command["deps"] and command["outputs"]
    for path in command["deps"]:
        assert path in script or str(Path(path).parent) in script, path
    for path in command["outputs"]:
        assert is_inside(path, [*PROJECT["directories"], "PROJECT.md"])
        assert path in script or str(Path(path).parent) in script or "packages/" in path, path


def implied(line: str) -> str:
    """The paths that an experiment takes where none are given."""
    command, words = find_command(line)
    paths = [str(each.default) for each in command.params if isinstance(each.default, Path)]
    if "--data" in words and "corpus" in paths:
        paths.append(f"corpus/{words[words.index('--data') + 1]}")
    return " ".join(paths)


@pytest.mark.parametrize("line", [line for c in COMMANDS.values() for line in c["script"]])
def test_script_calls_a_command_with_options_it_has(line):
    is_any = f"configs/{PROJECT['vars']['config']}.cfg" in line
    check_command_line(line, CONFIGS if is_any else ())


def check_command_line(line: str, configs: Sequence[Path] = ()) -> None:
    """Fail where a `python -m spacy …` names no command, or an option or setting it has not.

    configs: those that a line may be for, where it is not only for the one that it names. Each of
        its settings is one of some of them.
    """
    command, words = find_command(line)
    options = {option for parameter in command.params for option in parameter.opts}
    config = Language.get_factory_meta("cmner").default_config
    recogniser = {f"--components.cmner.{name}" for name in config}
    settings = set()
    if command.name == "train":
        trained = [load_config(path) for path in configs or [ROOT / words[0]]]
        settings = {"--" + ".".join(path) for config in trained for path, _ in walk_dict(config)}
        settings |= recogniser  # those too that a config leaves to their defaults
    elif command.name == "run":  # of a project, or of an experiment
        settings = {f"--vars.{name}" for name in PROJECT["vars"]}
    elif command.context_settings == TAKES_SETTINGS:
        settings = recogniser
    given = {word for word in words if word.startswith("-") and not re.match(r"-\d", word)}
    assert given <= options | settings


def find_command(line: str) -> tuple:
    """The command that a line calls, and the words that it passes to it."""
    python, m, module, *words = shlex.split(line)
    assert (python, m, module) == ("python", "-m", "spacy")
    command = get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command, words


@pytest.mark.parametrize("name", ["train-cmeee", "train-imcs21"])
def test_training_takes_files_of_your_own_and_is_repeated_where_they_change(name):
    own = {
        "char_vectors": "mine/chars.npz",
        "lexicon": "mine/words.npz",
        "transformer": "mine/bert",
    }
    overrides = {f"vars.{variable}": path for variable, path in own.items()}
    commands = load_project_config(ROOT, overrides=overrides)["commands"]
    [command] = [command for command in commands if command["name"] == name]
    [words] = map(shlex.split, command["script"])
    assert {path: words[words.index(f"--paths.{path}") + 1] for path in own} == own
    assert {own["char_vectors"], own["lexicon"]} <= set(command["deps"])


def test_every_command_is_part_of_a_workflow():
    assert {name for names in PROJECT["workflows"].values() for name in names} == set(COMMANDS)


def test_page_on_the_project_is_up_to_date():
    page = (ROOT / "PROJECT.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\S+)` \| (.+) \|$", page, re.MULTILINE)
    assert {name: COMMANDS[name]["help"] for name in COMMANDS}.items() <= dict(rows).items()
    for name, steps in PROJECT["workflows"].items():
        assert f"| `{name}` | " + " &rarr; ".join(f"`{step}`" for step in steps) in page


def test_checksums_are_of_the_files_that_the_user_supplies():
    assets = {Path(asset["dest"]).name for asset in PROJECT["assets"]}
    for path in (ROOT / "assets" / "checksums").iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.fullmatch(r"[0-9a-f]{64}  (.+)", line)
            assert match and match[1] in assets


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_resolves(path):
    nlp = load_model_from_config(load_config(path), auto_fill=True)
    assert nlp.pipe_names == [*(["transformer"] if path.stem in TRANSFORMERS else []), "cmner"]
    registry.resolve(nlp.config.interpolate()["training"], schema=ConfigSchemaTraining)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_train_alike(path):
    block, expected = (training(each) for each in (path, ROOT / "configs" / "contextual.cfg"))
    if path.stem in TRANSFORMERS:
        # The learning rate of the others, without a warm-up, would spoil pretrained weights, and
        # spacy-transformers does not average them.
        assert block.pop("optimizer") != expected.pop("optimizer")
    assert block == expected


def test_transformers_train_alike():
    first, second = (training(ROOT / "configs" / f"{name}.cfg") for name in sorted(TRANSFORMERS))
    assert first == second


def training(path: Path) -> dict:
    """The [training] block without what says how long."""
    block = Config().from_disk(path, interpolate=False)["training"]
    return {key: value for key, value in block.items() if key not in LENGTH}


@pytest.mark.parametrize("target", ["quickstart", "test"])
def test_make_target_does_what_the_readme_says(target):
    assert f"make {target}" in (ROOT / "README.md").read_text(encoding="utf-8")
    plan = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    last = plan.stdout.splitlines()[-1]
    all_tests = "pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder"
    assert last.endswith({"quickstart": "spacy project run quickstart", "test": all_tests}[target])


def test_ci_runs_the_test_command_of_the_readme():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
