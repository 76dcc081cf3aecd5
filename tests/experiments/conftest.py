from pathlib import Path

import pytest
import tiny

from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.records import Entity, Record

RECORDS = [
    Record(text, tuple(Entity(*entity) for entity in entities)) for text, entities in tiny.SENTENCES
]


@pytest.fixture(scope="session")
def docbin(tmp_path_factory) -> Path:
    """The tiny texts, annotated."""
    path = tmp_path_factory.mktemp("docbin") / "gold.spacy"
    write_docbin(RECORDS, path)
    return path
