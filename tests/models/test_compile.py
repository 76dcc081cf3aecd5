"""A compiled pipeline finds what the trained one finds."""

import pytest
import spacy
import tiny
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thinc.api import Config

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.char_table import build_char_table_embed
from spacy_cmner.models.compile import compile_embed, compile_pipeline, find_compilable
from spacy_cmner.tokenizer import char_doc

CHARACTERS = sorted({char for text, _ in tiny.SENTENCES for char in text})
UNKNOWN = "A😀\x00𠮷鬱"

CONTEXTUAL = {
    "@architectures": "spacy-cmner.ContextualEmbed.v1",
    "characters": tiny.EMBED,
}
NARROW = {
    "@architectures": "spacy-cmner.ContextualEmbed.v1",
    "characters": {**tiny.EMBED, "width": 7},
    "set_width": 3,
}
BESIDE_BIGRAMS = {
    "@architectures": "spacy-cmner.ContextualEmbed.v1",
    "characters": {
        "@layers": "concatenate.v1",
        "*": {
            "characters": tiny.EMBED,
            "bigrams": {"@architectures": "spacy-cmner.BigramEmbed.v1"},
        },
    },
}


@pytest.fixture(scope="module")
def compiled(trained):
    return compile_pipeline(trained)


def embed_of(nlp):
    (node,) = find_compilable(nlp.get_pipe("cmner"))
    return node


def predictions(nlp, texts):
    return [tiny.entities(doc) for doc in nlp.pipe(texts)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.sampled_from([*CHARACTERS, *UNKNOWN]), max_size=30), max_size=4))
def test_three_ways_to_represent_characters_agree(trained, texts):
    """Once for each occurrence, once for each distinct character, and from the table."""
    embed = embed_of(trained)
    module = embed.shims[0].module
    docs = [char_doc(trained.vocab, text) for text in texts]
    codes = torch.tensor([ord(char) for text in texts for char in text], dtype=torch.int64)
    with torch.inference_mode():
        occurrences, _ = module.encode_types(module.find_rows(codes))
    for rows in (embed.predict(docs), compile_embed(embed).predict(docs)):
        assert [len(each) for each in rows] == [len(text) for text in texts]
        flat = torch.from_numpy(embed.ops.flatten(rows)) if len(codes) else occurrences
        torch.testing.assert_close(flat, occurrences)


def test_a_character_without_resources_is_the_unknown_one(trained):
    table = compile_embed(embed_of(trained))
    vectors = table.shims[0].module.vectors.numpy()
    (rows,) = table.predict([char_doc(trained.vocab, UNKNOWN)])
    assert (rows == vectors[0]).all()
    assert vectors[0].any()
    assert not (vectors[1:] == vectors[0]).all(axis=1).any()


def test_a_table_is_filled_a_few_characters_at_a_time(trained, monkeypatch):
    whole = compile_embed(embed_of(trained)).shims[0].module.vectors
    monkeypatch.setattr("spacy_cmner.models.compile.BATCH", 3)
    parts = compile_embed(embed_of(trained)).shims[0].module.vectors
    torch.testing.assert_close(parts, whole)


