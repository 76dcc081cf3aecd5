"""Every name that setup.cfg registers can be used without importing anything of the package."""

import configparser
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name

import pytest
import spacy
from spacy import registry

SETUP = Path(__file__).parent.parent / "setup.cfg"


def declared() -> list[tuple[str, str, str]]:
    """Group, name and target of each entry point."""
    config = configparser.ConfigParser()
    config.read(SETUP, encoding="utf-8")
    return [
        (group, *(part.strip() for part in line.split("=")))
        for group, lines in config["options.entry_points"].items()
        for line in lines.strip().splitlines()
    ]


@pytest.mark.parametrize("group, name, target", declared(), ids=lambda value: value)
def test_every_name_resolves(group, name, target):
    [installed] = entry_points(group=group, name=name)
    assert installed.value == target, "the installed metadata are old: run pip install -e . again"
    assert installed.load() is resolve_name(target)
    kind = group.removeprefix("spacy_")
    if kind == "factories":
        assert name in spacy.blank("zh").factory_names
    else:
        assert getattr(registry, kind).get(name) is resolve_name(target)


def test_names_follow_the_convention():
    for group, name, _ in declared():
        if group in ("spacy_factories", "spacy_cli", "spacy_displacy_colors"):
            assert name.replace("_", "").isalpha() and name.islower()
        else:
            package, function, version = name.split(".")
            assert (package, version) == ("spacy-cmner", "v1")
            is_class_like = function[0].isupper() and "_" not in function
            assert is_class_like == (group == "spacy_architectures")


def test_a_component_can_be_added_with_spacy_alone_and_stays_light():
    script = """
import json, sys
from importlib.metadata import EntryPoint
import spacy

# A blank pipeline imports the components of every package installed: leave out those of others.
load = EntryPoint.load
def load_ours(self):
    others = self.group == "spacy_factories" and self.dist.name != "spacy-cmner"
    return print if others else load(self)
EntryPoint.load = load_ours
nlp = spacy.blank("zh")
nlp.add_pipe("cmner")
print(json.dumps([nlp.pipe_names, sorted(sys.modules)]))
"""
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    names, modules = json.loads(result.stdout)
    assert names == ["cmner"]
    heavy = {"gensim", "PIL", "numba", "fontTools", "transformers", "spacy_pkuseg", "jieba"}
    assert not heavy & set(modules)
