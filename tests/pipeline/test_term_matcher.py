import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.boundaries import WordBoundaries
from spacy_cmner.pipeline.term_matcher import TermMatcher

TERMS = [("肺", "bod"), ("肺炎", "dis"), ("支气管肺炎", "dis"), ("炎症反应", "sym"), ("CT", "pro")]


def matcher(terms=TERMS, **settings):
    made = TermMatcher(**settings)
    made.add(terms)
    return made


def found(text, made):
    return [(text[start:end], label) for start, end, label in made(text)]


def test_longest():
    assert found("支气管肺炎，肺CT", matcher()) == [
        ("支气管肺炎", "dis"),
        ("肺", "bod"),
        ("CT", "pro"),
    ]


def test_longest_goes_before_leftmost():
    assert found("肺炎症反应", matcher()) == [("肺", "bod"), ("炎症反应", "sym")]


def test_all():
    assert found("支气管肺炎", matcher(match="all")) == [
        ("支气管肺炎", "dis"),
        ("肺炎", "dis"),
        ("肺", "bod"),
    ]


def test_several_types_in_the_order_given():
    terms = [("黄连", "ite"), ("黄连", "dru"), ("黄连", "ite")]
    assert found("黄连", matcher(terms)) == [("黄连", "ite"), ("黄连", "dru")]


@pytest.mark.parametrize("text", ["ＣＴ", "ct", "Ct", "CＴ"])
def test_folding(text):
    assert found(text, matcher()) == [(text, "pro")]
    assert found(text, matcher(fold_width=False, fold_case=False)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("行CT检查", 1),
        ("ACTH", 0),
        ("CTA", 0),
        ("ＣＴＡ", 0),
        ("CT2", 0),
        ("3CT", 0),
        ("CT", 1),
        ("CT-CT", 2),
    ],
)
def test_whole_words(text, expected):
    assert len(matcher()(text)) == expected


def test_parts_of_words_on_request():
    assert found("ACTH", matcher(whole_words=False)) == [("CT", "pro")]


def test_boundaries_of_words():
    terms = [("学生", "X"), ("医院", "Y")]
    assert found("大学生医院", matcher(terms)) == [("学生", "X"), ("医院", "Y")]
    made = matcher(terms, boundaries=WordBoundaries("jieba"))
    assert found("大学生医院", made) == [("医院", "Y")]
    assert found("大学生医院", matcher([("大学", "X")], boundaries=WordBoundaries("jieba"))) == []


def test_words_are_looked_for_in_texts_with_matches_only():
    asked = []
    made = matcher(boundaries=lambda text: [asked.append(text), every_second(text)][1])
    assert [len(spans) for spans in made.find(["无", "头部肺炎", "胃", "CTA"])] == [0, 1, 0, 0]
    assert asked == ["头部肺炎"]


def test_stop_terms_are_never_found():
    made = matcher()
    made.stop(["ＣT", "支气管肺炎"])
    assert found("支气管肺炎CT", made) == [("肺炎", "dis")]
    made.add([("ct", "pro")])
    assert found("CT", made) == []
    made.unstop(["ct"])
    assert found("CT", made) == [("CT", "pro")]


def test_terms_come_and_go():
    made = matcher([("肺", "bod")])
    assert found("肺炎", made) == [("肺", "bod")]
    assert made.add([("肺炎", "dis"), ("肺炎", "sym"), ("肺炎", "dis")]) == 2
    assert found("肺炎", made) == [("肺炎", "dis"), ("肺炎", "sym")]
    assert made.remove(["肺炎"], label="") == 0
    assert made.remove(["肺炎"], label="dis") == 1
    assert found("肺炎", made) == [("肺炎", "sym")]
    assert made.remove(["肺炎", "胃"]) == 1
    assert found("肺炎", made) == [("肺", "bod")]
    made.clear()
    assert found("肺炎", made) == []
    assert len(made) == 0


