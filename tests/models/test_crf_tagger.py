import numpy as np
import pytest
import spacy
import tiny
from spacy import registry
from thinc.api import Adam, Ragged

from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.models.crf_tagger import (
    build_crf_tagger,
    decode,
    decode_kbest,
    loss_and_gradient,
    resize_output,
    scale_scores,
)

SCHEME = TagScheme(tiny.LABELS)
TEXTS = ["右肺疼痛", "", "无咳嗽"]
GOLD = [[(0, 2, "bod"), (2, 4, "sym")], [], [(1, 3, "sym")]]


@pytest.fixture(scope="module")
def docs():
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    return [nlp.make_doc(text) for text in TEXTS]


def build(docs, n_tags: int = SCHEME.n_tags):
    """A tagger over spaCy's own embedding: any encoder fits."""
    tok2vec = registry.architectures.get("spacy.HashEmbedCNN.v2")(
        width=8,
        depth=1,
        embed_size=50,
        window_size=1,
        maxout_pieces=2,
        subword_features=False,
        pretrained_vectors=None,
    )
    model = build_crf_tagger(tok2vec, n_tags)
    model.initialize(X=docs)
    rng = np.random.default_rng(0)
    crf = model.get_ref("transitions")
    for node, name in ((crf, "transitions"), (crf, "start"), (crf, "end"), (model.layers[1], "b")):
        shape = node.get_param(name).shape
        node.set_param(name, rng.normal(size=shape).astype("float32"))
    return model


def allowed() -> np.ndarray:
    return np.concatenate(
        [SCHEME.encode(len(text), spans) for text, spans in zip(TEXTS, GOLD, strict=True)]
    )


def test_emissions_are_one_row_a_character(docs):
    emissions = build(docs).predict(docs)
    assert emissions.dataXd.shape == (7, 13)
    assert emissions.lengths.tolist() == [4, 0, 3]


def test_gradients_are_those_of_the_loss(docs):
    model = build(docs)
    emissions, _ = model.begin_update(docs)
    loss, d_emissions = loss_and_gradient(model, emissions, SCHEME, allowed())

    def shifted(array: np.ndarray, place: tuple) -> float:
        array[place] += 1e-2
        result = loss_and_gradient(model, emissions, SCHEME, allowed())[0]
        array[place] -= 1e-2
        return (result - loss) / 1e-2

    crf = model.get_ref("transitions")
    gradients = {name: crf.get_grad(name).copy() for name in ("transitions", "start", "end")}
    for place in ((0, 1), (3, 12), (6, 0)):
        slope = shifted(emissions.dataXd, place)
        assert d_emissions.dataXd[place] == pytest.approx(slope, rel=0.05, abs=1e-3)
    for name, place in (("transitions", (1, 3)), ("start", (0,)), ("end", (11,))):
        slope = shifted(crf.get_param(name), place)
        assert gradients[name][place] == pytest.approx(slope, rel=0.05, abs=1e-3)


def test_decoded_tags_obey_what_is_allowed(docs):
    model = build(docs)
    emissions = model.predict(docs)
    tags = decode(model, emissions, SCHEME, allowed())
    assert [span[:2] for span in SCHEME.decode(tags)] == [(0, 2), (2, 4), (5, 7)]
    free = decode(model, emissions, SCHEME)
    assert SCHEME.decode(free) != SCHEME.decode(tags)


def test_no_reading_is_more_than_certain(docs):
    model, rng = build(docs), np.random.default_rng(0)
    for _ in range(50):
        scores = (rng.normal(size=(7, SCHEME.n_tags)) * 8).astype("float32")
        emissions = Ragged(scores, np.array([4, 0, 3], dtype="int32"))
        for [(_, log_probability)] in decode_kbest(model, emissions, SCHEME, 1, allowed()):
            assert -1e-5 < log_probability <= 0.0


def test_resizing_keeps_what_was_learnt(docs):
    model = build(docs)
    before = model.predict(docs)
    transitions = model.get_ref("transitions").get_param("transitions").copy()
    resize_output(model, 17)
    after = model.predict(docs)
    np.testing.assert_array_equal(after.dataXd[:, :13], before.dataXd)
    crf = model.get_ref("transitions")
    np.testing.assert_array_equal(crf.get_param("transitions")[:13, :13], transitions)
    assert model.get_dim("nO") == 17
    assert crf.get_param("start").shape == crf.get_param("end").shape == (17,)
    assert (after.dataXd[:, 13:] < after.dataXd[:, :13].min()).all()


def test_scores_are_scaled_after_resizing(docs):
    model = build(docs)
    resize_output(model, 17)
    before = model.predict(docs).dataXd
    scale_scores(model, 2.0)
    np.testing.assert_allclose(model.predict(docs).dataXd, 2 * before, rtol=1e-5)


def test_training_goes_on_with_the_same_optimizer_after_resizing(docs):
    model, optimizer = build(docs), Adam(0.01, use_averages=True)
    for n_tags in (13, 17):
        resize_output(model, n_tags)
        scheme = TagScheme([*tiny.LABELS, "new"][: n_tags // 4])
        gold = np.concatenate([scheme.encode(len(doc), []) for doc in docs])
        losses = []
        for _ in range(20):
            emissions, backprop = model.begin_update(docs)
            loss, gradient = loss_and_gradient(model, emissions, scheme, gold)
            backprop(gradient)
            model.finish_update(optimizer)
            losses.append(loss)
        assert losses[-1] < losses[0]
    with model.use_params(optimizer.averages):
        assert model.predict(docs).dataXd.shape == (7, 17)


def test_resizing_before_initialisation_sets_the_size(docs):
    model = build_crf_tagger(build(docs).layers[0])
    resize_output(model, 13)
    resize_output(model, 17)
    model.initialize(X=docs)
    assert model.predict(docs).dataXd.shape == (7, 17)


def test_no_sequences(docs):
    model = build(docs)
    emissions = Ragged(np.zeros((0, 13), dtype="float32"), np.zeros(0, dtype="int32"))
    loss, gradient = loss_and_gradient(model, emissions, SCHEME, np.zeros((0, 13), dtype=bool))
    assert loss == 0.0 and gradient.dataXd.shape == (0, 13)
    assert len(decode(model, emissions, SCHEME)) == 0
