"""Decoding by the probability of entities, against enumeration of all paths and all sets."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.layers.crf import TagScheme, crf_decode, crf_span_scores
from spacy_cmner.layers.crf_spans import choose_apart, crf_decode_spans

SCHEME = TagScheme(["dis", "sym"])


def random_scores(lengths, seed, scale, scheme=SCHEME):
    rng = np.random.default_rng(seed)
    n_tags = scheme.n_tags
    emissions = rng.normal(size=(sum(lengths), n_tags)) * scale
    return (
        emissions,
        np.array(lengths, dtype=np.int32),
        rng.normal(size=(n_tags, n_tags)),
        rng.normal(size=n_tags),
        rng.normal(size=n_tags),
    )


def all_spans(lengths):
    """Every span that fits into a sentence, in packed positions."""
    begin = 0
    for length in lengths:
        for start, end in itertools.combinations(range(begin, begin + length + 1), 2):
            yield from ((start, end, label) for label in SCHEME.labels)
        begin += length


def is_apart(spans):
    return all(a[1] <= b[0] or b[1] <= a[0] for a, b in itertools.combinations(spans, 2))


def best_apart(spans, gains):
    starts, ends = np.array([span[:2] for span in spans], dtype=np.int64).reshape(-1, 2).T
    return choose_apart(starts, ends, gains).tolist()


def most_gain(spans, gains):
    """By trying all sets."""
    numbers = range(len(spans))
    sets = itertools.chain.from_iterable(
        itertools.combinations(numbers, size) for size in range(len(spans) + 1)
    )
    return max(
        sum(gains[i] for i in chosen) for chosen in sets if is_apart([spans[i] for i in chosen])
    )


SPANS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from(SCHEME.labels)),
    unique=True,
    max_size=9,
).map(lambda spans: [(start, start + size, label) for start, size, label in spans])


@given(SPANS, st.data())
def test_spans_apart_gain_the_most(spans, data):
    sixteenths = st.integers(-16, 16).map(lambda n: n / 16)  # so that sums are exact
    gains = np.array(data.draw(st.lists(sixteenths, min_size=len(spans), max_size=len(spans))))
    chosen = best_apart(spans, gains)
    assert is_apart([spans[i] for i in chosen])
    assert [spans[i] for i in chosen] == sorted(spans[i] for i in chosen)
    assert sum(gains[chosen]) == most_gain(spans, gains)


def with_more_moves():
    """The scheme, and one that lets a few more tags follow each other."""
    other = TagScheme(SCHEME.labels)
    more = np.random.default_rng(0).random(other.transition_mask.shape) < 0.2
    other.transition_mask = SCHEME.transition_mask | more
    return SCHEME, other


@pytest.mark.parametrize("scheme", with_more_moves(), ids=["BIOES", "more moves"])
@pytest.mark.parametrize("scale", [0.3, 2.0])
@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
    threshold=st.sampled_from([0.02, 0.1, 0.3, 0.5, 0.9]),
)
def test_none_is_overlooked(scheme, scale, lengths, seed, threshold):
    scores = random_scores(lengths, seed, scale)
    spans = list(all_spans(lengths))
    exact = crf_span_scores(*scores, scheme, spans)
    found, probabilities = crf_decode_spans(*scores, scheme, threshold)
    expected = dict(zip(spans, exact, strict=True))
    np.testing.assert_allclose(probabilities, [expected[span] for span in found], atol=1e-9)
    best = best_apart(spans, exact - threshold)
    assert found == [spans[i] for i in best]


@given(seed=st.integers(0, 1000))
def test_at_one_half_all_that_is_more_probable_than_not(seed):
    """Two entities that overlap cannot both be so."""
    lengths = [4, 3]
    scores = random_scores(lengths, seed, 2.0)
    spans = list(all_spans(lengths))
    exact = crf_span_scores(*scores, SCHEME, spans)
    found, _ = crf_decode_spans(*scores, SCHEME, 0.5)
    assert set(found) == {span for span, p in zip(spans, exact, strict=True) if p >= 0.5}


@given(seed=st.integers(0, 1000), threshold=st.sampled_from([0.05, 0.5, 1.0]))
def test_what_is_decided_stays(seed, threshold):
    scores = random_scores([5], seed, 1.0)
    allowed = SCHEME.constrain(5, [(1, 3, "sym")], np.array([False, False, False, True, False]))
    found, probabilities = crf_decode_spans(*scores, SCHEME, threshold, allowed=allowed)
    assert (1, 3, "sym") in found
    assert all(end <= 3 or start > 3 for start, end, _ in found)
    assert probabilities[found.index((1, 3, "sym"))] == pytest.approx(1.0)


def test_a_sure_model_finds_the_same_as_viterbi():
    emissions, lengths, *moves = random_scores([6, 5], 3, 1.0)
    tags, _ = crf_decode(emissions, lengths, *moves, SCHEME.masks)
    emissions[np.arange(11), tags] += 60.0
    found, _ = crf_decode_spans(emissions, lengths, *moves, SCHEME, 0.5)
    assert found == SCHEME.decode(tags)


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0, 1e4])
def test_single_precision_and_extreme_scores(scale):
    """Of two entities that are exactly as probable any may be taken, so none is compared."""
    scheme = TagScheme(list("abcdefghi"))
    arrays = random_scores([50, 3, 0, 120], 0, scale, scheme)
    scores = [array.astype(np.float32) if array.dtype == float else array for array in arrays]
    found, probabilities = crf_decode_spans(*scores, scheme, 0.1)
    doubles = [array.astype(float) if array.dtype == np.float32 else array for array in scores]
    exact = crf_span_scores(*doubles, scheme, found)
    np.testing.assert_allclose(probabilities, exact, atol=1e-4)
    assert (probabilities <= 1).all() and found and is_apart(found)


def test_what_is_decided_stays_in_single_precision():
    """However long it is: rounding adds up along an entity."""
    emissions, lengths, *moves = random_scores([400], 1, 5.0)
    scores = [emissions.astype(np.float32), lengths, *(m.astype(np.float32) for m in moves)]
    decided = [(0, 150, "sym"), (160, 161, "dis"), (200, 400, "dis")]
    allowed = SCHEME.constrain(400, decided)
    found, probabilities = crf_decode_spans(*scores, SCHEME, 1.0, allowed=allowed)
    assert found == decided
    np.testing.assert_allclose(probabilities, 1.0, atol=1e-6)


def test_more_candidates_than_characters():
    """All entities of one character are equally probable, and all of them are candidates."""
    scheme = TagScheme([f"{k:02}" for k in range(20)])
    emissions = np.full((400, scheme.n_tags), -50.0)
    emissions[:, 4::4] = 0.0
    moves = np.zeros((scheme.n_tags, scheme.n_tags)), *np.zeros((2, scheme.n_tags))
    found, probabilities = crf_decode_spans(emissions, np.array([400]), *moves, scheme, 0.04)
    assert [span[:2] for span in found] == [(i, i + 1) for i in range(400)]
    np.testing.assert_allclose(probabilities, 0.05)


def test_bad_scores_are_an_error():
    emissions, lengths, *moves = random_scores([2, 3], 0, 1.0)
    with pytest.raises(CmnerError, match="CM305"):
        crf_decode_spans(emissions[1:], lengths, *moves, SCHEME, 0.3)
    allowed = np.ones(emissions.shape, dtype=bool)
    allowed[2] = False
    with pytest.raises(CmnerError, match=r"CM306.*Sentence 1 "):
        crf_decode_spans(emissions, lengths, *moves, SCHEME, 0.3, allowed=allowed)
    emissions[3, 1] = np.nan
    with pytest.raises(CmnerError, match=r"CM307.*sentence 1, character 3 "):
        crf_decode_spans(emissions, lengths, *moves, SCHEME, 0.3)


def test_no_text():
    scores = random_scores([0], 0, 1.0)
    found, probabilities = crf_decode_spans(*scores, SCHEME, 0.3)
    assert found == [] and len(probabilities) == 0
