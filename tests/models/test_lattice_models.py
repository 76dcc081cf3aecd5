"""What every model that attends to, or passes messages between, characters and words must do."""

import numpy as np
import pytest
import spacy
import tiny
import torch
from spacy import registry
from thinc.api import Model

CHARACTERS = {
    "@architectures": "spacy-cmner.LocalGlobalEmbed.v1",
    "spatial": False,
    "sequential": False,
    "use_global": False,
    "fusion": "concat",
}
MODELS = {
    "flat": {
        "@architectures": "spacy-cmner.Flat.v1",
        "characters": CHARACTERS,
        "n_heads": 2,
        "head_width": 8,
    },
    "flat_two_layers_local_global": {
        "@architectures": "spacy-cmner.Flat.v1",
        "characters": tiny.EMBED,
        "n_heads": 2,
        "head_width": 8,
        "depth": 2,
    },
    "mect": {
        "@architectures": "spacy-cmner.Mect.v1",
        "characters": CHARACTERS,
        "n_heads": 2,
        "head_width": 8,
        "n_components": 3,
        "component_width": 6,
    },
}
TEXTS = [*(text for text, _ in tiny.SENTENCES), "", "痛", "🙂\x00\ufeffab 1" * 9]


@pytest.fixture(scope="module", params=MODELS)
def config(request):
    return MODELS[request.param]


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("zh", config=tiny.CHARACTERS)


@pytest.fixture(scope="module")
def model(config, nlp, resources) -> Model:
    torch.manual_seed(0)
    model = registry.resolve({"model": config})["model"]
    for node in model.walk():
        if node.attrs.get("takes_resources"):
            node.attrs["resources"] = resources
    model.initialize(X=[nlp.make_doc(TEXTS[0])])
    return model


def docs(nlp, texts=TEXTS):
    return [nlp.make_doc(text) for text in texts]


def test_one_row_a_character(model, nlp):
    rows = model.predict(docs(nlp))
    assert [each.shape for each in rows] == [(len(text), model.get_dim("nO")) for text in TEXTS]
    assert all(np.isfinite(each).all() for each in rows)


def test_rows_do_not_depend_on_the_batch(model, nlp):
    together = model.predict(docs(nlp))
    for doc, rows in zip(docs(nlp), together, strict=True):
        np.testing.assert_allclose(model.predict([doc])[0], rows, atol=1e-5)


def test_a_batch_of_empty_documents(model, nlp):
    rows, backprop = model.begin_update(docs(nlp, ["", ""]))
    assert [len(each) for each in rows] == [0, 0]
    backprop(rows)


def test_every_parameter_receives_a_gradient(model, nlp):
    rows, backprop = model.begin_update(docs(nlp))
    rng = np.random.default_rng(0)
    backprop([rng.normal(size=each.shape).astype("float32") for each in rows])
    parameters = [
        (name, parameter)
        for node in model.walk()
        for shim in node.shims
        for name, parameter in shim.module.named_parameters()
    ]
    missing = [
        name for name, each in parameters if each.grad is None or not each.grad.abs().max() > 1e-8
    ]
    for _, parameter in parameters:
        parameter.grad = None
    assert not missing


def learnt(config, folder):
    tagger = {"@architectures": "spacy-cmner.CrfTagger.v1", "tok2vec": config}
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner", config={"model": tagger})
    optimizer = tiny.initialize(nlp, folder)
    optimizer.learn_rate = 0.01
    tiny.learn(nlp, optimizer)
    return nlp


def test_learns_by_heart_and_survives_saving(config, resource_dir, tmp_path):
    nlp = learnt(config, resource_dir)
    gold = [entities for _, entities in tiny.SENTENCES]
    texts = [text for text, _ in tiny.SENTENCES]
    assert [tiny.entities(doc) for doc in nlp.pipe(texts)] == gold
    assert [tiny.entities(nlp(text)) for text in texts] == gold
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert [tiny.entities(doc) for doc in again.pipe(texts, batch_size=2)] == gold
    scores = [each.get_pipe("cmner").model.predict(docs(each)).dataXd for each in (nlp, again)]
    np.testing.assert_array_equal(*scores)