def test_codes_belong_to_a_term_and_a_type():
    made = matcher([("ＣＴ", "pro", "P1"), ("ct", "ite"), ("CT", "dis", " D1 "), ("肺", "bod", "")])
    codes = [made.code("Ct", label) for label in ("pro", "ite", "dis", "X")]
    assert codes == ["P1", "", "D1", ""]
    assert made.code("肺", "bod") == made.code("胃", "bod") == ""
    assert made.add([("CT", "ite", "T1"), ["CT", "pro", "P1"]]) == 0
    assert made.code("CT", "ite") == "T1"
    made.remove(["ct"], label="pro")
    made.add([("CT", "pro")])
    assert [made.code("CT", label) for label in ("pro", "ite")] == ["", "T1"]


@pytest.mark.parametrize("change", [lambda made: made.remove(["CT"]), TermMatcher.clear])
def test_codes_go_with_their_terms(change):
    made = matcher([("CT", "pro", "P1"), ("CT", "ite", "T1")])
    assert made.has_codes
    change(made)
    assert not made.has_codes
    made.add([("CT", "pro")])
    assert made.code("CT", "pro") == ""


def test_the_first_code_stays():
    made = matcher([])
    with pytest.warns(CmnerWarning, match=r"CM438.*1 terms.*心梗, dis: I21, not I22"):
        made.add([("心梗", "dis", "I21"), ("心梗", "dis", "I22"), ("心梗", "sym", "R1")])
    assert [made.code("心梗", label) for label in ("dis", "sym")] == ["I21", "R1"]


@pytest.mark.parametrize("entry", [("肺", "bod", None), ("肺", "bod", 3), ("肺", "bod", "1", "2")])
def test_a_faulty_code_is_refused_and_none_added(entry):
    made = matcher([])
    with pytest.raises(CmnerError, match="CM420"):
        made.add([("心", "bod"), entry])
    assert len(made) == 0


def test_blanks_at_the_edges_are_no_part_of_a_term():
    made = matcher([(" 头痛 ", "sym"), ("CT\n", "pro")])
    made.stop(["\u3000CT"])
    assert found("头痛，CT", made) == [("头痛", "sym")]
    made.unstop([" CT "])
    assert made.remove([" 头痛 ", "头痛"]) == 1
    assert found("头痛，CT", made) == [("CT", "pro")]


def test_types_and_codes_are_cleaned_as_terms_are():
    made = matcher([("肺\ud800", " X\udfff ", "C\ud800\n")])
    assert list(made) == [("肺�", ("X�",))]
    assert made.code("肺\ud800", "X�") == "C�"
    assert made("肺\udfff") == [(0, 2, "X�")]


@pytest.mark.parametrize("change", ["remove", "stop", "unstop"])
def test_every_change_takes_terms_only(change):
    made = matcher()
    with pytest.raises(CmnerError, match="CM414"):
        getattr(made, change)(["肺炎", " "])
    with pytest.raises(CmnerError, match="CM420"):
        getattr(made, change)("肺炎")
    assert found("肺炎", made) == [("肺炎", "dis")]


@pytest.mark.parametrize("entry", ["肺炎", ("肺炎",), 3, None, {"肺炎", "dis"}])
def test_what_is_no_pair_is_refused_and_none_added(entry):
    made = matcher([])
    with pytest.raises(CmnerError, match="CM420"):
        made.add([("肺", "bod"), entry])
    assert len(made) == 0


@pytest.mark.parametrize("term", ["", "  ", None, 3])
def test_a_faulty_term_is_refused_and_none_added(term):
    made = matcher([])
    with pytest.raises(CmnerError, match="CM414"):
        made.add([("肺", "bod"), (term, "bod")])
    assert len(made) == 0


@pytest.mark.parametrize("label", ["", " ", None])
def test_a_faulty_type_is_refused(label):
    with pytest.raises(CmnerError, match="CM403"):
        matcher([("肺", label)])


def test_another_way_to_match_is_refused():
    with pytest.raises(CmnerError, match=r"CM413.*shortest"):
        TermMatcher(match="shortest")


def test_terms_stay_if_those_to_replace_them_are_refused():
    made = matcher([("肺炎", "dis", "J18")])
    made.stop(["肺"])
    with pytest.raises(CmnerError, match="CM414"):
        made.replace([("胃炎", "dis"), (" ", "dis")])
    with pytest.raises(CmnerError, match="CM414"):
        made.replace([("胃炎", "dis")], [""])
    assert list(made) == [("肺炎", ("dis",))]
    assert made.stop_terms == ["肺"]
    made.replace([("胃炎", "dis")], ["炎"])
    assert list(made) == [("胃炎", ("dis",))]
    assert made.stop_terms == ["炎"] and not made.has_codes
    assert found("肺炎、胃炎", made) == [("胃炎", "dis")]


