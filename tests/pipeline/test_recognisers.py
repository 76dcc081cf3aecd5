import pytest
import spacy

from spacy_cmner.pipeline.recognisers import entity_types


@pytest.mark.parametrize(
    ("target", "inputs", "found"),
    [
        ("ents", None, True),
        ("cmner", None, True),
        ("hits", None, False),
        ("hits", ["ents"], False),
        ("hits", ["ents", "hits"], True),
    ],
)
def test_types_are_of_what_becomes_an_entity(target, inputs, found):
    nlp = spacy.blank("zh")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "sym", "pattern": "咳嗽"}])
    nlp.add_pipe("cmner_patterns", config={"labels": ["dose"], "target": target})
    dictionary = nlp.add_pipe("cmner_dictionary", config={"target": target})
    dictionary.add_terms([("青霉素", "dru")])
    if inputs is not None:
        nlp.add_pipe("cmner_merge", config={"inputs": inputs})
    assert entity_types(nlp) == ({"sym", "dose", "dru"} if found else {"sym"})
