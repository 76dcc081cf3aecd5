"""Hostile but valid records: nested, crossing, doubly typed entities in odd unicode."""

from hypothesis import strategies as st

from spacy_cmner.data.records import Entity, Record

LABELS = ["bod", "sym", "X", "药 物", "PERSON"]
# by code point: the tables that st.characters() needs take seconds to build
CHARACTERS = (
    st.sampled_from("\0\ufeff\r\n\t \u2028\u3000😀X肺炎")
    | st.integers(0, 0xD7FF).map(chr)
    | st.integers(0xE000, 0x10FFFF).map(chr)
)
NAMES = st.text(CHARACTERS, max_size=5)
IDS = st.none() | NAMES
METAS = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | NAMES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@st.composite
def records(draw, labels=LABELS, ids=IDS, metas=METAS, partial=False):
    text = draw(st.text(CHARACTERS, max_size=30))
    entities = set()
    if text:
        for _ in range(draw(st.integers(0, 6))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            entities.add(Entity(start, end, draw(st.sampled_from(labels))))
    missing = frozenset()
    if text and partial:
        missing = draw(st.frozensets(st.integers(0, len(text) - 1)))
    return Record(text, tuple(entities), id=draw(ids), meta=draw(metas), missing=missing)
