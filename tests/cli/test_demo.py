import re

import pytest
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli.demo import SENTENCES


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "model"
    trained.to_disk(path)
    return path


def run(*args):
    return CliRunner().invoke(cmner_cli, ["demo", *map(str, args)])


def test_own_texts_on_the_terminal_and_as_a_page(model, tmp_path):
    page = tmp_path / "new" / "page.html"
    result = run(model, "--text", "患者右肺疼痛三天。", "--text", "", "--output", page)
    assert result.exit_code == 0
    assert "患者[右肺 bod][疼痛 sym]三天。" in result.output
    assert "右肺<span>bod</span>" in page.read_text(encoding="utf-8")


def test_three_sentences_if_none_is_given(model):
    result = run(model)
    assert result.exit_code == 0
    texts = re.sub(r"\[(.+?) \w+\]", r"\1", result.output)
    assert [line for line in texts.splitlines() if line in SENTENCES] == [*SENTENCES]


def test_no_pipeline_is_a_message_not_a_traceback(tmp_path):
    result = run(tmp_path / "none")
    assert result.exit_code == 1
    assert "CM505" in result.output
