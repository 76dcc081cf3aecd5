"""What the commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spacy.language import Language
from spacy.util import load_model
from wasabi import msg

from spacy_cmner.errors import DAMAGE, CmnerError, Messages


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn an error that the user can mend into its message and exit code 1."""
    try:
        yield
    except CmnerError as error:
        msg.fail(str(error), exits=1)


def load_pipeline(model: str | Path) -> Language:
    """Load a pipeline by folder or package name.

    RAISES: CM505 if there is none or a file of spaCy's is damaged; CM421 from our components.
    """
    try:
        return load_model(model)
    except CmnerError:
        raise
    except (*DAMAGE, ImportError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Messages.CM505.error(model=model, reason=reason) from error
