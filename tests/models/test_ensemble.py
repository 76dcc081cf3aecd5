"""Joined recognisers score a tag sequence by the mean of the scores that each gives it."""

import numpy as np
import pytest
import spacy
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli
from spacy_cmner.errors import CmnerError
from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.models.crf_tagger import TRANSITIONS
from spacy_cmner.models.ensemble import join_pipelines
from spacy_cmner.tokenizer import char_doc

IDCNN = {
    **tiny.MODEL["tok2vec"],
    "encode": {"@architectures": "spacy-cmner.IdcnnEncoder.v1", "filters": 16},
}


def train(resource_dir, steps, sentences=tiny.SENTENCES, **settings):
    nlp = tiny.blank(**settings)
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir, sentences), steps, sentences)
    return nlp


@pytest.fixture(scope="module")
def other(resource_dir):
    """A recogniser with another encoder, of another width."""
    return train(resource_dir, 20, model={**tiny.MODEL, "tok2vec": IDCNN})


@pytest.fixture(scope="module")
def joined(trained, other):
    return join_pipelines([trained, other])


def model_of(nlp):
    return nlp.get_pipe("cmner").model


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(tiny.texts(), min_size=1, max_size=4))
def test_scores_are_the_means(trained, other, joined, texts):
    docs = [char_doc(joined.vocab, text) for text in texts]
    emissions = [model_of(nlp).predict(docs).dataXd for nlp in (trained, other, joined)]
    assert emissions[2].shape == (sum(map(len, docs)), 13)
    if len(emissions[2]):
        np.testing.assert_allclose(emissions[2], (emissions[0] + emissions[1]) / 2, atol=1e-4)


def test_moves_are_the_means(trained, other, joined):
    for name in TRANSITIONS:
        moves = [
            model_of(nlp).get_ref("transitions").get_param(name) for nlp in (trained, other, joined)
        ]
        np.testing.assert_allclose(moves[2], (moves[0] + moves[1]) / 2, rtol=1e-6)


def test_weights_are_those_of_the_scores(trained, other):
    joined = join_pipelines([trained, other], weights=[3, 1])
    assert "pipeline 0.0.0 (75%), pipeline 0.0.0 (25%)" in joined.meta["description"]
    docs = [char_doc(joined.vocab, text) for text, _ in tiny.SENTENCES]
    first, second, found = (model_of(nlp).predict(docs).dataXd for nlp in (trained, other, joined))
    np.testing.assert_allclose(found, 0.75 * first + 0.25 * second, atol=1e-4)
    for name in TRANSITIONS:
        first, second, found = (
            model_of(nlp).get_ref("transitions").get_param(name) for nlp in (trained, other, joined)
        )
        np.testing.assert_allclose(found, 0.75 * first + 0.25 * second, rtol=1e-5)


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [1, 0], [1, -1], [1, np.nan], [np.inf, 1]])
def test_weights_that_do_not_fit_are_refused(trained, other, weights):
    with pytest.raises(CmnerError, match=r"CM334.*2 pipelines"):
        join_pipelines([trained, other], weights=weights)


def test_twice_the_same_is_the_same(trained, fresh):
    before = trained.to_bytes()
    twice = join_pipelines([trained, fresh])
    for text, _ in tiny.SENTENCES:
        for nlp in (trained, twice):
            nlp.get_pipe("cmner").scores = True
        alone, both = trained(text), twice(text)
        assert tiny.entities(both) == tiny.entities(alone)
        assert [e._.cmner_score for e in both.ents] == pytest.approx(
            [e._.cmner_score for e in alone.ents]
        )
    trained.get_pipe("cmner").scores = False
    assert trained.to_bytes() == before


def test_saved_compiled_and_in_batches(joined, tmp_path):
    texts = [text for text, _ in tiny.SENTENCES] + ["", "𠮷A\n", "右肺" * 400]
    expected = [tiny.entities(joined(text)) for text in texts]
    assert sum(map(len, expected[:6])) == sum(len(ents) for _, ents in tiny.SENTENCES)
    joined.to_disk(tmp_path)
    for nlp in (joined, spacy.load(tmp_path), compile_pipeline(joined)):
        assert [tiny.entities(doc) for doc in nlp.pipe(texts)] == expected


def test_more_than_two_and_trained_further(trained, other, fresh):
    nlp = join_pipelines([trained, other, fresh])
    batch = tiny.examples(nlp, [("患者心脏无杂音。", [(2, 4, "sym")])])
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    losses = [nlp.update(batch, sgd=optimizer)["cmner"] for _ in range(30)]
    assert losses[-1] < losses[0] / 10
    assert tiny.entities(nlp("患者心脏无杂音。")) == [(2, 4, "sym")]