@pytest.fixture
def switching():
    """Threads that take turns all the time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_search_while_others_change_the_terms(switching):
    kept = [("肺炎", "dis"), ("布洛芬", "dru")]
    made = matcher(kept)
    made("肺炎")  # compiles
    rounds, finished = range(100), Event()

    def change(name):
        for i in rounds:
            terms = [f"{name}{i}之{n}" for n in range(30)]
            assert made.add([(term, "X") for term in terms]) == 30
            assert made.remove(terms) == 30
            made.add([(f"{name}{i}", "X")])
            assert (f"{name}{i}", "X") in found(f"{name}{i}", made)

    def read():
        while not finished.is_set():
            assert found("肺炎，布洛芬", made) == kept
            assert [*made][:2] == [(term, (label,)) for term, label in kept]
            pickle.loads(pickle.dumps(made))

    def replace():
        while not finished.is_set():
            other.replace(kept[::-1])
            other.replace(kept)

    def read_what_is_replaced():
        while not finished.is_set():
            assert found("肺炎，布洛芬", other) == kept

    other = matcher(kept)
    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(work) for work in (read, read, replace, read_what_is_replaced)]
        try:
            pool.submit(change, "甲").result()
        finally:
            finished.set()
        for each in others:
            each.result()
    assert len(made) == len(kept) + len(rounds)


def test_pickles():
    made = matcher()
    made.stop(["CT"])
    made("肺")
    assert found("支气管肺炎CT", pickle.loads(pickle.dumps(made))) == [("支气管肺炎", "dis")]


ALPHABET = "肺炎aＡ1 \0\ud800𠮷"


@given(
    st.lists(st.text(ALPHABET, min_size=1, max_size=3).filter(str.strip)),
    st.text(ALPHABET, max_size=15),
    st.booleans(),
)
def test_finds_what_a_search_at_every_place_finds(terms, text, whole_words):
    made = matcher([(term, "X") for term in terms], match="all", whole_words=whole_words)
    folded = made.fold(text)
    keys = {made.fold(term.strip()) for term in terms}

    def stands_free(place):
        edge = folded[max(place - 1, 0) : place + 1]
        return len(edge) < 2 or place == 0 or not (edge.isascii() and edge.isalnum())

    expected = {
        (start, start + len(key))
        for key in keys
        for start in range(len(folded))
        if folded.startswith(key, start)
        and (not whole_words or (stands_free(start) and stands_free(start + len(key))))
    }
    spans = made(text)
    assert {(start, end) for start, end, _ in spans} == expected
    assert spans == sorted(spans, key=lambda span: (span.start, -span.end))


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=5), st.text("ab", max_size=15))
def test_longest_is_all_less_what_overlaps_a_longer_one(terms, text):
    pairs = [(term, "X") for term in terms]
    left = matcher(pairs, match="all", whole_words=False)(text)
    expected = []
    while left:
        best = min(left, key=lambda span: (span.start - span.end, span.start))
        expected.append(best)
        left = [span for span in left if span.end <= best.start or span.start >= best.end]
    assert matcher(pairs, whole_words=False)(text) == sorted(expected)


@given(
    st.lists(st.text(ALPHABET, min_size=1, max_size=3).filter(str.strip)),
    st.lists(st.text(ALPHABET, max_size=8), max_size=5),
    st.sampled_from(["longest", "all"]),
    st.booleans(),
)
def test_several_texts_are_searched_as_each_alone(terms, texts, match, with_boundaries):
    made = matcher(
        [(term, label) for term in terms for label in "XY"],
        match=match,
        boundaries=every_second if with_boundaries else None,
    )
    assert made.find(texts) == [made(text) for text in texts]


def every_second(text):
    boundaries = np.zeros(len(text) + 1, dtype=np.bool_)
    boundaries[::2] = True
    return boundaries
