from spacy.tokens import Span
from spacy.vocab import Vocab

from spacy_cmner.pipeline.source import add_source, read_sources
from spacy_cmner.tokenizer import char_doc


def test_a_source_is_named_once_and_belongs_to_a_label():
    doc = char_doc(Vocab(), "肺炎")
    disease, symptom, other = (Span(doc, 0, 2, label) for label in ("dis", "sym", "bod"))
    add_source(disease, "model", "ruler")
    add_source(symptom, "icd")
    add_source(disease, "model", "dictionary")
    assert read_sources(disease) == ("model", "ruler", "dictionary")
    assert read_sources(symptom) == ("icd",)
    assert read_sources(other) == ()
