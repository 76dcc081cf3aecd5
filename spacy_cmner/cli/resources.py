"""`python -m spacy cmner resources …`: build and look at what is known of each character."""

import typer

from spacy_cmner.cli import cmner_cli

resources_cli = typer.Typer(
    name="resources",
    help="Build glyphs, components, vectors and lexicons of characters and words.",
    no_args_is_help=True,
)
cmner_cli.add_typer(resources_cli)
