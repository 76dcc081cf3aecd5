"""`python -m spacy_cmner.experiments.child …`: a command of spaCy that ends with who started it.

A training whose caller was killed would go on in the folder that the next call begins anew.
"""

import os
from threading import Thread

from spacy.cli import setup_cli

STDIN = 0


def end_with_caller() -> None:
    """Wait for the end of the standard input, a pipe of which the caller holds the other end."""
    os.read(STDIN, 1)  # sys.stdin has a lock, which must be free as the interpreter ends
    os._exit(1)


if __name__ == "__main__":
    Thread(target=end_with_caller, daemon=True).start()
    setup_cli()
