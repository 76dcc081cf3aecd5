"""The BiLSTM run by ONNX Runtime: the same arithmetic, or bytes that come near to it."""

import multiprocessing
import pickle
import sys

import numpy as np
import pytest
import spacy
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import NumpyOps

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.bilstm import build_bilstm_encoder
from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.models.onnx_bilstm import build_onnx_bilstm_encoder, compile_bilstm

WIDTH = 7
BOUND = 4.0
TEXTS = [text for text, _ in tiny.SENTENCES]


def rows_of(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, WIDTH)).astype("float32") for length in lengths]


@pytest.fixture(scope="module", params=[1, 2])
def encoder(request):
    return build_bilstm_encoder(hidden_width=6, depth=request.param).initialize(X=rows_of([3]))


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(0, 40), max_size=30))
def test_the_same_arithmetic(encoder, lengths):
    rows = rows_of(lengths)
    compiled = compile_bilstm(encoder)
    for ours, trained in zip(compiled.predict(rows), encoder.predict(rows), strict=True):
        np.testing.assert_allclose(ours, trained, atol=1e-5)


def test_rows_are_arrays_of_the_models_library(encoder):
    """As on a GPU, where the graph still runs on the CPU."""

    class Elsewhere(np.ndarray):
        pass

    class OtherOps(NumpyOps):
        def asarray(self, data, dtype=None):
            return np.asarray(data, dtype).view(Elsewhere)

    compiled = compile_bilstm(encoder)
    compiled.ops = OtherOps()
    rows = compiled.predict(rows_of([3, 0]))
    assert all(isinstance(array, Elsewhere) for array in (*rows, rows.packed))


def test_bytes_come_near_to_it(encoder):
    rows = rows_of([12, 3, 0, 40])
    exact, compiled = compile_bilstm(encoder), compile_bilstm(encoder, BOUND)
    for ours, trained in zip(compiled.predict(rows), exact.predict(rows), strict=True):
        assert ours.shape == trained.shape
        np.testing.assert_allclose(ours, trained, atol=0.05)
    assert not np.array_equal(compiled.predict(rows)[3], exact.predict(rows)[3])


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(0, 40), max_size=30),
    scale=st.floats(0, 100),
    seed=st.integers(0, 9),
)
def test_in_bytes_a_sequence_is_the_same_alone_and_in_any_batch(encoder, lengths, scale, seed):
    rows = [scale * each for each in rows_of(lengths, seed)]
    compiled = compile_bilstm(encoder, BOUND)
    together = [each.copy() for each in compiled.predict(rows)]
    for each, encoded in zip(rows, together, strict=True):
        np.testing.assert_array_equal(compiled.predict([each])[0], encoded)


def test_inputs_beyond_the_bound_are_cut(encoder):
    compiled = compile_bilstm(encoder, BOUND)
    (rows,) = rows_of([12])
    (cut,) = compiled.predict([(9 * rows).clip(-BOUND, BOUND)])
    np.testing.assert_array_equal(compiled.predict([9 * rows])[0], cut)


@pytest.fixture(scope="module", params=["float32", "int8"])
def compiled(request, trained):
    return compile_pipeline(trained, precision=request.param, runtime="onnx")


def test_same_entities_saved_and_loaded(trained, compiled, tmp_path):
    expected = [tiny.entities(doc) for doc in trained.pipe(TEXTS)]
    compiled.to_disk(tmp_path)
    for nlp in (compiled, spacy.load(tmp_path), pickle.loads(pickle.dumps(compiled))):
        assert [tiny.entities(doc) for doc in nlp.pipe(TEXTS)] == expected
    assert len(nlp("").ents) == 0
    encode = nlp.config["components"]["cmner"]["model"]["tok2vec"]["encode"]
    assert encode == {"@architectures": "spacy-cmner.OnnxBiLSTMEncoder.v1"}


def test_a_model_without_tables_has_its_bilstm_compiled(resource_dir):
    embed = {"@architectures": "spacy-cmner.BigramEmbed.v1"}
    model = {**tiny.MODEL, "tok2vec": {**tiny.MODEL["tok2vec"], "embed": embed}}
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner", config={"model": model})
    tiny.initialize(nlp, resource_dir)
    with pytest.raises(CmnerError, match="CM318"):
        compile_pipeline(nlp)
    compiled = compile_pipeline(nlp, runtime="onnx")
    docs = [nlp.make_doc(text) for text in TEXTS]
    ours, trained = (each.get_pipe("cmner").model.predict(docs).dataXd for each in (compiled, nlp))
    np.testing.assert_allclose(ours, trained, atol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_fork_makes_its_own_session(trained, compiled, monkeypatch):
    compiled(TEXTS[0])  # the parent's session has threads, which a fork does not inherit
    expected = [tiny.entities(doc) for doc in trained.pipe(TEXTS)]
    monkeypatch.setattr("spacy.language.mp", multiprocessing.get_context("fork"))
    assert [tiny.entities(doc) for doc in compiled.pipe(TEXTS, n_process=2)] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_fork_does_not_wait_for_threads_of_its_parent(encoder, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    rows = rows_of([9, 4])
    compiled = compile_bilstm(encoder)
    compiled.predict(rows)
    fork = multiprocessing.get_context("fork").Process(target=compiled.predict, args=(rows,))
    fork.start()
    try:
        fork.join(timeout=20)
        assert fork.exitcode == 0
    finally:
        fork.kill()


def test_it_cannot_be_trained_or_initialised(compiled):
    with pytest.raises(CmnerError, match="CM322"):
        tiny.learn(compiled, compiled.resume_training(), steps=1)
    with pytest.raises(CmnerError, match=r"CM317.*onnx_bilstm_encoder"):
        build_onnx_bilstm_encoder().initialize()


@settings(max_examples=50)
@given(place=st.integers(0), value=st.integers(0, 255))
def test_a_damaged_graph(encoder, place, value):
    saved = compile_bilstm(encoder).shims[0].to_bytes()
    place %= len(saved)
    damaged = saved[:place] + bytes([value]) + saved[place + 1 :]
    shim = build_onnx_bilstm_encoder().shims[0]
    if damaged == saved:
        shim.from_bytes(damaged)
    else:
        with pytest.raises(CmnerError, match="CM321"):
            shim.from_bytes(damaged)


def test_a_graph_that_is_none():
    shim = build_onnx_bilstm_encoder().shims[0]
    shim.set_graph(b"no graph")
    with pytest.raises(CmnerError, match="CM321"):
        shim.session  # noqa: B018


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(encoder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CmnerError, match=rf"CM320.* {package}.*spacy-cmner\[onnx\]"):
        compile_bilstm(encoder, BOUND).predict(rows_of([3]))
