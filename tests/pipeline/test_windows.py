"""Windows over a text and the joining of what is found in them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.pipeline.windows import OVERLAP, join_windows, split_windows
from spacy_cmner.types import ScoredSpan, TextRange

TEXTS = st.text(st.sampled_from("肺炎，。！\n\r ”\u2028😀a"), max_size=120)


@st.composite
def texts_with_spans(draw):
    """A text and spans in it that do not overlap."""
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    spans = [pair for pair in pairwise(places) if draw(st.booleans())]
    return text, spans


def test_windows_are_sentences():
    text = "无发热。“咳嗽？”他说！\r\n\n胸片正常"
    pieces = [text[start:end] for start, end in split_windows(text, 100)]
    assert pieces == ["无发热。", "“咳嗽？”", "他说！", "胸片正常"]


def test_no_text_has_no_windows():
    assert split_windows("", 10) == []


def test_only_a_long_sentence_overlaps():
    text = "咳。" + "痰" * 13 + "。喘。"
    assert split_windows(text, 8) == [(0, 2), (2, 10), (8, 16), (16, 18)]


def test_a_limit_of_one_character():
    assert split_windows("咳痰", 1) == [(0, 1), (1, 2)]


@given(texts_with_spans(), st.integers(1, 20))
def test_all_but_white_space_is_read_and_nothing_kept_is_cut(case, max_length):
    text, spans = case
    windows = split_windows(text, max_length, spans)
    for left, right in pairwise([TextRange(-1, 0), *windows, TextRange(len(text), len(text) + 1)]):
        assert left.start < right.start and left.end <= right.end
        assert not text[left.end : right.start].strip()
    for start, end in windows:
        assert start < end
        assert not any(a < cut < b for cut in (start, end) for a, b in spans)
        if not spans:
            assert end - start <= max_length


@given(TEXTS, TEXTS, TEXTS, st.sampled_from("\n\r\u2028\u2029"), st.integers(1, 20))
def test_lines_are_cut_alike_in_any_surroundings(before, text, after, line_end, max_length):
    around = split_windows(line_end.join([before, text, after]), max_length)
    start = len(before) + 1
    inside = range(start, start + len(text))
    shifted = [(a - start, b - start) for a, b in around if a in inside]
    assert shifted == split_windows(text, max_length)


@pytest.mark.parametrize("text", ["咳嗽\n？", "咳嗽\n）", "咳嗽。 \n”"])
def test_nothing_in_a_line_belongs_to_the_one_before(text):
    first, second = text.split("\n")
    pieces = [text[start:end] for start, end in split_windows(text, 100)]
    assert pieces == [first.strip(), second]


@given(TEXTS, TEXTS, st.integers(1, 20))
def test_sentences_are_cut_alike_in_any_surroundings(before, text, max_length):
    """What stands before does not matter once its last sentence is over."""
    before += "。"
    text = "肺" + text
    inside = split_windows(before + text, max_length)
    moved = [
        TextRange(len(before) + start, len(before) + end)
        for start, end in split_windows(text, max_length)
    ]
    assert inside == split_windows(before, max_length) + moved


@st.composite
def long_sentences(draw):
    """A length, the entities of a sentence, none of them longer than half of an overlap, and the
    window length."""
    max_length = draw(st.integers(16, 40))
    longest = int(OVERLAP * max_length) // 2
    position, spans = 0, []
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 6), st.integers(1, longest)))):
        spans.append(ScoredSpan(position + gap, position + gap + size, "dis"))
        position += gap + size
    return position + draw(st.integers(0, 5)), spans, max_length


@given(long_sentences())
def test_what_windows_cut_is_whole_again(case):
    """A window sees of an entity at its edge only a fragment, and may take that for an entity."""
    length, spans, max_length = case
    windows = split_windows("痰" * length, max_length)
    found = [
        [
            ScoredSpan(max(span.start, start), min(span.end, end), "dis")
            for span in spans
            if span.start < end and start < span.end
        ]
        for start, end in windows
    ]
    assert join_windows(windows, found) == spans


def test_seam_is_nearest_to_the_middle():
    windows = [TextRange(0, 12), TextRange(4, 16)]
    left, right = ScoredSpan(7, 9, "left"), ScoredSpan(7, 9, "right")
    assert join_windows(windows, [[left], [right]]) == [right]
    left, right = ScoredSpan(6, 8, "left"), ScoredSpan(6, 8, "right")
    assert join_windows(windows, [[left], [right]]) == [left]


def test_without_a_seam_free_in_both_the_left_window_wins():
    windows = [TextRange(0, 8), TextRange(4, 12)]
    left = [ScoredSpan(3, 6, "a"), ScoredSpan(6, 8, "b")]
    right = [ScoredSpan(4, 7, "c"), ScoredSpan(7, 10, "d"), ScoredSpan(10, 12, "e")]
    assert join_windows(windows, [left, right]) == [left[0], right[1], right[2]]


def test_an_entity_that_was_left_out_leaves_out_no_other():
    windows = [TextRange(0, 8), TextRange(4, 12), TextRange(8, 16)]
    found = [[ScoredSpan(start, end, "x")] for start, end in windows]
    assert join_windows(windows, found) == [found[0][0], found[2][0]]


def test_what_is_inside_an_entity_that_was_left_out_is_so_too():
    windows = [TextRange(0, 8), TextRange(4, 12)]
    left = [ScoredSpan(3, 6, "a"), ScoredSpan(6, 8, "b")]
    right = [ScoredSpan(4, 10, "c"), ScoredSpan(8, 10, "d"), ScoredSpan(10, 12, "e")]
    assert join_windows(windows, [left, right]) == [left[0], right[2]]


@st.composite
def disagreeing_windows(draw):
    length, max_length = draw(st.integers(1, 80)), draw(st.integers(1, 20))
    windows = split_windows("痰" * length, max_length)
    found = []
    for start, end in windows:
        places = sorted(draw(st.sets(st.integers(start, end), max_size=10)))
        found.append([ScoredSpan(a, b, "x") for a, b in pairwise(places) if draw(st.booleans())])
    return windows, found


@given(disagreeing_windows())
def test_joined_entities_are_whole_and_apart(case):
    windows, found = case
    joined = join_windows(windows, found)
    assert all(any(span in spans for spans in found) for span in joined)
    assert all(left.end <= right.start for left, right in pairwise(joined))


@given(TEXTS, st.text(" \n\u3000", max_size=3), st.integers(1, 20))
def test_white_space_around_a_text_changes_nothing(text, blank, max_length):
    text = "肺" + text  # a bracket that closes nothing would go with a line break before it
    moved = [(a + len(blank), b + len(blank)) for a, b in split_windows(text, max_length)]
    assert split_windows(blank + text + blank, max_length) == moved


@pytest.mark.parametrize("pattern", ["痰", "\n", "。痰", "，", "！”"])
def test_a_megabyte_of_anything(pattern):
    """Linear: the whole test would take hours if the search were quadratic."""
    text = pattern * (350_000 // len(pattern))
    windows = split_windows(text, 512, [(5, 700), (320_000, 320_900)])
    assert [window.end for window in windows[-1:]] == [len(text)] * bool(text.strip())
