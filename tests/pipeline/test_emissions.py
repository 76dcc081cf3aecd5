"""A recogniser that listens to spaCy's `tok2vec`, which reads whole documents."""

import numpy as np
import pytest
import spacy
import tiny
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Model

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.emissions import character_rows

WIDTH = 24
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": WIDTH,
    "depth": 2,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
NO_CONTEXT = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": WIDTH,
    "attrs": ["ORTH"],
    "rows": [200],
    "include_static_vectors": False,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}
MODEL = {"@architectures": "spacy-cmner.CrfTagger.v1", "tok2vec": LISTENER}
TEXTS = [text for text, _ in tiny.SENTENCES]
GOLD = [entities for _, entities in tiny.SENTENCES]
# One document of all sentences, and one of a sentence that is too long to be read at once.
LONG = [
    (
        "".join(TEXTS),
        [
            (start + sum(map(len, TEXTS[:i])), end + sum(map(len, TEXTS[:i])), label)
            for i, entities in enumerate(GOLD)
            for start, end, label in entities
        ],
    ),
    ("无咳嗽，" * 5, [(4 * i + 1, 4 * i + 3, "sym") for i in range(5)]),
]
BATCH = [("", []), *tiny.SENTENCES, ("", []), *LONG]


def blank(config=tiny.CHARACTERS, names=("cmner",), tok2vec=TOK2VEC, **settings):
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("tok2vec", config={"model": tok2vec})
    for name in names:
        nlp.add_pipe("cmner", name=name, config={"model": MODEL, "max_length": 16, **settings})
    return nlp


def initialize(nlp, examples=None):
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples or tiny.examples(nlp))
    optimizer.learn_rate = 0.02
    return optimizer


def learn(nlp, steps=50):
    tiny.learn(nlp, initialize(nlp), steps, BATCH)
    return nlp


@pytest.fixture(scope="module")
def listening():
    return learn(blank())


def weights(nlp, name="tok2vec") -> np.ndarray:
    model = nlp.get_pipe(name).model
    return np.concatenate(
        [node.get_param(p).ravel() for node in model.walk() for p in node.param_names]
    )


def test_learns_by_heart_through_the_listener(listening):
    assert [tiny.entities(listening(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_stream_gives_what_single_texts_give(listening, size):
    docs = listening.pipe([text for text, _ in BATCH], batch_size=size)
    assert [tiny.entities(doc) for doc in docs] == [gold for _, gold in BATCH]


def test_batch_without_text(listening):
    assert [doc.ents for doc in listening.pipe(["", ""])] == [(), ()]
    empty = Example(listening.make_doc(""), listening.make_doc(""))
    assert listening.update([empty, empty])["cmner"] == 0.0


def test_windows_read_at_a_time_do_not_matter(listening):
    again = blank(batch_characters=5).from_bytes(listening.to_bytes())
    assert [tiny.entities(again(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


def test_loss_and_gradient_are_those_of_the_windows():
    """Without context, a representation is the same in the document and in its windows, which
    overlap in the long sentence."""
    nlp = blank(tok2vec=NO_CONTEXT)
    initialize(nlp)
    alone = blank(tok2vec=NO_CONTEXT).from_bytes(nlp.to_bytes())
    alone.replace_listeners("tok2vec", "cmner", ["model.tok2vec"])
    alone.remove_pipe("tok2vec")
    losses = [each.update(tiny.examples(each, BATCH), sgd=False)["cmner"] for each in (nlp, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    shared, copied = nlp.get_pipe("tok2vec"), alone.get_pipe("cmner")
    gradient = gradients(shared.model)
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(gradient, gradients(copied.model.get_ref("tok2vec")), atol=1e-5)


def gradients(model: Model) -> np.ndarray:
    found = [node.get_grad(name) for node in model.walk() for name in node.grad_names]
    return np.concatenate([gradient.ravel() for gradient in found])


def test_two_components_share_a_tok2vec():
    nlp = learn(blank(names=("cmner", "second")))
    for name in ("cmner", "second"):
        with nlp.select_pipes(enable=["tok2vec", name]):
            assert [tiny.entities(nlp(text)) for text, _ in BATCH] == [gold for _, gold in BATCH]


def test_a_frozen_tok2vec_that_annotates_is_read_but_not_changed():
    nlp = blank()
    optimizer = initialize(nlp)
    before = weights(nlp)
    batch = tiny.examples(nlp)  # spaCy's listener reads no empty document here
    for _ in range(50):
        nlp.update(batch, sgd=optimizer, annotates=["tok2vec"], exclude=["tok2vec"])
    np.testing.assert_array_equal(weights(nlp), before)
    assert [tiny.entities(nlp(text)) for text in TEXTS] == GOLD


def test_a_listener_can_be_replaced_by_a_copy(listening):
    nlp = blank().from_bytes(listening.to_bytes())
    nlp.replace_listeners("tok2vec", "cmner", ["model.tok2vec"])
    with nlp.select_pipes(enable=["cmner"]):
        assert [tiny.entities(nlp(text)) for text in TEXTS] == GOLD


def test_words_as_tokens():
    """Each character of a token takes the row of the token."""
    nlp = spacy.blank("zh")
    words = ["服用", "阿莫", "西林", "后", "咳嗽", "减轻", "。"]
    doc = Doc(nlp.vocab, words=words, spaces=[True, *[False] * 6])
    assert doc.text == "服用 阿莫西林后咳嗽减轻。"
    [first, second] = character_rows([Doc(nlp.vocab, words=["𠮷", "é\n"], spaces=[False] * 2), doc])
    assert first.tolist() == [0, 1, 1]
    assert second.tolist() == [2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7, 7, 8]

    nlp = blank({})
    gold = [(3, 7, "dru"), (8, 10, "sym")]
    example = Example.from_dict(doc.copy(), {"entities": gold})
    optimizer = initialize(nlp, [example])
    for _ in range(50):
        nlp.update([example], sgd=optimizer)
    assert tiny.entities(nlp(Doc(nlp.vocab, words=words, spaces=[True, *[False] * 6]))) == gold


def test_a_document_that_was_not_read_upstream(listening):
    pipe = listening.get_pipe("cmner")
    for find in (pipe, lambda doc: pipe.kbest(doc, 1)):
        with pytest.raises(CmnerError, match=r"CM423.*'患者右肺疼痛三天。'"):
            find(listening.make_doc(TEXTS[0]))


def test_rehearsal_is_refused():
    """spaCy runs no component upstream for it, so the model from before would read zeros."""
    nlp = blank()
    examples = tiny.examples(nlp)
    initialize(nlp, examples)
    optimizer = nlp.resume_training()
    nlp.update(examples, sgd=optimizer)
    with pytest.raises(CmnerError, match="CM423"):
        nlp.rehearse(examples, sgd=optimizer)


def test_most_probable_readings(listening):
    text, gold = tiny.SENTENCES[0]
    doc = listening.get_pipe("tok2vec")(listening.make_doc(text))
    best, second = listening.get_pipe("cmner").kbest(doc, 2)
    assert [tuple(span) for span in best.spans] == gold
    assert best.probability > second.probability > 0
