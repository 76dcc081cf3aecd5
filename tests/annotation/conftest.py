import pytest
import spacy
import tiny
from spacy.language import Language


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    terms = [("头痛", "sym"), ("阿司匹林", "dru")]
    nlp.add_pipe("cmner_dictionary", config={"whole_words": False}).add_terms(terms)
    return nlp
