"""What README.md and docs/ tell the reader to type."""

import json
import re
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest
from spacy.util import load_config, load_model_from_config
from test_project import check_command_line

from spacy_cmner.data.corpus import FORMATS
from spacy_cmner.errors import CmnerWarning

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "PROJECT.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = PAGES[0].read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def command_lines(text: str) -> list[str]:
    script = "".join(blocks(text, "bash")).replace("\\\n", " ")
    return [line for line in script.splitlines() if line.startswith("python -m spacy")]


def test_python_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    """With the pipeline that ships."""
    [wheel] = (ROOT / "assets" / "pipelines").glob("zh_cmner_cmeee-*.whl")
    assert wheel.name in README
    ZipFile(wheel).extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict = {}
    with pytest.warns(CmnerWarning, match="CM428"):  # as the last block says
        for block in blocks(README, "python"):
            exec(compile(block, "README.md", "exec"), namespace)
    printed = capsys.readouterr().out
    [shown] = blocks(README, "text")
    assert printed.startswith(shown)
    assert "('阿奇霉素', 'dru', 'dictionary')" in printed  # the constraint held
    assert "('患儿发热', 'sym')" in printed  # expanded to the token


@pytest.mark.parametrize(
    "line", sorted({line for page in PAGES for line in command_lines(page.read_text("utf-8"))})
)
def test_command_line_is_possible(line):
    check_command_line(line.split(" #")[0])


def test_config_block_resolves():
    [block] = blocks(README, "ini")
    parser = ConfigParser()
    parser.read_string(block)
    settings = {
        f"{section}.{key}": json.loads(value)
        for section in parser.sections()
        for key, value in parser[section].items()
    }
    config = load_config(ROOT / "configs" / "contextual.cfg", overrides=settings)
    nlp = load_model_from_config(config, auto_fill=True)
    [embed] = [node for node in nlp.get_pipe("cmner").model.walk() if "spatial" in node.attrs]
    assert not embed.attrs["spatial"]
    assert embed.attrs["sequential"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, section in re.findall(r"\]\(([^)#:]*)(?:#([\w-]+))?\)", text):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not section or section in sections(linked), section


def sections(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_page_on_data_lists_all_formats():
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    table = text.partition("## Formats")[2].partition("\n## ")[0]
    assert set(FORMATS) <= set(re.findall(r"`(\w+)`", table))