def test_other_components_are_those_of_the_first(hybrid, other):
    nlp = join_pipelines([hybrid, other])
    assert nlp.pipe_names == hybrid.pipe_names
    assert nlp.get_pipe("cmner").scores
    assert "头晕" in [ent.text for ent in nlp("无头晕。").ents]
    for name in ("cmner_dictionary", "cmner_assertion"):
        assert nlp.get_pipe(name).to_bytes() == hybrid.get_pipe(name).to_bytes()


def test_learned_evidence_is_averaged(resource_dir):
    model = {**tiny.MODEL, "evidence": ["sym", "list"]}
    members = [train(resource_dir, 0, model=model, evidence_key="hits") for _ in range(2)]
    rng = np.random.default_rng(0)
    biases = [rng.normal(size=(8, 13)).astype("float32") for _ in members]
    for nlp, bias in zip(members, biases, strict=True):
        model_of(nlp).get_ref("evidence").set_param("bias", bias)
    found = model_of(join_pipelines(members)).get_ref("evidence")
    np.testing.assert_allclose(found.get_param("bias"), (biases[0] + biases[1]) / 2, rtol=1e-6)
    assert found.attrs["labels"] == ["sym", "list"]
    with pytest.raises(CmnerError, match=r"CM323.*evidence.*sym, list.*none"):
        join_pipelines([members[0], train(resource_dir, 1)])


def test_other_labels_are_refused(trained, resource_dir):
    fewer = [(text, [e for e in ents if e[2] != "dru"]) for text, ents in tiny.SENTENCES]
    with pytest.raises(CmnerError, match=r"CM323.*labels.*bod, dru, sym.*bod, sym"):
        join_pipelines([trained, train(resource_dir, 1, fewer)])


def test_a_pipeline_without_the_component_is_refused(trained):
    nlp = spacy.blank("zh")
    other = spacy.blank("zh")
    other.add_pipe("sentencizer", name="cmner")
    for each in (nlp, other, tiny.blank()):
        with pytest.raises(CmnerError, match=r"CM328.*'cmner'"):
            join_pipelines([trained, each])


def test_a_listener_is_refused(trained):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("cmner", config={"model": {**tiny.MODEL, "tok2vec": listener}}).add_label("sym")
    with pytest.raises(CmnerError, match=r"CM324.*'cmner'"):
        join_pipelines([nlp, trained])


def test_the_command(trained, other, tmp_path):
    trained.to_disk(tmp_path / "a")
    other.to_disk(tmp_path / "b")
    out = tmp_path / "both"
    models = [str(tmp_path / name) for name in "ab"]
    result = CliRunner().invoke(cmner_cli, ["join", *models, "--output", str(out)])
    assert result.exit_code == 0, result.output
    text, entities = tiny.SENTENCES[0]
    assert tiny.entities(spacy.load(out)(text)) == entities
    weighted = ["join", *models, "--output", str(tmp_path / "weighted"), "--weights"]
    assert CliRunner().invoke(cmner_cli, [*weighted, "3, 1"]).exit_code == 0
    expected = join_pipelines([trained, other], weights=[3, 1]).get_pipe("cmner").model
    found = model_of(spacy.load(tmp_path / "weighted"))
    assert found.get_ref("output_layer").to_bytes() == expected.get_ref("output_layer").to_bytes()
    for wrong, message in {
        "1": "CM334",
        "3,x": "is no number",
        ",": "is no number",
        "3,,1": "no num",
    }.items():
        result = CliRunner().invoke(cmner_cli, [*weighted, wrong])
        assert result.exit_code and message in result.output
    result = CliRunner().invoke(cmner_cli, ["join", models[0], "--output", str(tmp_path / "c")])
    assert result.exit_code == 1 and "CM327" in result.output
    assert not (tmp_path / "c").exists()
    result = CliRunner().invoke(cmner_cli, ["join", *models, "--output", models[1]])
    assert result.exit_code == 1 and "CM509" in result.output
    assert tiny.entities(spacy.load(models[1])(text)) == tiny.entities(other(text))


def test_a_joined_pipeline_can_be_joined_again(trained, other, joined):
    before = [nlp.to_bytes() for nlp in (joined, trained)]
    twice = join_pipelines([joined, trained])
    assert [nlp.to_bytes() for nlp in (joined, trained)] == before
    docs = [char_doc(joined.vocab, text) for text, _ in tiny.SENTENCES]
    emissions = [model_of(nlp).predict(docs).dataXd for nlp in (joined, trained, twice)]
    np.testing.assert_allclose(emissions[2], (emissions[0] + emissions[1]) / 2, atol=1e-4)


def test_the_scores_of_one_are_not_those_of_all(trained, other):
    trained.meta["performance"] = {"ents_f": 0.9}
    joined = join_pipelines([trained, other])
    assert (joined.meta["performance"], joined.meta["name"]) == ({}, "pipeline_joined")
    assert trained.meta.pop("performance") == {"ents_f": 0.9}
