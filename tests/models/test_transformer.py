"""Transformers in the `tok2vec` slot, tested with a random tiny BERT of a Chinese vocabulary."""

import functools
import json
import socket
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import spacy
import tiny
import torch
from device import current_device
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.models.ensemble import join_pipelines

pytest.importorskip("spacy_transformers")
transformers = pytest.importorskip("transformers")

CONFIGS = Path(__file__).parents[2] / "configs"
WIDTH = 32
MAX_WORDPIECES = 64
SPANS = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 24, "stride": 18}
POOLING = {"@layers": "reduce_mean.v1"}
LISTENER = {"@architectures": "spacy-transformers.TransformerListener.v1", "pooling": POOLING}
TEXTS = [text for text, _ in tiny.SENTENCES]
GOLD = [entities for _, entities in tiny.SENTENCES]
# Of more wordpieces than the transformer can read at once.
LONG = ("无咳嗽，" * 25, [(4 * i + 1, 4 * i + 3, "sym") for i in range(25)])
BATCH = [("", []), *tiny.SENTENCES, ("", []), LONG]


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    """A folder as one downloads it."""
    folder = tmp_path_factory.mktemp("bert")
    characters = sorted({char for text in TEXTS for char in text})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *characters, "hb", "##a", "##1", "##c", "37", "##.", "5", "e", "ａ", "mg"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=MAX_WORDPIECES,
    )
    fix_random_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def offline(monkeypatch):
    """Fails a test that opens a connection, even if the error is caught."""
    addresses = []

    def connect(self, address):
        addresses.append(address)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield
    assert not addresses


def shared(tok2vec: dict, folder: Path | None, **settings: object) -> Language:
    """spaCy's usual pipeline: a component `transformer` to which others listen."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    architecture = "spacy-cmner.OfflineTransformerModel.v1"
    name = None if folder is None else str(folder)
    model = {"@architectures": architecture, "name": name, "get_spans": SPANS, **settings}
    nlp.add_pipe("transformer", config={"model": model})
    add_recogniser(nlp, tok2vec)
    return nlp


def own(folder: Path) -> Language:
    """A recogniser with a transformer to itself."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    tok2vec = {
        "@architectures": "spacy-transformers.Tok2VecTransformer.v3",
        "name": str(folder),
        "get_spans": SPANS,
        "pooling": POOLING,
        "tokenizer_config": {"local_files_only": True},
        "transformer_config": {"local_files_only": True},
    }
    add_recogniser(nlp, tok2vec)
    return nlp


def add_recogniser(nlp: Language, tok2vec: dict) -> None:
    model = {"@architectures": "spacy-cmner.CrfTagger.v1", "tok2vec": tok2vec}
    nlp.add_pipe("cmner", config={"model": model})


FUSED = {
    "@architectures": "spacy-cmner.TransformerLocalGlobal.v1",
    "transformer": LISTENER,
    "characters": tiny.EMBED,
}
ENCODED = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {"@architectures": "spacy-cmner.ContextualEmbed.v1", "characters": LISTENER},
    "encode": {"@architectures": "spacy-cmner.BiLSTMEncoder.v1", "hidden_width": 16},
}
MODELS = {
    "listener": lambda folder: shared(LISTENER, folder),
    "local_global": lambda folder: shared(FUSED, folder),
    "words_and_bilstm": lambda folder: shared(ENCODED, folder),
    "own": own,
}


