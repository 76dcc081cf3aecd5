import numpy as np
from hypothesis import assume, example, given
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

GIVEN = st.sampled_from(
    [[], [CharSpan(1, 3, "a")], [CharSpan(0, 2, "b"), CharSpan(2, 3, "c"), CharSpan(3, 5, "a")]]
)
CUTS = st.integers(0, LENGTH - 1)


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


def test_ranges_in_any_order(fresh):
    doc = fresh.make_doc("患者右肺疼痛三天。服用阿莫西林后咳嗽减轻。")
    ranges = [(2, 4), (11, 18), (4, 6)]
    doc.spans[FORBIDDEN_KEY] = [doc[start:end] for start, end in ranges]
    for start, end, _ in entities(fresh(doc)):
        assert all(end <= lower or start >= upper for lower, upper in ranges)


def test_entities_that_are_there_stay(fresh):
    doc = fresh.make_doc("患者右肺疼痛三天。")
    doc.ents = [Span(doc, 2, 4, "bod")]
    doc.spans[FORBIDDEN_KEY] = [doc[0:9]]
    assert entities(fresh(doc)) == [(2, 4, "bod")]


@given(FORBIDDEN, GIVEN, st.integers(0, LENGTH - 1), st.integers(0, 2**32 - 1))
def test_the_decoded_path_agrees(forbidden, given_spans, closed, seed):
    rng = np.random.default_rng(seed)
    shapes = ((LENGTH, SCHEME.n_tags), (SCHEME.n_tags,) * 2, SCHEME.n_tags, SCHEME.n_tags)
    emissions, *weights = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    known = [span for span in given_spans if span.label in SCHEME.labels]
    taken = [i for start, end, _ in given_spans for i in range(start, end)]
    blocked = np.arange(LENGTH) == (closed if closed not in taken else -1)
    marks = Marks(given_spans, blocked, forbidden)
    lengths = np.array([LENGTH], dtype=np.int32)
    allowed = marks.constrain(SCHEME)
    tags, _ = crf_decode(emissions, lengths, *weights, SCHEME.masks, allowed)
    found = SCHEME.decode(tags)
    assert set(known) <= set(found)
    for start, end, label in set(found) - set(known):
        assert not {*taken, *np.flatnonzero(blocked)}.intersection(range(start, end))
        for lower, upper, other in forbidden:
            assert other not in ("", label) or end <= lower or start >= upper


@given(FORBIDDEN, GIVEN, st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH), CUTS)
@example([CharSpan(0, 5, "a"), CharSpan(1, 2, "b")], [], [False] * LENGTH, 3)
def test_the_parts_of_a_text_have_the_marks_of_the_whole(forbidden, spans, blocked, cut):
    assume(not any(start < cut < end for start, end, _ in spans))
    free = [not any(start <= i < end for start, end, _ in spans) for i in range(LENGTH)]
    marks = Marks(spans, np.array(blocked) & free, forbidden)
    parts = [marks.part(TextRange(0, cut)), marks.part(TextRange(cut, LENGTH))]
    allowed = np.concatenate([part.constrain(SCHEME) for part in parts])
    np.testing.assert_array_equal(allowed, marks.constrain(SCHEME))
