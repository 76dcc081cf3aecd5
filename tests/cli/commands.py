"""Running the commands in the process of the tests."""

import pytest
import typer
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli


def run(*arguments):
    return CliRunner().invoke(cmner_cli, [str(argument) for argument in arguments])


def run_into_closed_pipe(monkeypatch: pytest.MonkeyPatch, *arguments):
    """As with ``| head``, which ends before all is printed."""

    def echo(text):
        raise BrokenPipeError

    with monkeypatch.context() as context:
        context.setattr(typer, "echo", echo)
        result = run(*arguments)
    assert isinstance(result.exception, BrokenPipeError)
