"""All that joins thinc, torch and the CRF does on a device what it does on the host."""

import numpy as np
import pytest
import spacy
import test_architectures
import tiny
from device import current_device
from thinc.api import NumpyOps, set_current_ops
from thinc.model import Model

from spacy_cmner.models import crf_tagger
from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.models.ensemble import join_pipelines
from spacy_cmner.models.evidence import BIAS

TEXTS = [text for text, _ in tiny.SENTENCES] + ["", "🙂ab 1"]
CONTEXTUAL = {"@architectures": "spacy-cmner.ContextualEmbed.v1", "characters": tiny.EMBED}
BIGRAMS = {"@architectures": "spacy-cmner.BigramEmbed.v1"}
EMBED = {"@layers": "concatenate.v1", "*": {"characters": CONTEXTUAL, "bigrams": BIGRAMS}}
TOK2VEC = {**tiny.MODEL["tok2vec"], "embed": EMBED}
FUSED = {
    "@architectures": "spacy-cmner.TransformerLocalGlobal.v1",
    "transformer": {"@architectures": "spacy.Tok2VecListener.v1", "width": 32},
    "characters": tiny.EMBED,
}


@pytest.fixture
def device(monkeypatch):
    with current_device(monkeypatch) as ops:
        yield ops


def blank(**tagger):
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary", config={"target": "hits"})
    model = {**tiny.MODEL, "tok2vec": TOK2VEC, "evidence": ["sym", "list"], **tagger}
    if "tok2vec" in tagger:
        nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("cmner", config={"model": model, "evidence_key": "hits", "scores": True})
    return nlp


def learn(nlp, resource_dir):
    nlp.config["initialize"]["components"]["tok2vec"] = {}
    optimizer = tiny.initialize(nlp, resource_dir)
    nlp.get_pipe("cmner_dictionary").add_terms([("头晕", "sym"), ("无", "list")])
    for _ in range(8):
        nlp.update(tiny.examples(nlp), sgd=optimizer, annotates=["cmner_dictionary"])
    return optimizer


def use(nlp, optimizer) -> list:
    """The findings, by all ways in which there are any."""
    found = [show(nlp)]
    with nlp.use_params(optimizer.averages):
        found.append(show(nlp))
        found.append(show(blank_like(nlp).from_bytes(nlp.to_bytes())))
    recogniser = nlp.get_pipe("cmner")
    if not crf_tagger.listens(recogniser.model):
        doc = nlp.get_pipe("cmner_dictionary")(nlp.make_doc(TEXTS[3]))
        found += [[r.log_probability for r in recogniser.kbest(doc, 5)]]
        resumed = nlp.resume_training()
        nlp.update(tiny.examples(nlp), sgd=resumed, annotates=["cmner_dictionary"])
        losses = nlp.rehearse(tiny.examples(nlp), sgd=resumed)
        found += [losses["cmner"], show(compile_pipeline(nlp)), show(join_pipelines([nlp, nlp]))]
    recogniser.decoding, recogniser.threshold = "marginal", 0.3
    found.append(show(nlp))
    recogniser.add_label("new")
    found.append(show(nlp))
    return found


def blank_like(nlp):
    return spacy.util.load_model_from_config(nlp.config)


def show(nlp) -> list:
    return [tiny.findings(doc) for doc in nlp.pipe(TEXTS)]


def split(value) -> tuple[list, list]:
    """All that is nested in a value: numbers, which may differ in their last digits, and the
    rest."""
    if isinstance(value, list | tuple):
        parts = [split(each) for each in value]
        return [n for part in parts for n in part[0]], [r for part in parts for r in part[1]]
    return ([value], []) if isinstance(value, float) else ([], [value])


@pytest.mark.parametrize("tagger, crf_from", [({}, 0), ({"tok2vec": FUSED}, 8192)])
def test_the_same_as_on_the_host(request, monkeypatch, resource_dir, tagger, crf_from):
    """With the CRF on the device, and on the host as for few characters."""
    host = blank(**tagger)
    numbers, rest = split(use(host, learn(host, resource_dir)))
    ops = request.getfixturevalue("device")
    monkeypatch.setattr(crf_tagger, "GPU_MIN_CHARACTERS", crf_from)
    nlp = blank(**tagger)
    found = split(use(nlp, learn(nlp, resource_dir)))
    assert "sym" in rest and found == (pytest.approx(numbers, rel=1e-3), rest)
    assert_on(ops, nlp.get_pipe("cmner").model)


def assert_on(ops, model: Model) -> None:
    for node in model.walk():
        for name in node.param_names:
            assert isinstance(node.get_param(name), ops.xp.ndarray), (node.name, name)


def test_a_label_added_where_another_device_is_current(device, resource_dir):
    """As in another thread, for which thinc knows of no GPU."""
    nlp = blank()
    learn(nlp, resource_dir)
    set_current_ops(NumpyOps())
    recogniser = nlp.get_pipe("cmner")
    recogniser.add_label("new")
    assert_on(device, recogniser.model)
    assert recogniser.model.get_ref("evidence").get_param(BIAS).shape == (8, 17)
    show(nlp)


@pytest.mark.parametrize("name", test_architectures.MODELS)
def test_each_architecture(name, device, resource_dir):
    """Learns there, and finds the same on the host."""
    nlp = test_architectures.blank(name)
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir), 2)
    docs = [nlp.make_doc(text) for text in TEXTS]
    found = [emissions(each, docs) for each in (nlp, compile_pipeline(nlp))]
    saved = nlp.to_bytes()
    set_current_ops(NumpyOps())
    host = test_architectures.blank(name).from_bytes(saved)
    for each in found:
        np.testing.assert_allclose(each, emissions(host, docs), rtol=1e-4, atol=1e-4)


def emissions(nlp, docs) -> np.ndarray:
    model = nlp.get_pipe("cmner").model
    return model.ops.to_numpy(model.predict(docs).dataXd)
