import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.layers.crf import TagScheme, crf_decode

SCHEME = TagScheme(["dis", "sym"])


@st.composite
def flat_spans(draw, labels=SCHEME.labels, max_length=12):
    """A length and spans that do not overlap."""
    length = draw(st.integers(0, max_length))
    cuts = draw(st.lists(st.integers(0, length), unique=True).map(sorted))
    pieces = list(itertools.pairwise(cuts))
    kept = draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    spans = [
        (start, end, draw(st.sampled_from(labels)))
        for (start, end), keep in zip(pieces, kept, strict=True)
        if keep
    ]
    return length, spans


def test_tags_are_numbered_by_label_and_prefix():
    assert SCHEME.tags == (
        *("O", "B-dis", "I-dis", "E-dis", "S-dis"),
        *("B-sym", "I-sym", "E-sym", "S-sym"),
    )
    assert SCHEME.n_tags == 9


def test_legal_moves_are_those_of_bioes():
    for i, before in enumerate(SCHEME.tags):
        for j, after in enumerate(SCHEME.tags):
            if before[0] in "BI":
                legal = after[0] in "IE" and after[1:] == before[1:]
            else:
                legal = after[0] in "OBS"
            assert SCHEME.transition_mask[i, j] == legal, (before, after)
    assert [tag for tag, ok in zip(SCHEME.tags, SCHEME.start_mask, strict=True) if ok] == [
        *("O", "B-dis", "S-dis", "B-sym", "S-sym")
    ]
    assert [tag for tag, ok in zip(SCHEME.tags, SCHEME.end_mask, strict=True) if ok] == [
        *("O", "E-dis", "S-dis", "E-sym", "S-sym")
    ]


def test_scheme_without_labels_has_only_o():
    scheme = TagScheme([])
    assert scheme.tags == ("O",)
    assert scheme.transition_mask.tolist() == [[True]]
    assert scheme.decode(np.zeros(3, dtype=np.int32)) == []


@given(flat_spans())
def test_annotation_survives_encode_and_decode(annotation):
    length, spans = annotation
    allowed = SCHEME.encode(length, spans)
    assert allowed.shape == (length, SCHEME.n_tags)
    assert (allowed.sum(axis=1) == 1).all()
    assert SCHEME.decode(allowed.argmax(axis=1)) == spans


@given(flat_spans(), st.randoms())
def test_missing_characters_allow_all_tags_except_in_spans(annotation, random):
    length, spans = annotation
    missing = np.array([random.random() < 0.5 for _ in range(length)], dtype=bool)
    full = SCHEME.encode(length, spans)
    allowed = SCHEME.encode(length, spans, missing)
    covered = np.zeros(length, dtype=bool)
    for start, end, _ in spans:
        covered[start:end] = True
    free = missing & ~covered
    assert allowed[free].all()
    assert (allowed[~free] == full[~free]).all()


@settings(deadline=None)  # the first call compiles
@given(flat_spans(), st.integers(0, 2**32 - 1))
def test_prediction_keeps_forced_spans_and_spares_the_outside(annotation, seed):
    length, spans = annotation
    rng = np.random.default_rng(seed)
    outside = rng.random(length) < 0.3
    n_tags = SCHEME.n_tags
    tags, _ = crf_decode(
        rng.normal(size=(length, n_tags)) * 10,
        np.array([length]),
        rng.normal(size=(n_tags, n_tags)),
        rng.normal(size=n_tags),
        rng.normal(size=n_tags),
        SCHEME.masks,
        SCHEME.constrain(length, spans, outside),
    )
    found = SCHEME.decode(tags)
    assert set(spans) <= set(found)
    for start, end, _ in set(found) - set(spans):
        assert not outside[start:end].any()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6), max_size=5))
def test_decoded_spans_are_legal_and_encode_to_the_same_tags(seed, lengths):
    rng = np.random.default_rng(seed)
    total, n_tags = sum(lengths), SCHEME.n_tags
    tags, _ = crf_decode(
        rng.normal(size=(total, n_tags)),
        np.array(lengths, dtype=np.int32),
        rng.normal(size=(n_tags, n_tags)),
        rng.normal(size=n_tags),
        rng.normal(size=n_tags),
        SCHEME.masks,
    )
    begin = 0
    for length in lengths:
        sentence = tags[begin : begin + length]
        again = SCHEME.encode(length, SCHEME.decode(sentence))
        assert again.argmax(axis=1).tolist() == sentence.tolist()
        begin += length
    assert SCHEME.encode(total, SCHEME.decode(tags)).argmax(axis=1).tolist() == tags.tolist()


@pytest.mark.parametrize(
    "tags",
    [["I-dis"], ["B-dis"], ["B-dis", "E-sym"], ["O", "E-dis"], ["B-dis", "O"], ["B-sym", "S-sym"]],
)
def test_illegal_tags_are_an_error(tags):
    with pytest.raises(CmnerError, match="CM304"):
        SCHEME.decode(np.array([SCHEME.tags.index(tag) for tag in tags]))


def test_duplicate_label_is_an_error():
    with pytest.raises(CmnerError, match=r"CM301.*dis"):
        TagScheme(["dis", "sym", "dis"])


def test_unknown_label_is_an_error():
    with pytest.raises(CmnerError, match=r"CM302.*'dru'.*dis, sym"):
        SCHEME.encode(3, [(0, 2, "dru")])


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 2, "dis"), (1, 3, "sym")],
        [(0, 1, "dis"), (0, 1, "sym")],
        [(1, 1, "dis")],
        [(2, 1, "dis")],
        [(-1, 1, "dis")],
        [(2, 4, "dis")],
    ],
)
def test_span_that_does_not_fit_is_an_error(spans):
    with pytest.raises(CmnerError, match="CM303"):
        SCHEME.encode(3, spans)


@pytest.mark.parametrize("span", [(1, 3), (2, 6), (4, 6), (-1, 1), (1, 1)])
def test_span_outside_its_sentence_is_an_error(span):
    with pytest.raises(CmnerError, match="CM303"):
        SCHEME.span_paths(np.array([2, 0, 3]), [(*span, "dis")])


def test_import_needs_neither_numba_nor_torch():
    code = (
        "import sys; import spacy_cmner.layers.crf; "
        "sys.exit(any(name in sys.modules for name in ('numba', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
