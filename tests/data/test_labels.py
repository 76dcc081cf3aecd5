import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.data.labels import detect_scheme, first_unreadable, spans_from_labels

TYPES = ["bod", "dis", "a-b"]


@st.composite
def flat_spans(draw):
    spans, position = [], 0
    for _ in range(draw(st.integers(0, 5))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 4))
        spans.append((start, position, draw(st.sampled_from(TYPES))))
    return spans, position + draw(st.integers(0, 2))


def encode(spans, length, *, begin, inside, end, single):
    labels = ["O"] * length
    for start, stop, type_ in spans:
        labels[start:stop] = [f"{inside}-{type_}"] * (stop - start)
        labels[stop - 1] = f"{end}-{type_}"
        labels[start] = f"{single if stop - start == 1 else begin}-{type_}"
    return labels


@given(flat_spans(), st.sampled_from(["BIIB", "BIES", "BMES", "BILU", "BMEW"]))
def test_well_formed_labels_give_their_spans(case, letters):
    spans, length = case
    begin, inside, end, single = letters
    labels = encode(spans, length, begin=begin, inside=inside, end=end, single=single)
    scheme = "bio" if letters == "BIIB" else "bioes"
    assert spans_from_labels(labels, scheme) == [(*span, "") for span in spans]
    if spans:
        assert detect_scheme(labels) == scheme


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in TYPES)])))
def test_any_sequence_keeps_every_labelled_token(labels):
    spans = spans_from_labels(labels, "bioes")
    covered = {i: span.label for span in spans for i in range(span.start, span.end)}
    assert covered == {i: label[2:] for i, label in enumerate(labels) if label != "O"}
    assert sum(span.end - span.start for span in spans) == len(covered)


@pytest.mark.parametrize(
    "labels, scheme, expected",
    [
        ("I-a I-a", "bio", [(0, 2, "a", "I-a without a beginning")]),
        ("B-a I-b", "bio", [(0, 1, "a", ""), (1, 2, "b", "I-b without a beginning")]),
        ("B-a B-a", "bio", [(0, 1, "a", ""), (1, 2, "a", "")]),
        ("E-a", "bioes", [(0, 1, "a", "E-a without a beginning")]),
        ("B-a O", "bioes", [(0, 1, "a", "it is never ended")]),
        ("B-a I-a", "bioes", [(0, 2, "a", "it is never ended")]),
        ("S-a I-a E-a", "bioes", [(0, 1, "a", ""), (1, 3, "a", "I-a without a beginning")]),
    ],
)
def test_mended_sequences(labels, scheme, expected):
    assert spans_from_labels(labels.split(), scheme) == expected


def test_first_unreadable():
    assert first_unreadable(["O", "B-a", "I-a"], "bio") is None
    assert first_unreadable(["O", "S-a"], "bio") == "S-a"
    assert first_unreadable(["O", "S-a"], "bioes") is None
    assert first_unreadable(["B-", "X-a"], "bioes") == "B-"
