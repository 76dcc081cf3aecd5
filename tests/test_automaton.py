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
