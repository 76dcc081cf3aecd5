"""The CRF on both backends against enumeration, finite differences and pytorch-crf."""

import itertools
import random

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchcrf import CRF

from spacy_cmner.errors import CmnerError
from spacy_cmner.layers import crf_torch
from spacy_cmner.layers.crf import (
    TagMasks,
    TagScheme,
    crf_decode,
    crf_kbest,
    crf_log_partition,
    crf_loss,
    crf_span_scores,
)

SCHEME = TagScheme(["dis", "sym"])
ONE = TagScheme(["dis"])
LENGTHS = np.array([3, 0, 1, 5, 4], dtype=np.int32)


@pytest.fixture(params=["numpy", "torch"], scope="module")
def backend(request):
    """Call a CRF function with arrays of one library; results come back as NumPy."""

    def to_backend(value):
        is_array = isinstance(value, np.ndarray) and request.param == "torch"
        return torch.from_numpy(value) if is_array else value

    def call(function, *args, **kwargs):
        result = function(*map(to_backend, args), **{k: to_backend(v) for k, v in kwargs.items()})
        expected = np.ndarray if request.param == "numpy" else torch.Tensor
        several = isinstance(result, tuple)
        arrays = result if several else (result,)
        assert all(isinstance(array, expected) for array in arrays)
        converted = tuple(np.asarray(array) for array in arrays)
        return converted if several else converted[0]

    return call


