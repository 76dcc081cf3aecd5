"""The glue: torch modules as thinc layers inside spaCy models."""

import numpy as np
import pytest
import spacy
import tiny
import torch
from spacy import registry
from spacy.ml.models.multi_task import build_masked_language_model
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam, set_dropout_rate

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.bilstm import build_bilstm_encoder
from spacy_cmner.models.local_global import build_local_global_embed
from spacy_cmner.resources.bundle import Resources
from spacy_cmner.tokenizer import char_doc

SMALL_WEIGHT = 0.03  # of the reconstruction, other than the default
SMALL = {name: value for name, value in tiny.EMBED.items() if name[0] != "@"}


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("zh", config=tiny.CHARACTERS)


@pytest.fixture
def embed(resources):
    model = build_local_global_embed(**SMALL)
    model.attrs["resources"] = resources
    model.initialize()
    return model


@pytest.fixture
def docs(nlp):
    return [nlp.make_doc(text) for text in ("右肺疼痛", "", "无😀咳嗽，无发热")]


def test_one_row_a_character(embed, docs):
    rows = embed.predict(docs)
    assert [array.shape for array in rows] == [(len(doc), embed.get_dim("nO")) for doc in docs]
    np.testing.assert_array_equal(rows[2][0], rows[2][5])
    assert not np.array_equal(rows[0][0], rows[0][1])


def test_the_reconstruction_loss_is_reported_and_its_weighted_gradient_passed(embed, docs):
    """How it develops in training is the model's affair; here it only has to arrive."""
    module = embed.shims[0].module
    codes = torch.tensor([ord(char) for doc in docs for char in doc.text])
    _, error = module(codes)
    (SMALL_WEIGHT * error).sum().backward()
    expected = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
    module.zero_grad(set_to_none=True)
    embed.attrs["reconstruction_weight"] = SMALL_WEIGHT
    rows, backprop = embed.begin_update(docs)
    backprop([np.zeros_like(array) for array in rows])
    assert embed.attrs["auxiliary_losses"]["reconstruction"] == pytest.approx(error.item())
    for name, gradient in expected.items():
        torch.testing.assert_close(module.get_parameter(name).grad, gradient)
    assert any(gradient.any() for gradient in expected.values())


def test_without_the_autoencoder_there_is_no_auxiliary_loss(resources, docs):
    model = build_local_global_embed(**{**SMALL, "fusion": "concat"})
    model.attrs["resources"] = resources
    model.initialize()
    rows, backprop = model.begin_update(docs)
    backprop(rows)
    assert model.attrs["auxiliary_losses"] == {}


def test_a_frozen_table_can_be_in_an_update(resources, docs):
    """The global representation alone has nothing to train."""
    switches = {"char2vec": False, "spatial": False, "sequential": False}
    model = build_local_global_embed(**{**SMALL, **switches})
    model.attrs["resources"] = resources
    model.initialize()
    rows, backprop = model.begin_update(docs)
    assert backprop(rows) == []
    model.finish_update(Adam(0.01))


def test_a_batch_of_empty_documents_leaves_finite_weights(resources, nlp):
    embed = build_local_global_embed(**SMALL)
    embed.attrs["resources"] = resources
    encode = build_bilstm_encoder(hidden_width=3)
    model = registry.architectures.get("spacy.Tok2Vec.v2")(embed, encode)
    model.initialize(X=[nlp.make_doc("右肺")])
    rows, backprop = model.begin_update([nlp.make_doc(""), nlp.make_doc("")])
    assert [array.shape for array in rows] == [(0, 6), (0, 6)]
    backprop(rows)
    model.finish_update(Adam(0.01))
    assert np.isfinite(model.predict([nlp.make_doc("右肺")])[0]).all()


def test_tokens_of_several_characters_are_refused(embed, nlp):
    words = spacy.blank("en").make_doc("lung pain")
    with pytest.raises(CmnerError, match=r"CM316.*char_tokenizer"):
        embed.predict([words])


def test_pretraining_which_puts_a_word_in_the_place_of_characters_is_refused(embed, nlp):
    masked = build_masked_language_model(nlp.vocab, embed, mask_prob=0.9)
    with pytest.raises(CmnerError, match=r"CM316.*\[MASK\].*spacy pretrain"):
        masked.predict([nlp.make_doc("右肺疼痛" * 20)])


