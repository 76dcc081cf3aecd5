import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span

from spacy_cmner.pipeline.policies import POLICIES, Candidate

DOC = spacy.blank("zh")("肺炎支原体感染症状。")


def candidate(start, end, sources, score=0.5, label="X"):
    return Candidate(Span(DOC, start, end, label), tuple(sources.split("+")), score)


MODEL_LONG = candidate(0, 5, "model", 0.4)
RULE_IN_IT = candidate(0, 2, "dictionary", 0.9)
RULE_ACROSS = candidate(4, 7, "rules", 0.6)
BOTH = candidate(7, 9, "model+dictionary", 0.3)
ALL = [MODEL_LONG, RULE_IN_IT, RULE_ACROSS, BOTH]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("prefer_model", [MODEL_LONG, BOTH]),
        ("prefer_rules", [RULE_IN_IT, RULE_ACROSS, BOTH]),
        ("longest", [MODEL_LONG, BOTH]),
        ("highest_score", [RULE_IN_IT, RULE_ACROSS, BOTH]),
        ("agreement", [BOTH]),
    ],
)
def test_policies(policy, expected):
    assert POLICIES[policy](ALL) == expected


@pytest.mark.parametrize("policy", POLICIES)
def test_of_equals_the_first_stays(policy):
    first, second = candidate(0, 2, "model+icd"), candidate(0, 2, "model+icd", label="Y")
    assert POLICIES[policy]([first, second]) == [first]
    assert POLICIES[policy]([second, first]) == [second]


@pytest.mark.parametrize("policy", POLICIES)
def test_of_equals_the_longer_then_the_left_one_stays(policy):
    short, long, right = (candidate(a, b, "model+icd") for a, b in [(0, 2), (1, 4), (3, 6)])
    assert POLICIES[policy]([right, short, long]) == [long]


CANDIDATES = st.lists(
    st.builds(
        lambda start, size, sources, score: candidate(start, start + size, sources, score),
        st.integers(0, 6),
        st.integers(1, 4),
        st.sampled_from(["model", "dictionary", "model+rules", "icd+rules"]),
        st.floats(0, 1),
    ),
    max_size=8,
)


@pytest.mark.parametrize("policy", POLICIES)
@given(CANDIDATES)
def test_none_overlap_and_none_that_fits_is_left_out(policy, candidates):
    chosen = POLICIES[policy](candidates)
    tokens = [i for c in chosen for i in range(c.span.start, c.span.end)]
    assert tokens == sorted(set(tokens))
    for c in candidates:
        if POLICIES[policy].accepts(c):
            assert not set(tokens).isdisjoint(range(c.span.start, c.span.end))
