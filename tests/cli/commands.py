"""Running the commands in the process of the tests."""

from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli


def run(*arguments):
    return CliRunner().invoke(cmner_cli, [str(argument) for argument in arguments])
