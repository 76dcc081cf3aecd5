"""The largest inputs of the encoders of a pipeline."""

import numpy as np
import pytest
import spacy
import tiny

from spacy_cmner.models.input_bounds import measure_bounds
from spacy_cmner.resources.charset import default_characters
from spacy_cmner.tokenizer import char_doc


def is_bilstm(node):
    return node.name == "bilstm_encoder"


def test_the_largest_input_in_all_characters_that_ship(trained):
    before = trained.to_bytes()
    embed, _ = trained.get_pipe("cmner").model.get_ref("tok2vec").layers
    vocab = spacy.blank("zh").vocab
    rows = embed.predict([char_doc(vocab, char) for char in default_characters()])
    largest = np.abs(np.concatenate(rows)).max()
    assert measure_bounds(trained, is_bilstm) == {"cmner": [pytest.approx(largest, rel=1e-5)]}
    assert trained.to_bytes() == before


def test_encoders_that_components_share_or_have_beside_others(trained, resource_dir):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("sentencizer")  # has no model
    nlp.add_pipe("tok2vec", config={"model": tiny.MODEL["tok2vec"]})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32}
    nlp.add_pipe("cmner", config={"model": {**tiny.MODEL, "tok2vec": listener}})
    nlp.add_pipe("cmner", name="second", config={"model": tiny.MODEL, "target": "second"})
    tiny.initialize(nlp, resource_dir)
    bounds = measure_bounds(nlp, is_bilstm)
    assert {name: len(values) for name, values in bounds.items()} == {
        "tok2vec": 1,
        "cmner": 0,
        "second": 1,
    }
    assert bounds["second"][0] > 0


def test_nothing_runs_where_there_is_no_encoder(trained, monkeypatch):
    monkeypatch.setattr("spacy.language.Language.pipe", None)
    assert measure_bounds(trained, lambda node: False) == {"cmner": []}
