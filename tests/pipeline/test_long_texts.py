"""Texts of any length: the same entities in any surroundings, in bounded memory."""

from itertools import pairwise
from unittest.mock import MagicMock

import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError

# The first character is none that would belong to the end of the sentence before.
SENTENCES = st.text(st.sampled_from("患者右肺疼痛服用阿莫西林，心\t😀A\x00"), max_size=40).map(
    lambda text: "肺" + text + "。"
)
MAX_LENGTH = 16


@pytest.fixture(scope="module")
def unsure(resource_dir):
    """A pipeline with random weights, which finds entities of any length anywhere, and reads few
    characters at a time."""
    nlp = tiny.blank(max_length=MAX_LENGTH, batch_characters=50, scores=True)
    tiny.initialize(nlp, resource_dir)
    return nlp


def moved(entities: list[tuple[int, int, str]], by: int) -> list[tuple[int, int, str]]:
    return [(start + by, end + by, label) for start, end, label in entities]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENTENCES, max_size=8))
def test_a_sentence_has_the_same_entities_alone_and_in_a_document_and_in_a_batch(unsure, sentences):
    alone = [tiny.entities(unsure(sentence)) for sentence in sentences]
    assert [tiny.entities(doc) for doc in unsure.pipe(sentences)] == alone
    document, expected = "", []
    for sentence, entities in zip(sentences, alone, strict=True):
        expected += moved(entities, len(document))
        document += sentence
    assert tiny.entities(unsure(document)) == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENTENCES, st.integers(1, 40))
def test_the_characters_read_at_a_time_do_not_matter(unsure, text, size):
    pipe = unsure.get_pipe("cmner")
    expected = tiny.entities(unsure(text))
    before, pipe.batch_characters = pipe.batch_characters, size
    try:
        assert tiny.entities(unsure(text)) == expected
    finally:
        pipe.batch_characters = before


def test_the_model_reads_few_characters_at_a_time(unsure, monkeypatch):
    pipe = unsure.get_pipe("cmner")
    model = MagicMock(wraps=pipe.model, ops=pipe.model.ops)
    monkeypatch.setattr(pipe, "model", model)
    text = "患者右肺疼痛" * 300 + "。" + "服用阿莫西林。" * 50
    doc = unsure(text)
    sizes = [sum(map(len, call.args[0])) for call in model.predict.call_args_list]
    assert max(sizes) <= pipe.batch_characters
    assert sum(sizes) >= len(text)
    assert len(doc.ents) > 50
    assert len(doc.spans["cmner"].attrs["scores"]) == len(doc.ents)
    assert all(left.end <= right.start for left, right in pairwise(doc.ents))


def test_training_on_a_long_sentence(unsure, resource_dir):
    nlp = tiny.blank(max_length=MAX_LENGTH)
    long = ("无发热" * 20 + "，", [(3 * i + 1, 3 * i + 3, "sym") for i in range(20)])
    sentences = [long, ("右肺" * 30, [(0, 60, "bod")])]
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir, sentences), sentences=sentences)
    assert [tiny.entities(nlp(long[0]))] == [long[1]]


def test_impossible_batch_characters():
    with pytest.raises(CmnerError, match="CM409"):
        tiny.blank(batch_characters=0)
