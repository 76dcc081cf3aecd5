from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.automaton import Automaton

WORDS = st.lists(st.text("肺炎支a𠮷 ", min_size=1, max_size=4), unique=True, max_size=8)
TEXTS = st.lists(st.text("肺炎支a𠮷 ", max_size=12), min_size=1, max_size=4)


@given(WORDS, TEXTS)
def test_finds_what_a_search_at_every_place_finds(words, texts):
    packed, expected = 0, []
    for text in texts:
        expected += [
            (number, packed + start, packed + start + len(word))
            for number, word in enumerate(words)
            for start in range(len(text))
            if text.startswith(word, start)
        ]
        packed += len(text)
    found = zip(*(column.tolist() for column in Automaton(words)(texts)), strict=True)
    assert sorted(found) == sorted(expected)


def test_no_words_no_matches():
    assert [len(column) for column in Automaton([])(["肺炎"])] == [0, 0, 0]


def test_finds_nothing_across_texts():
    assert len(Automaton(["肺炎"])(["肺", "炎"]).words) == 0


def test_finds_more_occurrences_than_there_are_characters():
    words = ["a" * length for length in range(1, 6)]
    found = Automaton(words)(["a" * 100, "a" * 3])
    assert len(found.words) == (100 + 99 + 98 + 97 + 96) + (3 + 2 + 1)
    # In the order of their ends, the longest first.
    assert found.words[-3:].tolist() == [2, 1, 0]
    assert found.starts[-3:].tolist() == [100, 101, 102]


def test_finds_lone_surrogates_and_nul():
    found = Automaton(["\ud800", "\0炎", "𠮷"])(["肺\ud800", "\0炎𠮷"])
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [
        (0, 1, 2),
        (1, 2, 4),
        (2, 4, 5),
    ]
