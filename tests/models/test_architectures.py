"""What every architecture in the `tok2vec` slot must do. A new one takes a line in ``MODELS``."""

import numpy as np
import pytest
import spacy
import tiny
from spacy.language import Language
from thinc.api import set_dropout_rate

from spacy_cmner.models.compile import compile_pipeline

EMBED = {
    "@architectures": "spacy-cmner.LocalGlobalEmbed.v1",
    "spatial": False,
    "sequential": False,
    "use_global": False,
    "fusion": "concat",
}
GLYPHS = {**EMBED, "spatial": True, "image_size": 8, "channels": 64, "stride": 2}
BIGRAMS = {
    "@layers": "concatenate.v1",
    "*": {"characters": EMBED, "bigrams": {"@architectures": "spacy-cmner.BigramEmbed.v1"}},
}
BILSTM = {"@architectures": "spacy-cmner.BiLSTMEncoder.v1", "hidden_width": 16}
IDCNN = {"@architectures": "spacy-cmner.IdcnnEncoder.v1", "filters": 24}


def tok2vec(embed: dict, encode: dict = BILSTM) -> dict:
    return {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}


def over(architecture: str, characters: dict = EMBED, **settings) -> dict:
    name = f"spacy-cmner.{architecture}.v1"
    return {"@architectures": name, "characters": characters, **settings}


MODELS = {
    "bilstm": tok2vec(EMBED),
    "bilstm_bigram": tok2vec(BIGRAMS),
    "local_global": tok2vec(tiny.EMBED),
    "contextual": tok2vec(over("ContextualEmbed")),
    "contextual_narrow": tok2vec(over("ContextualEmbed", {**tiny.EMBED, "width": 12}, set_width=4)),
    "idcnn": tok2vec(EMBED, IDCNN),
    "idcnn_local_global": tok2vec(tiny.EMBED, IDCNN),
    "soft_lexicon": tok2vec(over("SoftLexiconEmbed")),
    "wc_lstm_shortest": over("WcLstm", hidden_width=16, strategy="shortest"),
    "wc_lstm_longest": over("WcLstm", hidden_width=16, strategy="longest"),
    "wc_lstm_average": over("WcLstm", hidden_width=16, strategy="average"),
    "wc_lstm_cnn": over("WcLstm", hidden_width=16, strategy="cnn"),
    "wc_lstm_attention": over("WcLstm", hidden_width=16, strategy="attention"),
    "lattice_lstm": over("LatticeLstm", hidden_width=16),
    "lattice_glyce": over("LatticeLstm", GLYPHS, hidden_width=16),
    "flat": over("Flat", n_heads=2, head_width=8),
    "flat_local_global": over("Flat", tiny.EMBED, n_heads=2, head_width=8, depth=2),
    "mect": over("Mect", n_heads=2, head_width=8, n_components=3, component_width=6),
    "lr_cnn": over("LrCnn", hidden_width=16),
    "lgn": over("Lgn", hidden_width=12, n_heads=2, head_width=6, iterations=2),
}
GOLD = [entities for _, entities in tiny.SENTENCES]
TEXTS = [text for text, _ in tiny.SENTENCES]
# The last but one has two words of the lexicon that begin with the same character.
ODD_TEXTS = ["", "痛", "🙂\x00\ufeffab 1" * 9, "心脏杂音", ""]


def blank(name: str) -> Language:
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    model = {"@architectures": "spacy-cmner.CrfTagger.v1", "tok2vec": MODELS[name]}
    nlp.add_pipe("cmner", config={"model": model})
    return nlp


@pytest.fixture(scope="module", params=MODELS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def nlp(name, resource_dir) -> Language:
    """A pipeline that has learnt the tiny texts by heart. Tests must not change it."""
    nlp = blank(name)
    optimizer = tiny.initialize(nlp, resource_dir)
    optimizer.learn_rate = 0.01
    tiny.learn(nlp, optimizer)
    return nlp


@pytest.fixture(scope="module")
def model(nlp):
    return nlp.get_pipe("cmner").model.get_ref("tok2vec")


@pytest.fixture(scope="module")
def docs(nlp):
    return [nlp.make_doc(text) for text in TEXTS + ODD_TEXTS]


def test_learns_by_heart(nlp):
    assert [tiny.entities(nlp(text)) for text in TEXTS] == GOLD
    assert [tiny.entities(doc) for doc in nlp.pipe(TEXTS)] == GOLD


def test_survives_saving(name, nlp, docs):
    again = blank(name).from_bytes(nlp.to_bytes())
    before, after = (each.get_pipe("cmner").model.predict(docs).dataXd for each in (nlp, again))
    np.testing.assert_array_equal(before, after)


def test_one_row_a_character_whatever_the_batch(model, docs):
    together = model.predict(docs)
    assert [rows.shape for rows in together] == [(len(doc), model.get_dim("nO")) for doc in docs]
    for doc, rows in zip(docs, together, strict=True):
        # Sums round by their largest terms, and some of these rows hold numbers above 100.
        precision = 1e-5 * max(1.0, abs(rows).max(initial=0.0))
        np.testing.assert_allclose(model.predict([doc])[0], rows, atol=precision)


def test_training_computes_what_use_does(model, docs):
    rows, _ = model.begin_update(docs)
    for trained, used in zip(rows, model.predict(docs), strict=True):
        np.testing.assert_allclose(trained, used, atol=1e-5)


def test_dropout_is_for_training_only(model, docs):
    expected = model.predict(docs).packed
    set_dropout_rate(model, 0.5)
    try:
        first, again = (model.begin_update(docs)[0].packed for _ in range(2))
        used = model.predict(docs).packed
    finally:
        set_dropout_rate(model, 0.0)
    np.testing.assert_array_equal(used, expected)
    for one, other in ((first, expected), (again, expected), (first, again)):
        assert (abs(one - other).max(axis=1) > 1e-4).mean() > 0.9  # of the characters


def test_compiled_it_finds_the_same(nlp, docs):
    compiled = compile_pipeline(nlp)
    pipes = [each.get_pipe("cmner").model for each in (nlp, compiled)]
    before, after = (pipe.predict(docs).dataXd for pipe in pipes)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
    assert [tiny.entities(doc) for doc in compiled.pipe(TEXTS)] == GOLD


def test_a_batch_of_empty_documents(nlp, model):
    rows, backprop = model.begin_update([nlp.make_doc(""), nlp.make_doc("")])
    assert [array.shape for array in rows] == [(0, model.get_dim("nO"))] * 2
    backprop(rows)


def test_every_parameter_receives_a_gradient(model, docs):
    rows, backprop = model.begin_update(docs)
    backprop([np.random.default_rng(0).normal(size=each.shape).astype("f") for each in rows])
    parameters = {
        f"{node.name}.{name}": parameter
        for node in model.walk()
        for shim in node.shims
        for name, parameter in shim.module.named_parameters()
    }
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.grad is None or not parameter.grad.abs().max() > 1e-8
    ]
    for parameter in parameters.values():
        parameter.grad = None
    assert not missing


def test_initialised_again_it_is_as_new(name, resource_dir):
    nlp = blank(name)
    emissions = []
    for steps in (0, 1, 0):
        optimizer = tiny.initialize(nlp, resource_dir)
        tiny.learn(nlp, optimizer, steps)
        docs = [nlp.make_doc(text) for text in TEXTS]
        emissions.append(nlp.get_pipe("cmner").model.predict(docs).dataXd)
    assert not np.array_equal(emissions[0], emissions[1])
    np.testing.assert_array_equal(emissions[0], emissions[2])
