"""Pretrained vectors, scaled, whatever they are."""

import numpy as np
import pytest
import spacy
import tiny
import torch

from spacy_cmner.models.contextual import build_contextual_embed
from spacy_cmner.models.local_global import build_local_global_embed
from spacy_cmner.models.scaling import deviation
from spacy_cmner.resources.lexicon import Lexicon
from spacy_cmner.resources.vectors import Vectors


def test_the_arithmetic_is_that_of_the_library():
    values = np.random.default_rng(0).normal(size=(50, 7)).astype("float32")
    tensor = torch.from_numpy(values)
    assert deviation(values) == values.std()
    assert deviation(tensor).equal(tensor.std())


@pytest.mark.parametrize("shape, value", [((0, 3), 0.0), ((1, 1), 2.0), ((40, 3), 0.1)])
def test_without_any_deviation_nothing_is_scaled(shape, value):
    values = np.full(shape, value, dtype="float32")
    assert deviation(values) == deviation(torch.from_numpy(values)) == 1.0


def test_word_vectors_start_with_a_deviation_of_1(resources):
    characters = {name: value for name, value in tiny.EMBED.items() if name[0] != "@"}
    model = build_contextual_embed(build_local_global_embed(**characters))
    for layer in model.walk():
        layer.attrs["resources"] = resources
    model.initialize()
    given = resources.lexicon.vectors.vectors
    weights = model.shims[0].module.words.weight.detach().numpy()
    np.testing.assert_allclose(weights, given / given.std(), rtol=1e-5)


@pytest.mark.parametrize("words", [[], ["头痛", "头"]], ids=["no words", "all alike"])
def test_a_pipeline_of_such_words(words, resource_dir, tmp_path):
    vectors = np.full((len(words), 4), 0.1, dtype="float32")
    counts = np.ones(len(words), dtype=np.int64)
    Lexicon(Vectors(tuple(words), vectors, counts)).save(tmp_path / "lexicon.npz")
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    embed = {"@architectures": "spacy-cmner.ContextualEmbed.v1", "characters": tiny.EMBED}
    tok2vec = {**tiny.MODEL["tok2vec"], "embed": embed}
    nlp.add_pipe("cmner", config={"model": {**tiny.MODEL, "tok2vec": tok2vec}})
    for path in resource_dir.glob("*.npz"):
        if path.name != "lexicon.npz":
            (tmp_path / path.name).symlink_to(path)
    tiny.learn(nlp, tiny.initialize(nlp, tmp_path), steps=2)
    docs = [nlp.make_doc(text) for text, _ in tiny.SENTENCES]
    assert np.isfinite(nlp.get_pipe("cmner").model.predict(docs).dataXd).all()
