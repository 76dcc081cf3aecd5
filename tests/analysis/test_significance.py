from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_strategies import PAIRS, entities

from spacy_cmner.analysis.scores import TypeCounts
from spacy_cmner.analysis.significance import compare_f1, count_documents
from spacy_cmner.errors import CmnerError

# correct and gold + predicted of four documents, two of them alike
A = np.array([[2, 4], [1, 5], [0, 3], [0, 3]])
B = np.array([[1, 4], [2, 6], [0, 2], [0, 2]])


def f1(rows):
    correct, total = rows.sum(axis=0)
    return 2 * correct / total if total else 0.0


def all_resamples():
    for rows in product(range(4), repeat=4):
        yield f1(A[list(rows)]) - f1(B[list(rows)])


def all_exchanges():
    for kept in product([True, False], repeat=4):
        keep = np.array(kept)[:, None]
        yield f1(np.where(keep, A, B)) - f1(np.where(keep, B, A))


def test_against_enumeration():
    """Four documents have 256 resamples and 16 exchanges: the tests draw from these."""
    observed = f1(A) - f1(B)
    resamples = np.array([*all_resamples()])
    exchanges = np.array([*all_exchanges()])
    result = compare_f1(A, B, samples=40_000)
    assert result.difference == pytest.approx(observed)
    far = np.abs(resamples - observed) >= abs(observed) - 1e-12
    assert result.p_bootstrap == pytest.approx(far.mean(), abs=0.015)
    far = np.abs(exchanges) >= abs(observed) - 1e-12
    assert result.p_randomisation == pytest.approx(far.mean(), abs=0.015)
    assert result.low == pytest.approx(np.quantile(resamples, 0.025), abs=0.02)
    assert result.high == pytest.approx(np.quantile(resamples, 0.975), abs=0.02)


def test_a_clear_difference_is_significant():
    rng = np.random.default_rng(1)
    gold = rng.integers(1, 5, 200)
    better = np.stack([gold, 2 * gold], axis=1)
    worse = np.stack([gold - (rng.random(200) < 0.5), 2 * gold], axis=1)
    result = compare_f1(worse, better, samples=999)
    assert result.difference < 0
    assert result.high < 0
    assert result.p_bootstrap == result.p_randomisation == 1 / 1000


@given(PAIRS)
@settings(max_examples=25)
def test_identical_predictions_do_not_differ(pairs):
    counts = count_documents([gold for gold, _ in pairs], [found for _, found in pairs])
    result = compare_f1(counts, counts, samples=50)
    assert (result.difference, result.low, result.high) == (0.0, 0.0, 0.0)
    assert result.p_bootstrap == result.p_randomisation == 1.0


@given(PAIRS)
def test_counts_carry_the_f1(pairs):
    counts = TypeCounts()
    for gold, predicted in pairs:
        counts.add(gold, predicted)
    documents = count_documents([gold for gold, _ in pairs], [found for _, found in pairs])
    assert documents.shape == (len(pairs), 2)
    assert f1(documents) == pytest.approx(counts.total.f1)


@given(st.permutations(range(4)))
@settings(max_examples=10)
def test_the_order_of_documents_is_no_matter(order):
    assert compare_f1(A[order], B[order], samples=50) == compare_f1(A, B, samples=50)


def test_sides_and_seeds():
    result, turned = compare_f1(A, B, samples=2000), compare_f1(B, A, samples=2000)
    assert turned.difference == -result.difference
    assert turned.p_bootstrap == pytest.approx(result.p_bootstrap, abs=0.05)
    assert compare_f1(A, B, samples=100, seed=1) == compare_f1(A, B, samples=100, seed=1)
    assert compare_f1(A, B, samples=100, seed=1) != compare_f1(A, B, samples=100, seed=2)


def test_samples_in_chunks(monkeypatch):
    monkeypatch.setattr("spacy_cmner.analysis.significance._CHUNK", 9)
    result = compare_f1(A, B, samples=1001)
    assert result.p_randomisation == pytest.approx(
        np.mean([abs(d) >= abs(f1(A) - f1(B)) - 1e-12 for d in all_exchanges()]), abs=0.08
    )


def test_what_cannot_be_compared():
    with pytest.raises(CmnerError, match="CM508"):
        compare_f1(A, B[:3])
    with pytest.raises(CmnerError, match="CM508"):
        compare_f1(A, B, samples=0)


def test_counts_by_hand():
    gold = [entities((0, 2, "bod"), (3, 4, "sym")), entities()]
    found = [entities((0, 2, "bod"), (3, 4, "dis"), (5, 6, "sym")), entities()]
    assert count_documents(gold, found).tolist() == [[1, 5], [0, 0]]
