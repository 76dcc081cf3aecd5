import os
from pathlib import Path

import numpy as np
import pytest
import tiny
from hypothesis import settings
from spacy.language import Language

from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.resources.components import ComponentTable
from spacy_cmner.resources.glyphs import GlyphTable
from spacy_cmner.resources.lexicon import Lexicon
from spacy_cmner.resources.vectors import Vectors

# How fast the machine is says nothing of the code.
settings.register_profile("explore", deadline=None)
# A run that decides over a change must come out the same when it is repeated.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "explore")


@pytest.fixture(scope="session")
def resource_dir(tmp_path_factory) -> Path:
    """The shipped resources, cut down to the characters of the tiny texts, two fonts and few
    dimensions."""
    folder = tmp_path_factory.mktemp("resources")
    chars = {char for text, _ in tiny.SENTENCES for char in text}
    paths = tiny.resource_paths(folder)
    shipped = Resources()

    glyphs = shipped.glyphs
    rows = [row for row, char in enumerate(glyphs.chars) if char in chars]
    kept = tuple(glyphs.chars[row] for row in rows)
    GlyphTable(kept, glyphs.fonts[:2], glyphs.images[rows, :2]).save(paths["glyphs"])

    table = shipped.components
    rows = [row for row, char in enumerate(table.chars) if char in chars]
    kept = tuple(table.chars[row] for row in rows)
    ComponentTable(kept, table.parts, table.ids[rows]).save(paths["components"])

    cut(shipped.vectors, chars, 8).save(paths["vectors"])
    cut(shipped.bigrams, chars, 4).save(paths["bigrams"])
    Lexicon(cut(shipped.lexicon.vectors, chars, 5)).save(paths["lexicon"])
    return folder


def cut(vectors: Vectors, chars: set[str], dim: int) -> Vectors:
    small = vectors.take([i for i, word in enumerate(vectors.words) if chars.issuperset(word)])
    return Vectors(small.words, np.ascontiguousarray(small.vectors[:, :dim]), small.counts)


@pytest.fixture(scope="session")
def resources(resource_dir) -> Resources:
    return tiny.bundle(resource_dir)


@pytest.fixture(scope="session")
def trained(resource_dir) -> Language:
    """A pipeline that has learnt the tiny texts by heart. Tests must not change it."""
    nlp = tiny.blank()
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir))
    return nlp


@pytest.fixture(scope="session")
def hybrid(trained) -> Language:
    """The trained recogniser among all other components. Tests must not change it."""
    return tiny.hybrid(trained)


@pytest.fixture(scope="session")
def small(trained) -> Language:
    """As ``hybrid``, compiled and in int8. Tests must not change it."""
    return tiny.hybrid(compile_pipeline(trained, precision="int8"))


@pytest.fixture
def fresh(trained) -> Language:
    """A copy of the trained pipeline, to be changed at will."""
    nlp = tiny.blank()
    return nlp.from_bytes(trained.to_bytes())