class Problem:
    """Random scores for a packed batch, and random sets of allowed tags that hold a legal path."""

    def __init__(self, scheme=SCHEME, lengths=LENGTHS, seed=0, scale=1.0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        self.scheme = scheme
        self.lengths = lengths
        n_characters, n_tags = int(lengths.sum()), scheme.n_tags
        self.emissions = (rng.normal(size=(n_characters, n_tags)) * scale).astype(dtype)
        self.transitions = rng.normal(size=(n_tags, n_tags)).astype(dtype)
        self.start = rng.normal(size=n_tags).astype(dtype)
        self.end = rng.normal(size=n_tags).astype(dtype)
        self.masks = scheme.masks
        self.gold, _ = crf_decode(
            rng.normal(size=self.emissions.shape), lengths, *self.parameters, self.masks
        )
        self.allowed = rng.random(self.emissions.shape) < 0.4
        self.allowed[np.arange(n_characters), self.gold] = True

    @property
    def parameters(self):
        return self.transitions, self.start, self.end

    @property
    def scores(self):
        """Arguments of every function but the loss."""
        return self.emissions, self.lengths, *self.parameters, self.masks

    @property
    def target(self):
        """Arguments of the loss."""
        return self.emissions, self.lengths, self.allowed, *self.parameters, self.masks

    def sentences(self):
        """The slice of each sentence."""
        stops = np.cumsum(self.lengths)
        return [slice(stop - n, stop) for stop, n in zip(stops, self.lengths, strict=True)]

    def paths(self, sentence, allowed=None):
        """All legal paths of a sentence with their scores, one by one: the oracle."""
        found = []
        permitted = np.ones_like(self.allowed) if allowed is None else allowed
        choices = [np.flatnonzero(row) for row in permitted[sentence]]
        for path in itertools.product(*choices):
            moves = list(itertools.pairwise(path))
            if not path:
                found.append(((), 0.0))
            elif (
                self.masks.start[path[0]]
                and self.masks.end[path[-1]]
                and all(self.masks.transition[move] for move in moves)
            ):
                parts = [self.start[path[0]], self.end[path[-1]]]
                parts += [self.transitions[move] for move in moves]
                parts += list(self.emissions[sentence][np.arange(len(path)), path])
                found.append((tuple(map(int, path)), sum(map(float, parts))))
        return found

    def counts(self, allowed=None):
        """How often each tag and each move is used, expected over the legal paths."""
        tags, moves = np.zeros(self.emissions.shape), np.zeros(self.transitions.shape)
        for sentence in self.sentences():
            paths = self.paths(sentence, allowed)
            total = np.logaddexp.reduce([score for _, score in paths])
            for path, score in paths:
                weight = np.exp(score - total)
                tags[sentence][np.arange(len(path)), path] += weight
                for move in itertools.pairwise(path):
                    moves[move] += weight
        return tags, moves

    def span_probabilities(self, allowed=None):
        """Of every span of the first label that fits into a sentence."""
        label = self.scheme.labels[0]
        found = {}
        for sentence in self.sentences():
            paths = self.paths(sentence, allowed)
            total = np.logaddexp.reduce([score for _, score in paths])
            for start, end in itertools.combinations(range(sentence.stop - sentence.start + 1), 2):
                tags = tuple(self.scheme.span_tags(end - start, label))
                span = (sentence.start + start, sentence.start + end, label)
                found[span] = sum(np.exp(s - total) for path, s in paths if path[start:end] == tags)
        return found

    def log_partition(self, allowed=None):
        return np.array(
            [
                np.logaddexp.reduce([score for _, score in self.paths(sentence, allowed)])
                for sentence in self.sentences()
            ]
        )


# The oracle visits all T^length sequences: few tags for the long sentences.
SMALL = [
    pytest.param({"scheme": SCHEME, "lengths": np.array([3, 0, 1, 2])}, id="two-labels"),
    pytest.param({"scheme": TagScheme(["dis"])}, id="one-label"),
    pytest.param({"scheme": TagScheme([])}, id="no-label"),
    pytest.param({"scheme": TagScheme(["dis"]), "scale": 30.0}, id="peaked"),
]


@pytest.fixture(params=SMALL)
def small(request):
    return Problem(**request.param)


def test_partition_sums_all_legal_paths(small, backend):
    log_z = backend(crf_log_partition, *small.scores)
    np.testing.assert_allclose(log_z, small.log_partition(), rtol=1e-12, atol=1e-12)
    log_z = backend(crf_log_partition, *small.scores, allowed=small.allowed)
    np.testing.assert_allclose(log_z, small.log_partition(small.allowed), rtol=1e-12, atol=1e-12)


def test_loss_is_the_log_odds_of_the_allowed_paths(small, backend):
    loss, *_ = backend(crf_loss, *small.target)
    expected = small.log_partition() - small.log_partition(small.allowed)
    np.testing.assert_allclose(loss, expected, rtol=1e-10, atol=1e-10)


def test_gradients_are_path_frequencies(small, backend):
    _, d_emissions, d_transitions, *_ = backend(crf_loss, *small.target)
    tags, moves = small.counts()
    allowed_tags, allowed_moves = small.counts(small.allowed)
    np.testing.assert_allclose(d_emissions, tags - allowed_tags, atol=1e-10)
    np.testing.assert_allclose(d_transitions, moves - allowed_moves, atol=1e-10)


def test_decode_finds_the_best_legal_path(small, backend):
    for allowed in (None, small.allowed):
        tags, scores = backend(crf_decode, *small.scores, allowed=allowed)
        assert tags.dtype == np.int32
        for sentence, score in zip(small.sentences(), scores, strict=True):
            path, best = max(small.paths(sentence, allowed), key=lambda found: found[1])
            assert tuple(tags[sentence]) == path
            assert score == pytest.approx(best)


@pytest.mark.parametrize("k", [1, 3, 1000])
def test_kbest_lists_the_best_paths_in_order(small, k):
    for allowed in (None, small.allowed):
        result = crf_kbest(*small.scores, k, allowed)
        for sentence, (paths, scores) in zip(small.sentences(), result, strict=True):
            expected = sorted(small.paths(sentence, allowed), key=lambda found: -found[1])[:k]
            assert [tuple(path) for path in paths.tolist()] == [path for path, _ in expected]
            np.testing.assert_allclose(scores, [score for _, score in expected])


@pytest.mark.parametrize("k", [0, -1])
def test_kbest_wants_one_or_more(small, k):
    with pytest.raises(CmnerError, match=rf"CM308.*{k}"):
        crf_kbest(*small.scores, k)


def test_span_scores_are_the_share_of_paths_with_the_span(backend):
    problem = Problem(ONE, np.array([4, 0, 3]))
    for allowed in (None, problem.allowed):
        expected = problem.span_probabilities(allowed)
        spans = list(expected)
        random.Random(0).shuffle(spans)
        arguments = *problem.scores[:-1], problem.scheme
        scores = backend(crf_span_scores, *arguments, spans, allowed=allowed)
        np.testing.assert_allclose(scores, [expected[span] for span in spans], atol=1e-12)


def one_label(transition=ONE.transition_mask, start=ONE.start_mask, end=ONE.end_mask):
    scheme = TagScheme(ONE.labels)
    scheme.transition_mask, scheme.start_mask, scheme.end_mask = transition, start, end
    return scheme


def turned(mask):
    """The mask with any of its answers turned over."""
    return arrays(np.bool_, mask.shape).map(mask.__xor__)


NOT_TWICE_INSIDE = ONE.transition_mask & ~np.diag(np.arange(5) == ONE.tags.index("I-dis"))
NEVER = np.zeros(5, dtype=np.bool_)


@given(
    scheme=st.builds(one_label, *map(turned, ONE.masks)),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=3).map(np.array),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1.0, 1e3]),
)
@example(one_label(NOT_TWICE_INSIDE), LENGTHS, 0, 1.0)
@example(one_label(np.diag(NEVER)), np.array([1, 1]), 0, 1.0)
@example(one_label(np.diag(NEVER)), np.array([1, 2]), 0, 1.0)
@example(one_label(start=NEVER), np.array([0, 2]), 0, 1.0)
@example(one_label(end=NEVER), np.array([0, 2]), 0, 1.0)
def test_any_masks(backend, scheme, lengths, seed, scale):
    """Also such as lead nowhere, or forbid everything."""
    problem = Problem(ONE, lengths, seed, scale)
    problem.scheme, problem.masks = scheme, scheme.masks
    for allowed in (None, problem.allowed):
        paths = [problem.paths(sentence, allowed) for sentence in problem.sentences()]
        if not all(paths):
            assert_no_path(backend, problem, allowed)
            return
        log_z = backend(crf_log_partition, *problem.scores, allowed=allowed)
        np.testing.assert_allclose(log_z, problem.log_partition(allowed), rtol=1e-9, atol=1e-9)
        tags, scores = backend(crf_decode, *problem.scores, allowed=allowed)
        readings = crf_kbest(*problem.scores, 3, allowed)
        results = zip(problem.sentences(), scores, readings, paths, strict=True)
        for sentence, score, (best, best_scores), every in results:
            expected = sorted(every, key=lambda path: -path[1])[:3]
            assert [tuple(path) for path in best.tolist()] == [path for path, _ in expected]
            np.testing.assert_allclose(best_scores, [score for _, score in expected])
            assert (tuple(tags[sentence]), pytest.approx(score)) == expected[0]
        spans = problem.span_probabilities(allowed)
        arguments = *problem.scores[:-1], scheme, list(spans)
        probabilities = backend(crf_span_scores, *arguments, allowed=allowed)
        np.testing.assert_allclose(probabilities, list(spans.values()), atol=1e-9)
    loss, d_emissions, d_transitions, d_start, d_end = backend(crf_loss, *problem.target)
    (tags, moves), (allowed_tags, allowed_moves) = problem.counts(), problem.counts(problem.allowed)
    expected = problem.log_partition() - problem.log_partition(problem.allowed)
    np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-9)
    expected = tags - allowed_tags
    np.testing.assert_allclose(d_emissions, expected, atol=1e-9)
    np.testing.assert_allclose(d_transitions, moves - allowed_moves, atol=1e-9)
    sentences = [sentence for sentence in problem.sentences() if sentence.stop > sentence.start]
    firsts, lasts = [s.start for s in sentences], [s.stop - 1 for s in sentences]
    np.testing.assert_allclose(d_start, expected[firsts].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(d_end, expected[lasts].sum(axis=0), atol=1e-9)


def assert_no_path(backend, problem, allowed, match="CM306"):
    with pytest.raises(CmnerError, match=match):
        backend(crf_loss, *problem.target)
    for function in (crf_decode, crf_log_partition):
        with pytest.raises(CmnerError, match=match):
            backend(function, *problem.scores, allowed=allowed)
    with pytest.raises(CmnerError, match=match):
        backend(crf_span_scores, *problem.scores[:-1], problem.scheme, [], allowed=allowed)
    with pytest.raises(CmnerError, match=match):
        crf_kbest(*problem.scores, 2, allowed)


def test_no_span_is_more_than_certain(backend):
    for seed in range(30):
        problem = Problem(seed=seed, scale=20.0, dtype=np.float32)
        tags = backend(crf_decode, *problem.scores, allowed=problem.allowed)[0]
        arguments = *problem.scores[:-1], SCHEME, SCHEME.decode(tags)
        assert (backend(crf_span_scores, *arguments, allowed=problem.allowed) <= 1).all()


def test_no_spans_have_no_scores(backend):
    problem = Problem()
    assert backend(crf_span_scores, *problem.scores[:-1], SCHEME, []).shape == (0,)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_gradients_are_finite_differences(backend, scale):
    problem = Problem(scale=scale)
    _, *gradients = backend(crf_loss, *problem.target)
    arrays = problem.emissions, *problem.parameters
    step = 1e-5
    for array, gradient in zip(arrays, gradients, strict=True):
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept, sums = array[index], []
            for moved in (kept + step, kept - step):
                array[index] = moved
                sums.append(backend(crf_loss, *problem.target)[0].sum())
            array[index] = kept
            numeric[index] = (sums[0] - sums[1]) / (2 * step)
        np.testing.assert_allclose(gradient, numeric, atol=1e-8 * scale)


def test_illegal_moves_have_no_gradient(backend):
    problem = Problem()
    _, _, d_transitions, d_start, d_end = backend(crf_loss, *problem.target)
    assert (d_transitions[~problem.masks.transition] == 0).all()
    assert (d_start[~problem.masks.start] == 0).all()
    assert (d_end[~problem.masks.end] == 0).all()
    assert (d_transitions[problem.masks.transition] != 0).any()


@pytest.mark.parametrize("constrained", [False, True])
def test_pytorch_crf_agrees(backend, constrained):
    """A peer's implementation at full size; it knows constraints as very low scores only."""
    scheme = TagScheme(list("abcdefghi"))
    lengths = np.array([50, 1, 23, 37])
    problem = Problem(scheme, lengths)
    if not constrained:
        problem.masks = TagMasks(*(np.ones_like(mask) for mask in problem.masks))
    n_tags = scheme.n_tags
    problem.allowed = np.eye(n_tags, dtype=bool)[problem.gold]

    peer = CRF(n_tags, batch_first=True).double()
    forbidden = TagMasks(*(np.where(mask, 0.0, -1e4) for mask in problem.masks))
    with torch.no_grad():
        peer.transitions.copy_(torch.from_numpy(problem.transitions + forbidden.transition))
        peer.start_transitions.copy_(torch.from_numpy(problem.start + forbidden.start))
        peer.end_transitions.copy_(torch.from_numpy(problem.end + forbidden.end))
    inside = torch.arange(lengths.max()) < torch.from_numpy(lengths)[:, None]
    emissions = torch.zeros(*inside.shape, n_tags, dtype=torch.float64)
    emissions[inside] = torch.from_numpy(problem.emissions)
    emissions.requires_grad_()
    gold = torch.zeros(inside.shape, dtype=torch.int64)
    gold[inside] = torch.from_numpy(problem.gold).long()
    losses = -peer(emissions, gold, mask=inside, reduction="none")
    losses.sum().backward()

    loss, d_emissions, d_transitions, d_start, d_end = backend(crf_loss, *problem.target)
    np.testing.assert_allclose(loss, losses.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(d_emissions, emissions.grad[inside].numpy(), atol=1e-9)
    np.testing.assert_allclose(d_transitions, peer.transitions.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(d_start, peer.start_transitions.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(d_end, peer.end_transitions.grad.numpy(), atol=1e-9)
    tags, _ = backend(crf_decode, *problem.scores)
    assert tags.tolist() == list(itertools.chain(*peer.decode(emissions, mask=inside)))


def test_sentence_alone_equals_sentence_in_batch(backend):
    problem = Problem(lengths=np.array([7, 0, 1, 20, 3]), dtype=np.float32)
    loss, d_emissions, *d_parameters = backend(crf_loss, *problem.target)
    tags, scores = backend(crf_decode, *problem.scores)
    sums = [np.zeros_like(gradient) for gradient in d_parameters]
    for b, sentence in enumerate(problem.sentences()):
        alone = problem.emissions[sentence], problem.lengths[b : b + 1]
        target = *alone, problem.allowed[sentence], *problem.parameters, problem.masks
        loss_alone, d_alone, *d_parameters_alone = backend(crf_loss, *target)
        np.testing.assert_allclose(loss_alone, loss[b : b + 1], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(d_alone, d_emissions[sentence], atol=1e-7)
        for gradient_sum, gradient in zip(sums, d_parameters_alone, strict=True):
            gradient_sum += gradient
        tags_alone, scores_alone = backend(crf_decode, *alone, *problem.parameters, problem.masks)
        assert (tags_alone == tags[sentence]).all()
        assert scores_alone[0] == pytest.approx(scores[b])
    for gradient_sum, gradient in zip(sums, d_parameters, strict=True):
        np.testing.assert_allclose(gradient_sum, gradient, atol=1e-5)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_batch_without_characters(backend, lengths):
    problem = Problem(lengths=np.array(lengths, dtype=np.int32))
    loss, *gradients = backend(crf_loss, *problem.target)
    assert loss.tolist() == [0.0] * len(lengths)
    assert all((gradient == 0).all() for gradient in gradients)
    tags, scores = backend(crf_decode, *problem.scores)
    assert tags.shape == (0,) and scores.tolist() == [0.0] * len(lengths)
    assert [len(paths) for paths, _ in crf_kbest(*problem.scores, 2)] == [1] * len(lengths)


def test_nothing_annotated_costs_nothing(backend):
    problem = Problem()
    problem.allowed = SCHEME.encode(len(problem.gold), [], np.ones(len(problem.gold), dtype=bool))
    loss, *gradients = backend(crf_loss, *problem.target)
    assert (loss == 0).all()
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_emissions_stay_exact(backend, dtype, seed):
    """Scores of ±1e4 at every character, so that likely tags are cut off on both sides."""
    problem = Problem(TagScheme(["dis"]), seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    problem.emissions = rng.choice([-1e4, 0, 1e4], problem.emissions.shape).astype(dtype)
    problem.transitions *= rng.choice([1, 1e3], problem.transitions.shape).astype(dtype)
    loss, d_emissions, d_transitions, *_ = backend(crf_loss, *problem.target)
    expected = problem.log_partition() - problem.log_partition(problem.allowed)
    np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-9)
    free, gold = problem.counts(), problem.counts(problem.allowed)
    np.testing.assert_allclose(d_emissions, free[0] - gold[0], atol=1e-6)
    np.testing.assert_allclose(d_transitions, free[1] - gold[1], atol=1e-6)


def test_extreme_scores_at_the_ends_stay_exact(backend):
    """Each is made up for by the emission, which forward–backward sees apart from it."""
    problem = Problem(TagScheme(["dis"]), np.array([1, 4, 2]))
    problem.start = np.array([0, -2e3, 0, 0, 2e3])  # O, B, I, E, S
    problem.end = np.array([-2e3, 0, 0, 2e3, 0])
    for sentence in problem.sentences():
        problem.emissions[sentence][0] -= problem.start
        problem.emissions[sentence][-1] -= problem.end
    loss, d_emissions, *_ = backend(crf_loss, *problem.target)
    expected = problem.log_partition() - problem.log_partition(problem.allowed)
    np.testing.assert_allclose(loss, expected, rtol=1e-9, atol=1e-9)
    counts = problem.counts()[0] - problem.counts(problem.allowed)[0]
    np.testing.assert_allclose(d_emissions, counts, atol=1e-9)


def test_extreme_transition_gradients_are_exact(backend):
    """All weight sits where the forward and the backward messages are both far from their peaks."""
    problem = Problem(TagScheme(["dis"]), np.array([4]))
    o, i, e, s = (problem.scheme.tags.index(tag) for tag in ("O", "I-dis", "E-dis", "S-dis"))
    problem.emissions[:] = 0
    problem.emissions[1, o] = 5000.0
    problem.emissions[2, s] = 5000.0
    problem.transitions[o, s] = -20000.0
    problem.transitions[e, s] = problem.transitions[s, s] = -20000.0
    problem.emissions[2, i] = 3000.0
    problem.allowed = problem.scheme.encode(4, [])
    _, _, d_transitions, _, _ = backend(crf_loss, *problem.target)
    expected = problem.counts()[1] - problem.counts(problem.allowed)[1]
    np.testing.assert_allclose(d_transitions, expected, atol=1e-9)


@pytest.mark.parametrize("bioes", [True, False])
@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0, 1e4])
def test_backends_agree_at_full_size(monkeypatch, scale, bioes):
    """Torch sums in log space throughout, numba only where weights drift too far apart."""
    scheme = TagScheme(list("abcdefghi"))
    problem = Problem(scheme, np.array([50, 3, 0, 120]), dtype=np.float32, scale=scale)
    if not bioes:
        more = np.random.default_rng(0).random(problem.transitions.shape) < 0.1
        problem.masks = problem.masks._replace(transition=problem.masks.transition | more)
    monkeypatch.setattr(crf_torch, "_CHUNK", 40 * scheme.n_tags**2)  # of 173 characters
    tensors = [
        torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for value in problem.target
    ]
    for ours, theirs in zip(crf_loss(*problem.target), crf_loss(*tensors), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6, atol=1e-6)
        assert str(theirs.dtype).endswith(str(ours.dtype))


def test_sentence_without_a_path_is_an_error(backend):
    problem = Problem()
    first = problem.sentences()[3].start
    problem.allowed[first] = False
    problem.allowed[first, SCHEME.tags.index("E-dis")] = True
    assert_no_path(backend, problem, problem.allowed, match=r"CM306.*Sentence 3 ")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_emissions_that_are_not_finite_are_an_error(backend, value):
    problem = Problem()
    problem.emissions[5, 2] = value
    with pytest.raises(CmnerError, match=r"CM307.*sentence 3, character 5 "):
        backend(crf_loss, *problem.target)
    for function in (crf_decode, crf_log_partition):
        with pytest.raises(CmnerError, match=r"CM307.*sentence 3, character 5 "):
            backend(function, *problem.scores)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_transitions_that_are_not_finite_are_an_error(backend, value):
    problem = Problem()
    problem.transitions[0, 0] = value
    with pytest.raises(CmnerError, match=r"CM306"):
        backend(crf_loss, *problem.target)


def test_shapes_that_do_not_fit_are_an_error(backend):
    problem = Problem()
    with pytest.raises(CmnerError, match="CM305"):
        backend(crf_decode, problem.emissions[1:], *problem.scores[1:])
    with pytest.raises(CmnerError, match="CM305"):
        backend(crf_decode, *problem.scores, allowed=problem.allowed[1:])
    problem.lengths = np.array([14, -1])
    with pytest.raises(CmnerError, match=r"CM305.*negative"):
        backend(crf_decode, *problem.scores)


@pytest.mark.parametrize("name", ["transitions", "start", "end"])
def test_parameters_that_do_not_fit_are_an_error(backend, name):
    problem = Problem()
    setattr(problem, name, getattr(problem, name)[..., :1])
    with pytest.raises(CmnerError, match=rf"CM305.* {name} .*1,?\)"):
        backend(crf_loss, *problem.target)


@pytest.mark.parametrize("name", TagMasks._fields)
def test_masks_that_do_not_fit_are_an_error(backend, name):
    problem = Problem()
    problem.masks = problem.masks._replace(**{name: getattr(problem.masks, name)[..., 1:]})
    with pytest.raises(CmnerError, match=rf"CM305.*masks\.{name} "):
        backend(crf_decode, *problem.scores)
