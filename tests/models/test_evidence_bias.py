"""The bias of hits, against one written out tag by tag and against all paths of the CRF."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinc.api import Linear, Ragged

from spacy_cmner.errors import CmnerError
from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.models.crf_tagger import (
    add_evidence,
    build_crf_tagger,
    decode,
    decode_kbest,
    loss_and_gradient,
    resize_output,
    scale_scores,
    score_spans,
)
from spacy_cmner.models.evidence import Evidence

SCHEME = TagScheme(["a", "b"])
LENGTHS = [3, 2]
HITS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 3),
        st.sampled_from(["a", "b", "list"]),
        st.floats(-3, 3, width=32),
    ),
    max_size=6,
)


def to_evidence(hits) -> Evidence:
    columns = list(zip(*hits, strict=True)) or [(), (), (), ()]
    dtypes = (np.int64, np.int64, np.str_, np.float32)
    return Evidence(*(np.array(c, dtype=d) for c, d in zip(columns, dtypes, strict=True)))


def build(learned=("list", "a"), seed=0):
    """A tagger with random scores; its encoder is not used."""
    model = build_crf_tagger(Linear(), None, None if learned is None else list(learned))
    resize_output(model, SCHEME.n_tags)
    rng = np.random.default_rng(seed)
    for node in model.layers[2:]:
        node.initialize()
        for name in node.param_names:
            shape = node.get_param(name).shape
            node.set_param(name, rng.normal(size=shape).astype("float32"))
    scores = rng.normal(size=(sum(LENGTHS), SCHEME.n_tags)).astype("float32")
    return model, Ragged(scores, np.array(LENGTHS, dtype="int32"))


def expected_scores(model, emissions, hits) -> np.ndarray:
    """The emissions with the bias, as its definition says."""
    scores = emissions.dataXd.astype("float64")
    for character, place, label, weight in hits:
        if label in SCHEME.labels:
            scores[character, SCHEME.tags.index(f"{'BIES'[place]}-{label}")] += weight
        for number, name in enumerate(["list", "a"]):
            if label == name:
                scores[character] += model.get_ref("evidence").get_param("bias")[4 * number + place]
    return scores


def all_paths(model, scores) -> dict[tuple[int, ...], float]:
    """Each legal tag sequence of the first sentence, with its log-probability."""
    crf = model.get_ref("transitions")
    moves, start, end = (crf.get_param(name) for name in ("transitions", "start", "end"))
    paths = {}
    for tags in product(range(SCHEME.n_tags), repeat=LENGTHS[0]):
        pairs = list(pairwise(tags))
        legal = SCHEME.start_mask[tags[0]] and SCHEME.end_mask[tags[-1]]
        if legal and all(SCHEME.transition_mask[pair] for pair in pairs):
            emitted = sum(scores[i, tag] for i, tag in enumerate(tags))
            paths[tags] = start[tags[0]] + end[tags[-1]] + sum(moves[p] for p in pairs) + emitted
    total = np.logaddexp.reduce(list(paths.values()))
    return {tags: score - total for tags, score in paths.items()}


@given(HITS)
def test_bias_is_added_tag_by_tag(hits):
    model, emissions = build()
    biased = add_evidence(model, emissions, SCHEME, to_evidence(hits))
    np.testing.assert_allclose(biased.dataXd, expected_scores(model, emissions, hits), atol=1e-4)


def test_decoding_scores_and_best_readings_are_exact_with_it():
    model, emissions = build()
    hits = [(0, 0, "a", 1.5), (1, 2, "a", 1.5), (1, 3, "list", 0.0), (2, 3, "b", -0.5)]
    biased = add_evidence(model, emissions, SCHEME, to_evidence(hits))
    paths = all_paths(model, expected_scores(model, emissions, hits))
    ranked = sorted(paths, key=paths.__getitem__, reverse=True)

    found = decode_kbest(model, biased, SCHEME, 5)[0]
    assert [tuple(tags) for tags, _ in found] == ranked[:5]
    assert [p for _, p in found] == pytest.approx([paths[tags] for tags in ranked[:5]], abs=1e-4)
    assert tuple(decode(model, biased, SCHEME)[: LENGTHS[0]]) == ranked[0]
    holding = [p for tags, p in paths.items() if (0, 2, "a") in SCHEME.decode(np.array(tags))]
    assert score_spans(model, biased, SCHEME, [(0, 2, "a")]) == pytest.approx(
        [np.exp(holding).sum()], abs=1e-5
    )
    assert ranked[0] != tuple(decode(model, emissions, SCHEME)[: LENGTHS[0]])


def test_gradient_of_the_learned_bias_is_that_of_the_loss():
    model, emissions = build()
    evidence = to_evidence([(0, 0, "list", 0.0), (1, 2, "list", 0.0), (4, 3, "a", 1.0)])
    gold = np.concatenate([SCHEME.encode(3, [(0, 2, "b")]), SCHEME.encode(2, [(1, 2, "a")])])
    loss, _ = loss_and_gradient(model, emissions, SCHEME, gold, evidence)
    node = model.get_ref("evidence")
    gradient = node.get_grad("bias").copy()
    bias = node.get_param("bias")
    assert np.flatnonzero(abs(gradient).sum(axis=1)).tolist() == [0, 2, 7]
    for place in ((0, 0), (0, 5), (2, 7), (7, 4)):
        bias[place] += 1e-2
        slope = (loss_and_gradient(model, emissions, SCHEME, gold, evidence)[0] - loss) / 1e-2
        bias[place] -= 1e-2
        assert gradient[place] == pytest.approx(slope, rel=0.05, abs=2e-3)


@pytest.mark.parametrize("learned", [["list", "a"], None])
def test_gradient_of_the_emissions_is_the_same_with_the_bias_in_them(learned):
    model, emissions = build(learned)
    evidence = to_evidence([(0, 0, "a", 1.0), (1, 2, "a", 1.0)])
    gold = np.concatenate([SCHEME.encode(3, []), SCHEME.encode(2, [])])
    loss, gradient = loss_and_gradient(model, emissions, SCHEME, gold, evidence)
    biased = add_evidence(model, emissions, SCHEME, evidence)
    expected, expected_gradient = loss_and_gradient(model, biased, SCHEME, gold)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(gradient.dataXd, expected_gradient.dataXd, atol=1e-6)


def test_more_tags_leave_the_learned_bias_as_it_was():
    model, _ = build()
    before = model.get_ref("evidence").get_param("bias").copy()
    resize_output(model, 13)
    after = model.get_ref("evidence").get_param("bias")
    np.testing.assert_array_equal(after[:, :9], before)
    assert after.shape == (8, 13) and not after[:, 9:].any()


def test_unknown_label_is_named():
    model, emissions = build(learned=None)
    with pytest.raises(CmnerError, match=r"CM319.*'list'.*a, b"):
        add_evidence(model, emissions, SCHEME, to_evidence([(0, 3, "list", 1.0)]))


def test_no_hits_cost_nothing():
    model, emissions = build()
    assert add_evidence(model, emissions, SCHEME, to_evidence([])) is emissions


@given(HITS, st.floats(0.25, 4))
def test_scaled_scores_keep_the_order_of_the_readings(hits, factor):
    model, emissions = build(("list", "a", "b"))
    evidence = to_evidence([(*hit[:3], 0.0) for hit in hits])

    def log_odds(emissions):
        scores = add_evidence(model, emissions, SCHEME, evidence)
        return [
            log_probability - best
            for [(_, best), *others] in decode_kbest(model, scores, SCHEME, 3)
            for _, log_probability in others
        ]

    before = log_odds(emissions)
    model.get_ref("output_layer").initialize(X=np.ones((1, 2), dtype="float32"))
    scale_scores(model, factor)
    after = log_odds(Ragged(emissions.dataXd * np.float32(factor), emissions.lengths))
    assert after == pytest.approx([factor * odds for odds in before], abs=1e-4)
