"""Transformers in the `tok2vec` slot: a random tiny BERT with a Chinese vocabulary learns by heart."""

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import spacy
import tiny
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_config, load_model_from_config

from spacy_cmner.errors import CmnerError

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
LONG = ("无咳嗽，" * 40, [(4 * i + 1, 4 * i + 3, "sym") for i in range(40)])
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


def shared(tok2vec: dict, folder: Path | None) -> Language:
    """spaCy's usual pipeline: a component `transformer` to which others listen."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    architecture = "spacy-cmner.OfflineTransformerModel.v1"
    model = {"@architectures": architecture, "name": str(folder), "get_spans": SPANS}
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


def fused(integration: str) -> dict:
    return {
        "@architectures": "spacy-cmner.TransformerLocalGlobal.v1",
        "integration": integration,
        "transformer": LISTENER,
        "characters": tiny.EMBED,
    }


MODELS = {
    "listener": lambda folder: shared(LISTENER, folder),
    "local_global": lambda folder: shared(fused("gated_concat"), folder),
    "local_global_add": lambda folder: shared(fused("gated_add"), folder),
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
    tiny.learn(nlp, optimizer, 60, BATCH)
    return nlp


def test_learns_by_heart(nlp):
    assert [tiny.entities(nlp(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


@pytest.mark.parametrize("size", [2, 100])
def test_a_stream_gives_what_single_texts_give(nlp, size):
    docs = nlp.pipe([text for text, _ in BATCH], batch_size=size)
    assert [tiny.entities(doc) for doc in docs] == [gold for _, gold in BATCH]


def test_a_batch_without_text(nlp):
    assert [doc.ents for doc in nlp.pipe(["", ""])] == [(), ()]
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert nlp.update([empty], sgd=False)["cmner"] == 0.0
