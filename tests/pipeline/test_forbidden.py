import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span
from tiny import entities

from spacy_cmner.layers.crf import TagScheme, crf_decode
from spacy_cmner.pipeline.marks import FORBIDDEN_KEY, Marks
from spacy_cmner.types import CharSpan, TextRange

SCHEME = TagScheme(["a", "b"])
LENGTH = 5
RANGES = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, LENGTH)).filter(lambda r: r[0] < r[1])
FORBIDDEN = st.lists(
    st.builds(lambda r, label: CharSpan(*r, label), RANGES, st.sampled_from(["", "a", "b", "c"])),
    max_size=3,
).map(sorted)


def test_no_entity_of_the_label_reaches_into_the_range(fresh):
    text = "患者右肺疼痛三天。"
    doc = fresh.make_doc(text)
    assert entities(fresh(text)) == [(2, 4, "bod"), (4, 6, "sym")]
    doc.spans[FORBIDDEN_KEY] = [Span(doc, 3, 4, "bod"), Span(doc, 4, 6, "bod")]
    found = entities(fresh(doc))
    assert (4, 6, "sym") in found
    assert all(label != "bod" or end <= 3 or start >= 6 for start, end, label in found)


def test_without_a_label_no_entity_at_all(fresh):
    doc = fresh.make_doc("患者右肺疼痛三天。")
    doc.spans[FORBIDDEN_KEY] = [doc[0:9]]
    assert entities(fresh(doc)) == []


def test_entities_that_are_there_stay(fresh):
    doc = fresh.make_doc("患者右肺疼痛三天。")
    doc.ents = [Span(doc, 2, 4, "bod")]
    doc.spans[FORBIDDEN_KEY] = [doc[0:9]]
    assert entities(fresh(doc)) == [(2, 4, "bod")]


@given(FORBIDDEN, st.sampled_from([[], [CharSpan(1, 3, "a")]]), st.integers(0, 2**32 - 1))
def test_the_decoded_path_agrees(forbidden, given_spans, seed):
    rng = np.random.default_rng(seed)
    shapes = ((LENGTH, SCHEME.n_tags), (SCHEME.n_tags,) * 2, SCHEME.n_tags, SCHEME.n_tags)
    emissions, *weights = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    marks = Marks(given_spans, np.zeros(LENGTH, dtype=np.bool_), forbidden)
    lengths = np.array([LENGTH], dtype=np.int32)
    allowed = marks.constrain(SCHEME)
    tags, _ = crf_decode(emissions, lengths, *weights, SCHEME.masks, allowed)
    found = SCHEME.decode(tags)
    assert set(given_spans) <= set(found)
    for start, end, label in set(found) - set(given_spans):
        for lower, upper, other in forbidden:
            assert other not in ("", label) or end <= lower or start >= upper


@given(FORBIDDEN, st.integers(0, LENGTH - 1))
def test_the_parts_of_a_text_have_the_marks_of_the_whole(forbidden, cut):
    marks = Marks([], np.zeros(LENGTH, dtype=np.bool_), forbidden)
    parts = [marks.part(TextRange(0, cut)), marks.part(TextRange(cut, LENGTH))]
    allowed = np.concatenate([part.constrain(SCHEME) for part in parts])
    np.testing.assert_array_equal(allowed, marks.constrain(SCHEME))
