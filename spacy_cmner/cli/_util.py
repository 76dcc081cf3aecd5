"""What the commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spacy.language import Language
from spacy.util import load_model
from wasabi import msg

from spacy_cmner.errors import CmnerError, Messages


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn an error that the user can mend into its message and exit code 1."""
    try:
        yield
    except CmnerError as error:
        msg.fail(str(error), exits=1)


def load_pipeline(model: str | Path) -> Language:
    """Load a pipeline by folder or package name.

    RAISES: CM505 if there is none or it is damaged.
    """
    try:
        return load_model(model)
    except OSError as error:
        raise Messages.CM505.error(model=model, reason=error) from None
