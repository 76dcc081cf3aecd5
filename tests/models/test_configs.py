"""Every shipped config as it stands, its widths included, over the small resources.

Those that need a pretrained transformer have their tests in ``test_transformer``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from spacy.language import Language
from spacy.util import load_config, load_model_from_config, registry

CONFIGS = [
    path
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.cfg"))
    if load_config(path)["nlp"]["pipeline"] == ["cmner"]
]
SHORT = ["", "无发热。", "🙂\ufeffCT 3", "心脏无杂音"]
LONG = "患者右肺疼痛三天，服用阿莫西林后咳嗽减轻。" * 50


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda path: path.stem)
def config(request) -> dict[str, Any]:
    return load_config(request.param)


@pytest.fixture(scope="module")
def nlp(config, resource_dir) -> Language:
    nlp = load_model_from_config(config, auto_fill=True)
    tiny.initialize(nlp, resource_dir)
    return nlp


def test_what_a_config_leaves_out_is_as_the_architecture_has_it(config, nlp):
    """And not as the default model of the component has it, with which spaCy fills gaps first."""
    model = config["components"]["cmner"]["model"]
    assert nlp.config["components"]["cmner"]["model"] == registry.fill({"model": model})["model"]


def test_a_sentence_reads_the_same_alone_and_in_a_batch(nlp):
    tok2vec = nlp.get_pipe("cmner").model.get_ref("tok2vec")
    docs = [nlp.make_doc(text) for text in [*SHORT, LONG]]
    assert len(docs[-1]) > 1000
    for doc, rows in zip(docs, tok2vec.predict(docs), strict=True):
        assert rows.shape == (len(doc), tok2vec.get_dim("nO"))
        np.testing.assert_allclose(tok2vec.predict([doc])[0], rows, atol=1e-4)


def test_a_long_sentence_is_learnt_from_to_its_end(nlp):
    tok2vec = nlp.get_pipe("cmner").model.get_ref("tok2vec")
    doc = nlp.make_doc(LONG)
    (rows,), backprop = tok2vec.begin_update([doc])
    gradient = np.zeros_like(rows)
    gradient[-1] = np.arange(rows.shape[1])
    backprop([gradient])
    received = [
        parameter.grad.abs().max()
        for node in tok2vec.walk()
        for shim in node.shims
        for parameter in shim.module.parameters()
        if parameter.grad is not None
    ]
    assert 0 < max(received) < np.inf
