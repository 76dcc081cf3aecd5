"""Short ways to write gold texts, and hypothesis strategies for small sets of entities."""

from hypothesis import strategies as st

from spacy_cmner.analysis.gold import Entities, Gold, GoldText
from spacy_cmner.data.docs import flatten_entities
from spacy_cmner.data.records import Entity

LENGTH = 8


def entities(*items: tuple[int, int, str]) -> Entities:
    return frozenset(Entity(*item) for item in items)


def gold_text(text: str, *items: tuple[int, int, str], missing: tuple[int, ...] = ()) -> GoldText:
    every = entities(*items)
    flat = frozenset(flatten_entities(every)[0])
    return GoldText(text, Gold(every, flat, frozenset(missing)))


ENTITY = st.builds(
    lambda start, length, label: Entity(start, start + length, label),
    st.integers(0, LENGTH - 4),
    st.integers(1, 4),
    st.sampled_from(["bod", "sym", "dis"]),
)
ENTITIES = st.frozensets(ENTITY, max_size=5)
PAIRS = st.lists(st.tuples(ENTITIES, ENTITIES), max_size=3)
