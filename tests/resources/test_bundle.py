import pytest
import tiny

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources.bundle import Resources, create_resources


def test_given_files_are_read(resource_dir):
    bundle = create_resources(**tiny.resource_paths(resource_dir))()
    chars = {char for text, _ in tiny.SENTENCES for char in text}
    assert set(bundle.glyphs.chars) <= chars
    assert bundle.components.parts_of("肺")[0] == Resources().components.parts_of("肺")[0]
    assert (bundle.vectors.dim, bundle.lexicon.vectors.dim, bundle.bigrams.dim) == (8, 5, 4)


def test_what_ships_is_read_otherwise():
    bundle = create_resources()()
    assert {"肺", "药"} <= set(bundle.glyphs.chars) & set(bundle.components.chars)
    assert "肺" in bundle.vectors.words
    assert "疼痛" in bundle.lexicon.vectors.words
    assert all(len(word) == 2 for word in bundle.bigrams.words)


def test_a_file_is_read_when_it_is_needed(resource_dir, tmp_path):
    paths = {**tiny.resource_paths(resource_dir), "lexicon": tmp_path / "none.npz"}
    bundle = create_resources(**paths)()
    assert bundle.vectors is bundle.vectors
    with pytest.raises(CmnerError, match=r"CM201.*none\.npz"):
        bundle.lexicon  # noqa: B018