def test_same_entities_and_the_trained_pipeline_stays(trained, compiled):
    assert compiled.path is None  # it is nowhere on the disk
    before = trained.to_bytes()
    texts = [text for text, _ in tiny.SENTENCES] + ["", "肺😀疼痛", UNKNOWN]
    expected = predictions(trained, texts)
    assert predictions(compile_pipeline(trained), texts) == expected
    assert expected[0] == [(2, 4, "bod"), (4, 6, "sym")]
    assert trained.to_bytes() == before


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_saved_and_loaded(trained, tmp_path, precision):
    compiled = compile_pipeline(trained, precision=precision)
    compiled.to_disk(tmp_path / "once")
    loaded = spacy.load(tmp_path / "once")
    loaded.to_disk(tmp_path / "twice")
    texts = [text for text, _ in tiny.SENTENCES]
    assert predictions(loaded, texts) == predictions(compiled, texts)
    once, twice = (tmp_path / name / "cmner" / "model" for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()


def test_less_precise_is_smaller(trained):
    sizes = [
        len(compile_pipeline(trained, precision=precision).get_pipe("cmner").to_bytes())
        for precision in ("float32", "float16", "int8")
    ]
    assert sizes[2] < sizes[1] < sizes[0]


def test_the_config_names_the_table(trained, compiled):
    embed = compiled.config["components"]["cmner"]["model"]["tok2vec"]["embed"]
    assert embed == {"@architectures": "spacy-cmner.CharTableEmbed.v1"}
    assert trained.config["components"]["cmner"]["model"]["tok2vec"]["embed"] == Config(
        trained.get_pipe_config("cmner")["model"]["tok2vec"]["embed"]
    )
    assert compiled.get_pipe("cmner").labels == tiny.LABELS
    assert not find_compilable(compiled.get_pipe("cmner"))


@pytest.mark.parametrize(
    "embed", [CONTEXTUAL, NARROW, BESIDE_BIGRAMS], ids=["contextual", "narrow", "bigrams"]
)
def test_deep_in_a_model(resource_dir, tmp_path, embed):
    model = {**tiny.MODEL, "tok2vec": {**tiny.MODEL["tok2vec"], "embed": embed}}
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner", config={"model": model})
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir), steps=2)
    compile_pipeline(nlp).to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    nodes = [node.name for node in loaded.get_pipe("cmner").model.walk()]
    assert "char_table_embed" in nodes
    assert "local_global_embed" not in nodes
    words = [n for n in loaded.get_pipe("cmner").model.walk() if n.name == "contextual_embed"]
    assert all(node.shims[0].module.project is None for node in words)  # in their table already
    docs = [loaded.make_doc(text) for text, _ in tiny.SENTENCES]
    emissions = [each.get_pipe("cmner").model.predict(docs).dataXd for each in (nlp, loaded)]
    torch.testing.assert_close(*map(torch.from_numpy, emissions))


def test_layers_of_an_architecture_itself_stay(resource_dir):
    """The config cannot name what would become of them."""
    mect = {"@architectures": "spacy-cmner.Mect.v1", "characters": tiny.EMBED}
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner", config={"model": {**tiny.MODEL, "tok2vec": mect}})
    tiny.initialize(nlp, resource_dir)
    compiled = compile_pipeline(nlp)
    nodes = [node.name for node in compiled.get_pipe("cmner").model.walk()]
    assert nodes.count("char_table_embed") == nodes.count("local_global_embed") == 1
    with pytest.raises(CmnerError, match="CM318"):
        compile_pipeline(compiled)


@pytest.mark.parametrize("first", [True, False])
def test_other_components_are_kept(fresh, first):
    fresh.add_pipe("entity_ruler", first=first or None).add_patterns(
        [{"label": "bod", "pattern": "胃"}]
    )
    compiled = compile_pipeline(fresh)
    assert compiled.pipe_names == fresh.pipe_names
    assert tiny.entities(compiled("胃")) == [(0, 1, "bod")]


def test_a_disabled_component_is_compiled_too(fresh):
    fresh.disable_pipe("cmner")
    compiled = compile_pipeline(fresh)
    assert compiled.disabled == ["cmner"]
    compiled.enable_pipe("cmner")
    assert not find_compilable(compiled.get_pipe("cmner"))


@pytest.mark.parametrize("precision, scores", [("float32", {"ents_f": 0.9}), ("int8", {})])
def test_scores_of_the_exact_weights_are_not_those_of_rounded_ones(fresh, precision, scores):
    fresh.meta["performance"] = {"ents_f": 0.9}
    compiled = compile_pipeline(fresh, precision=precision)
    assert compiled.meta["performance"] == scores
    assert fresh.meta["performance"] == {"ents_f": 0.9}


def test_the_layers_above_can_be_trained_further(trained):
    compiled = compile_pipeline(trained)
    nodes = {node.name: node for node in compiled.get_pipe("cmner").model.walk()}
    table = nodes["char_table_embed"].shims[0]
    before, weights = table.to_bytes(), nodes["bilstm_encoder"].shims[0].to_bytes()
    tiny.learn(compiled, compiled.resume_training(), steps=2)
    assert table.to_bytes() == before
    assert nodes["bilstm_encoder"].shims[0].to_bytes() != weights


def test_nothing_to_compile(compiled):
    with pytest.raises(CmnerError, match="CM318"):
        compile_pipeline(compiled)


def test_a_table_cannot_be_initialised():
    with pytest.raises(CmnerError, match="CM317"):
        build_char_table_embed().initialize()
