"""`python -m spacy cmner …`: thin commands over the library's functions.

spaCy finds this module by the `spacy_cli` entry point; every command module registers itself on
`cmner_cli` when it is imported here.
"""

import typer
from spacy.cli._util import app

cmner_cli = typer.Typer(
    name="cmner",
    help="Chinese medical named entity recognition: data, resources and pipelines.",
    no_args_is_help=True,
)
app.add_typer(cmner_cli)

# isort: off
# (command modules, imported for their registration)
from spacy_cmner.cli import annotate  # noqa: E402,F401
from spacy_cmner.cli import calibrate  # noqa: E402,F401
from spacy_cmner.cli import compare  # noqa: E402,F401
from spacy_cmner.cli import compile  # noqa: E402,F401
from spacy_cmner.cli import convert  # noqa: E402,F401
from spacy_cmner.cli import demo  # noqa: E402,F401
from spacy_cmner.cli import distant  # noqa: E402,F401
from spacy_cmner.cli import evaluate  # noqa: E402,F401
from spacy_cmner.cli import experiment  # noqa: E402,F401
from spacy_cmner.cli import join  # noqa: E402,F401
from spacy_cmner.cli import preannotate  # noqa: E402,F401
from spacy_cmner.cli import pseudo_label  # noqa: E402,F401
from spacy_cmner.cli import resources  # noqa: E402,F401
from spacy_cmner.cli import resources_lexicon  # noqa: E402,F401
from spacy_cmner.cli import terms  # noqa: E402,F401