@pytest.fixture(scope="module", params=MODELS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def nlp(name, bert, resource_dir) -> Language:
    """A pipeline that has learnt the tiny texts by heart. Tests must not change it."""
    nlp = MODELS[name](bert)
    optimizer = tiny.initialize(nlp, resource_dir)
    optimizer.learn_rate = 0.005
    tiny.learn(nlp, optimizer, 40, BATCH)
    return nlp


def test_learns_by_heart(nlp):
    assert [tiny.entities(nlp(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


@pytest.mark.parametrize("size", [2, 100])
def test_a_stream_gives_what_single_texts_give(nlp, size):
    docs = nlp.pipe([text for text, _ in BATCH], batch_size=size)
    assert [tiny.entities(doc) for doc in docs] == [gold for _, gold in BATCH]


@pytest.mark.parametrize("name", ["local_global"], indirect=True)
def test_a_document_that_the_transformer_has_not_read(nlp):
    with nlp.select_pipes(disable=["transformer"]), pytest.raises(CmnerError, match="CM423"):
        nlp(TEXTS[0])


def test_a_batch_without_text(nlp):
    assert [doc.ents for doc in nlp.pipe(["", ""])] == [(), ()]
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert nlp.update([empty], sgd=False)["cmner"] == 0.0


def test_survives_saving_without_the_folder(name, nlp, bert, tmp_path, offline):
    nlp.to_disk(tmp_path / "pipeline")
    elsewhere = bert.rename(tmp_path / "gone")
    try:
        again = spacy.load(tmp_path / "pipeline")
        from_bytes = MODELS[name](bert).from_bytes(nlp.to_bytes())
    finally:
        elsewhere.rename(bert)
    for each in (again, from_bytes):
        assert [tiny.entities(each(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


def test_training_changes_the_transformer(name, bert, resource_dir):
    nlp = MODELS[name](bert)
    optimizer = tiny.initialize(nlp, resource_dir)
    before = weights(nlp)
    tiny.learn(nlp, optimizer, 2, BATCH)
    moved = {name for name, weight in weights(nlp).items() if not weight.equal(before[name])}
    assert moved >= {name for name in before if "pooler" not in name and "token_type" not in name}


def weights(nlp: Language) -> dict:
    [shim] = [
        shim
        for _, pipe in nlp.pipeline
        for node in pipe.model.walk()
        for shim in node.shims
        if node.name == "hf-pytorch"
    ]
    return {name: value.clone() for name, value in shim._model.named_parameters()}


@pytest.mark.parametrize("name", ["local_global", "own"], indirect=True)
def test_on_a_device(name, bert, resource_dir, monkeypatch):
    with current_device(monkeypatch):
        nlp = MODELS[name](bert)
        optimizer = tiny.initialize(nlp, resource_dir)
        optimizer.learn_rate = 0.005
        tiny.learn(nlp, optimizer, 40, BATCH)
        assert [tiny.entities(doc) for doc in nlp.pipe(TEXTS)] == GOLD


def test_half_precision(bert, resource_dir, monkeypatch):
    """On the CPU, which can do it too, but for the scaling of gradients."""
    on_cpu = functools.partial(torch.autocast, "cpu", dtype=torch.float16)
    monkeypatch.setattr(torch, "autocast", lambda device_type, enabled: on_cpu(enabled=enabled))
    nlp = shared(FUSED, bert, mixed_precision=True, grad_scaler_config={"enabled": False})
    optimizer = tiny.initialize(nlp, resource_dir)
    optimizer.learn_rate = 0.005
    tiny.learn(nlp, optimizer, 40, BATCH)
    docs = list(nlp.pipe([text for text, _ in BATCH]))
    assert docs[1]._.trf_data.model_output.pooler_output.dtype == np.float16
    assert [tiny.entities(doc) for doc in docs] == [gold for _, gold in BATCH]


# Characters and wordpieces


@pytest.fixture(scope="module")
def rows(bert):
    """Gives a row for each character of a text."""
    nlp = shared(LISTENER, bert)
    nlp.initialize(lambda: tiny.examples(nlp))
    model = nlp.get_pipe("cmner").model.get_ref("tok2vec")
    return lambda text: model.predict([nlp.get_pipe("transformer")(nlp.make_doc(text))])[0]


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("右肺。", ["右", "肺", "。"]),
        # What is white is left out by the tokenizer.
        ("右 肺", ["右", "", "肺"]),
        (" 右\n\u3000肺\t", ["", "右", "", "", "肺", ""]),
        ("\r\n", ["", ""]),
        # Letters and digits form words: some pieces hold several characters.
        ("hba1c肺", ["hb", "hb", "##a", "##1", "##c", "肺"]),
        ("37.5", ["37", "37", "[UNK]", "5"]),
        ("5mg疼", ["[UNK]", "[UNK]", "[UNK]", "疼"]),
        ("5 mg疼", ["5", "", "mg", "mg", "疼"]),
        # Unknown characters and words
        ("肺🙂痛", ["肺", "[UNK]", "痛"]),
        ("𠮷痛", ["[UNK]", "痛"]),
        ("xyz痛", ["[UNK]", "[UNK]", "[UNK]", "痛"]),
        # What is normalised: case, full width, accents
        ("HB右Ａ", ["hb", "hb", "右", "ａ"]),
        ("é右", ["e", "右"]),
        ("e\u0301右", ["e", "", "右"]),
        # Control characters and U+FFFD, which stands for lone surrogates, are dropped.
        ("右\x00肺\ufffd", ["右", "", "肺", ""]),
        ("右\ud800", ["右", ""]),
        # The tokenizer takes this for its own marker.
        ("右[SEP]", ["右", *["[SEP]"] * 5]),
    ],
)
def test_each_character_takes_its_wordpiece(rows, bert, text, pieces):
    expected, found = read_with_transformers(bert, text.replace("\ud800", "\ufffd"))
    assert found == pieces
    np.testing.assert_allclose(rows(text), expected, atol=1e-5)


def read_with_transformers(folder: Path, text: str) -> tuple[np.ndarray, list[str]]:
    """Vector and wordpiece of each character by the offsets of the tokenizer alone; zeros and ""
    where there is none."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder)
    encoding = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    offsets = encoding.pop("offset_mapping")[0].tolist()
    hidden = model(**encoding).last_hidden_state[0].detach().numpy()
    strings = tokenizer.convert_ids_to_tokens(encoding["input_ids"][0])
    vectors, pieces = np.zeros((len(text), WIDTH), dtype="float32"), [""] * len(text)
    for (start, end), vector, string in zip(offsets, hidden, strings, strict=True):
        vectors[start:end] = vector
        pieces[start:end] = [string] * (end - start)
    return vectors, pieces


def test_pieces_of_a_long_text_overlap(rows, bert):
    text = LONG[0]
    found = rows(text)
    alone, _ = read_with_transformers(bert, text[:24])
    np.testing.assert_allclose(found[:18], alone[:18], atol=1e-5)
    shared, _ = read_with_transformers(bert, text[18:42])
    # Characters that two pieces hold have the mean of both.
    np.testing.assert_allclose(found[18:24], (alone[18:] + shared[:6]) / 2, atol=1e-5)
    assert np.abs(found).sum(axis=1).min() > 0


def test_words_as_tokens(bert):
    """Each character of a token takes the row of the token, the mean of its wordpieces."""
    nlp = spacy.blank("zh")
    model = {"@architectures": "spacy-cmner.OfflineTransformerModel.v1", "name": str(bert)}
    nlp.add_pipe("transformer", config={"model": {**model, "get_spans": SPANS}})
    add_recogniser(nlp, LISTENER)
    words = ["服用", "阿莫", "西林", "后", "咳嗽", "减轻", "。"]
    doc = Doc(nlp.vocab, words=words, spaces=[False] * 7)
    example = Example.from_dict(doc, {"entities": GOLD[1]})
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update([example], sgd=optimizer)
    assert tiny.entities(nlp(Doc(nlp.vocab, words=words, spaces=[False] * 7))) == GOLD[1]


@pytest.mark.parametrize("name", ["local_global", "words_and_bilstm"], indirect=True)
def test_representations_and_words_need_characters_as_tokens(nlp):
    doc = Doc(nlp.vocab, words=["右肺", "疼痛"], spaces=[False, False])
    with pytest.raises(CmnerError, match=r"CM316.*char_tokenizer"):
        nlp(doc)


@pytest.mark.parametrize("name", ["local_global"], indirect=True)
def test_the_gate_weighs_what_both_say(nlp, name):
    nlp = MODELS[name](None).from_bytes(nlp.to_bytes())
    model = nlp.get_pipe("cmner").model.get_ref("tok2vec")
    transformer, characters = model.layers
    docs = [nlp.get_pipe("transformer")(nlp.make_doc(text)) for text in TEXTS[:2]]
    gates = model.shims[0].module
    for gate, open_to in ((gates.local_gate, 0.25), (gates.global_gate, 0.75)):
        gate.weight.data.zero_()
        gate.bias.data.fill_(np.log(open_to / (1 - open_to)))
    for row, own, contextual in zip(
        *(layer.predict(docs) for layer in (model, characters, transformer)), strict=True
    ):
        np.testing.assert_allclose(row, np.hstack([0.25 * own, 0.75 * contextual]), atol=1e-5)


@pytest.mark.parametrize("name", ["local_global"], indirect=True)
def test_a_compiled_pipeline_finds_the_same(nlp):
    compiled = compile_pipeline(nlp)
    assert [tiny.entities(compiled(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


PATHS = {
    "listener": "model.tok2vec",
    "local_global": "model.tok2vec.transformer",
    "words_and_bilstm": "model.tok2vec.embed.characters",
}


@pytest.mark.parametrize("name", PATHS, indirect=True)
def test_listeners_can_be_replaced(nlp, name, bert, tmp_path):
    nlp = MODELS[name](bert).from_bytes(nlp.to_bytes())
    nlp.replace_listeners("transformer", "cmner", [PATHS[name]])
    nlp.remove_pipe("transformer")
    nlp.to_disk(tmp_path / "alone")
    alone = spacy.load(tmp_path / "alone")
    join_pipelines([nlp, alone]).to_disk(tmp_path / "joined")
    for each in (nlp, alone, spacy.load(tmp_path / "joined")):
        # Each sentence is now read alone.
        assert [tiny.entities(each(text)) for text in TEXTS] == GOLD


# Configs and folders


@pytest.mark.parametrize("config", ["transformer", "transformer_local_global"])
def test_training_by_the_config(config, bert, resource_dir, tmp_path, offline):
    corpus = tmp_path / "gold.spacy"
    records = [
        Record(text, tuple(Entity(*entity) for entity in entities)) for text, entities in BATCH
    ]
    write_docbin(records, corpus)
    overrides = {
        "paths.train": str(corpus),
        "paths.dev": str(corpus),
        "paths.transformer": str(bert),
        "components.transformer.model.get_spans.window": 24,
        "components.transformer.model.get_spans.stride": 18,
        "training.optimizer.learn_rate.initial_rate": 0.005,
        "training.optimizer.learn_rate.warmup_steps": 5,
        "training.optimizer.L2": 0.0,
        "training.max_steps": 60,
        "training.max_epochs": 0,
        "training.eval_frequency": 30,
    }
    if config == "transformer_local_global":
        overrides["components.cmner.model.tok2vec.characters.local_width"] = 16
        overrides["components.cmner.model.tok2vec.characters.channels"] = 64
        files = {"vectors": "char_vectors"}
        for name, path in tiny.resource_paths(resource_dir).items():
            if name != "bigrams":
                overrides[f"paths.{files.get(name, name)}"] = str(path)
    train(CONFIGS / f"{config}.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert [tiny.entities(nlp(text)) for text in TEXTS] == GOLD
    assert nlp.meta["performance"]["ents_f"] == 1.0


def test_a_folder_as_it_is_published(tmp_path):
    """With a head, pickled weights and a list of words."""
    characters = sorted({char for text in TEXTS for char in text})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    sizes = {"hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=len(words), num_hidden_layers=1, **sizes)
    pretrained = transformers.BertForPreTraining(config)
    pretrained.save_pretrained(tmp_path, safe_serialization=False)
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    nlp = shared(LISTENER, tmp_path)
    nlp.initialize(lambda: tiny.examples(nlp))
    found = weights(nlp)
    assert all(found[name].equal(value) for name, value in pretrained.bert.named_parameters())
    assert nlp.get_pipe("transformer").model.tokenizer.is_fast


def nothing(folder: Path) -> None:
    """No file at all."""


def only_config(folder: Path) -> None:
    settings = {"model_type": "bert", "vocab_size": 9, "hidden_size": 8, "num_attention_heads": 1}
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")


def no_weights(folder: Path) -> None:
    only_config(folder)
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n肺", encoding="utf-8")


def damaged_weights(folder: Path) -> None:
    no_weights(folder)
    (folder / "model.safetensors").write_bytes(b"\0" * 20)


def no_json(folder: Path) -> None:
    no_weights(folder)
    (folder / "config.json").write_text("{", encoding="utf-8")


def no_vocabulary(folder: Path) -> None:
    save_weights(folder)
    (folder / "vocab.txt").write_text("", encoding="utf-8")


def save_weights(folder: Path) -> None:
    only_config(folder)
    config = transformers.BertConfig.from_pretrained(folder, num_hidden_layers=1)
    transformers.BertModel(config).save_pretrained(folder)


FILLS = [nothing, no_weights, damaged_weights, no_json, no_vocabulary]


@pytest.mark.parametrize("fill", FILLS)
def test_a_folder_without_a_transformer(fill, tmp_path, offline):
    fill(tmp_path)
    nlp = shared(LISTENER, tmp_path)
    with pytest.raises(CmnerError, match=r"CM326.*paths\.transformer"):
        nlp.initialize(lambda: tiny.examples(nlp))


def test_a_folder_without_a_tokenizer(tmp_path, offline):
    only_config(tmp_path)
    nlp = shared(LISTENER, tmp_path)
    # transformers 4.49 and older raise an OSError that speaks for itself, later ones a TypeError.
    missing = r"CM330.*a file of the tokenizer is missing|CM326.*Can't load tokenizer"
    with pytest.raises(CmnerError, match=missing):
        nlp.initialize(lambda: tiny.examples(nlp))


@pytest.mark.parametrize("n_more, fits", [(0, True), (1, False)])
def test_a_vocabulary_that_is_larger_than_that_of_the_weights(n_more, fits, tmp_path):
    save_weights(tmp_path)  # for 9 wordpieces
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"咳嗽减轻痛"[: 4 + n_more]]
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    nlp = shared(LISTENER, tmp_path)
    said = r"CM336.* has 10 wordpieces.* for 9 only"
    with nullcontext() if fits else pytest.raises(CmnerError, match=said):
        nlp.initialize(lambda: tiny.examples(nlp))


def test_a_setting_that_does_not_fit(bert):
    nlp = shared(LISTENER, bert, transformer_config={"num_hidden_layers": "two"})
    with pytest.raises(CmnerError, match=r"CM330.*'str'.*transformer_config"):
        nlp.initialize(lambda: tiny.examples(nlp))


# Of the 64 wordpieces, two are the markers of a piece.
IMPOSSIBLE = [(63, 18), (24, 25), (24, 0), (0, 0), (-1, -1)]


@pytest.mark.parametrize("window, stride", IMPOSSIBLE)
def test_pieces_that_do_not_fit_at_initialisation(bert, window, stride):
    nlp = shared(LISTENER, bert, get_spans={**SPANS, "window": window, "stride": stride})
    said = rf"CM335.*window = {window} with stride = {stride}\..* 1 to 62,"
    for _ in range(2):  # the folder has been read the second time
        with pytest.raises(CmnerError, match=said):
            nlp.initialize(lambda: tiny.examples(nlp))


@pytest.mark.parametrize("window, stride", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["listener"], indirect=True)
def test_pieces_that_do_not_fit_in_a_loaded_pipeline(nlp, tmp_path, window, stride):
    nlp.to_disk(tmp_path)
    spans = "components.transformer.model.get_spans"
    config = {f"{spans}.window": window, f"{spans}.stride": stride}
    with pytest.raises(CmnerError, match=rf"CM335.*window = {window} .* 1 to 62,"):
        spacy.load(tmp_path, config=config)(LONG[0])


@pytest.mark.parametrize("window, stride", [(62, 62), (62, 1), (1, 1)])
def test_pieces_that_just_fit(bert, window, stride):
    nlp = shared(LISTENER, bert, get_spans={**SPANS, "window": window, "stride": stride})
    nlp.initialize(lambda: tiny.examples(nlp))
    rows = nlp.get_pipe("cmner").model.get_ref("tok2vec").predict
    [found] = rows([nlp.get_pipe("transformer")(nlp.make_doc(LONG[0]))])
    assert np.abs(found).sum(axis=1).min() > 0


def test_pieces_that_the_tokenizer_would_cut_off(bert):
    nlp = shared(LISTENER, bert, tokenizer_config={"model_max_length": 20})
    with pytest.raises(CmnerError, match=r"CM335.*window = 24 .* 1 to 18,"):
        nlp.initialize(lambda: tiny.examples(nlp))


def test_pieces_cut_in_another_way(bert):
    spans = {"@span_getters": "spacy-transformers.doc_spans.v1"}
    nlp = shared(LISTENER, bert, get_spans=spans)
    nlp.initialize(lambda: tiny.examples(nlp))
    assert nlp(TEXTS[0])._.trf_data.tensors


def test_an_error_of_get_spans_is_its_own(bert):
    nlp = shared(LISTENER, bert)

    def broken(docs):
        raise TypeError("spans of my own")

    nlp.get_pipe("transformer").model.attrs["get_spans"] = broken
    with pytest.raises(TypeError, match="spans of my own"):
        tiny.learn(nlp, nlp.initialize(lambda: tiny.examples(nlp)), steps=1)


def test_nothing_is_downloaded(offline):
    nlp = shared(LISTENER, "bert-base-chinese")
    with pytest.raises(CmnerError, match=r"CM326.*bert-base-chinese.*no such folder"):
        nlp.initialize(lambda: tiny.examples(nlp))


def test_no_name_is_not_the_folder_none(bert, tmp_path, monkeypatch):
    (tmp_path / "None").symlink_to(bert, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    nlp = shared(LISTENER, None)
    with pytest.raises(CmnerError, match=r"CM331.*paths\.transformer"):
        nlp.initialize(lambda: tiny.examples(nlp))


def test_without_spacy_transformers(bert, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy_transformers.architectures", None)
    with pytest.raises(CmnerError, match=r"CM325.*spacy-cmner\[transformers\]"):
        shared(LISTENER, bert)
