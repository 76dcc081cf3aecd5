import pytest

from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError


def test_entities_are_sorted():
    entities = (Entity(2, 3, "b"), Entity(0, 3, "b"), Entity(0, 3, "a"))
    assert Record("肺部炎", entities).entities == (entities[2], entities[1], entities[0])


def test_number_is_not_identity():
    assert Record("肺", number=3) == Record("肺", number=5)
    assert Record("肺", id="3") != Record("肺", id="5")


@pytest.mark.parametrize(
    "entities",
    [
        (Entity(0, 4, "bod"),),
        (Entity(-1, 1, "bod"),),
        (Entity(2, 2, "bod"),),
        (Entity(2, 1, "bod"),),
        (Entity(0, 1, ""),),
        (Entity(0, 1, "bod"), Entity(0, 1, "bod")),
    ],
)
def test_invalid_entities_are_refused(entities):
    with pytest.raises(CmnerError, match="CM105"):
        Record("肺部炎", entities)


def test_no_character_of_an_entity_is_missing():
    record = Record("肺部炎", (Entity(0, 2, "bod"),), missing=frozenset({1, 2}))
    assert record.missing == {2}


@pytest.mark.parametrize("missing", [{3}, {-1}])
def test_what_is_missing_lies_in_the_text(missing):
    with pytest.raises(CmnerError, match=r"CM105.*missing.*3 characters"):
        Record("肺部炎", missing=frozenset(missing))


def test_lone_surrogate_is_refused():
    with pytest.raises(CmnerError, match="surrogate"):
        Record("肺\ud800")