def test_a_layer_without_weights_says_so(nlp):
    with pytest.raises(CmnerError, match=r"CM311.*LocalGlobal"):
        build_local_global_embed().predict([nlp.make_doc("肺")])


def test_impossible_settings():
    with pytest.raises(CmnerError, match="CM314"):
        build_local_global_embed(False, False, False, False)
    with pytest.raises(CmnerError, match=r"CM315.*100"):
        build_local_global_embed(channels=100)
    build_local_global_embed(spatial=False, channels=100)


def test_vectors_of_no_character_are_refused(resource_dir):
    paths = tiny.resource_paths(resource_dir)
    model = build_local_global_embed(**SMALL)
    model.attrs["resources"] = Resources(**paths | {"vectors": paths["bigrams"]})
    with pytest.raises(CmnerError, match=r"CM337.*words of the character vectors"):
        model.initialize()


def test_initialising_again_starts_anew(embed, resources, docs):
    before = embed.predict(docs)[0]
    rows, backprop = embed.begin_update(docs)
    backprop(rows)
    embed.finish_update(Adam(0.1))
    learnt = embed.predict(docs)[0]
    embed.attrs["resources"] = resources
    embed.initialize()
    assert "resources" not in embed.attrs
    assert not np.allclose(embed.predict(docs)[0], learnt)
    assert embed.predict(docs)[0].shape == before.shape


def test_the_dropout_rate_reaches_the_encoder():
    model = build_bilstm_encoder(hidden_width=8)
    inputs = [np.ones((40, 5), dtype="float32")]
    model.initialize(X=inputs)
    set_dropout_rate(model, 0.5)
    trained, _ = model.begin_update(inputs)
    assert (trained[0] == 0).any()
    assert not (model.predict(inputs)[0] == 0).any()
    set_dropout_rate(model, 0.0)
    np.testing.assert_allclose(
        model.begin_update(inputs)[0][0], model.predict(inputs)[0], atol=1e-6
    )


def test_the_encoder_passes_the_gradient_of_its_input():
    model = build_bilstm_encoder(hidden_width=2, depth=2)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(n, 3)).astype("float32") for n in (4, 0, 2)]
    model.initialize(X=inputs)
    outputs, backprop = model.begin_update(inputs)
    d_inputs = backprop([np.ones_like(y) for y in outputs])
    assert [d.shape for d in d_inputs] == [x.shape for x in inputs]
    for i, *place in ((0, 1, 2), (2, 0, 1)):
        sums = []
        for shift in (1e-2, -1e-2):
            shifted = [x.copy() for x in inputs]
            shifted[i][tuple(place)] += shift
            sums.append(sum(float(y.sum()) for y in model.predict(shifted)))
        slope = (sums[0] - sums[1]) / 2e-2
        assert d_inputs[i][tuple(place)] == pytest.approx(slope, rel=0.01, abs=1e-3)


def test_our_representation_feeds_the_recogniser_of_spacy(resource_dir):
    """Any spaCy component can use our embedding."""
    fix_random_seed(0)
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 16,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": tiny.MODEL["tok2vec"],
    }
    pipe = nlp.add_pipe("ner", config={"model": model})
    embedding = next(n for n in pipe.model.walk() if n.name == "local_global_embed")
    embedding.attrs["resources"] = tiny.bundle(resource_dir)
    batch = tiny.examples(nlp)
    optimizer = nlp.initialize(lambda: batch)
    optimizer.learn_rate = 0.01
    empty = Example.from_dict(nlp.make_doc(""), {"entities": []})
    before = embedding.shims[0].module.char2vec.weight.detach().clone()
    losses = [nlp.update([*batch, empty], sgd=optimizer)["ner"] for _ in range(120)]
    # The parser follows its own predictions, so its loss jumps: only the mean says something.
    assert np.mean(losses[-20:]) < 0.5 * losses[0]
    after = embedding.shims[0].module.char2vec.weight.detach()
    assert torch.isfinite(after).all() and not torch.allclose(after, before, atol=1e-2)


def test_rows_do_not_depend_on_the_vocabulary_of_the_documents(embed, nlp):
    other = spacy.blank("zh")
    rows = embed.predict([char_doc(other.vocab, "右肺疼痛")])
    np.testing.assert_array_equal(rows[0], embed.predict([nlp.make_doc("右肺疼痛")])[0])
