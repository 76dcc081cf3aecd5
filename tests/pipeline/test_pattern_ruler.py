import pickle

import pytest
import spacy
from spacy.tokens import Span
from tiny import CHARACTERS, entities

TEXT = "体温38.5℃，头孢0.5g每日3次。"
FOUND = [(2, 7, "temperature"), (10, 14, "dose"), (14, 18, "frequency")]


def pipeline(config=CHARACTERS, **settings):
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("cmner_patterns", config=settings)
    return nlp


def group(doc):
    return [
        (span.start_char, span.end_char, span.label_, span._.cmner_source)
        for span in doc.spans["patterns"]
    ]


def test_marks_a_span_group():
    doc = pipeline()(TEXT)
    assert group(doc) == [(*span, "rules") for span in FOUND]
    assert not doc.ents


def test_marks_entities_around_those_that_are_there():
    nlp = pipeline(target="ents", labels=["dose", "temperature"])
    assert nlp.pipe_labels == {"cmner_patterns": ["dose", "temperature"]}
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 8, 11, "dru")]
    assert entities(nlp(doc)) == [FOUND[0], (8, 11, "dru")]


def test_tokens_of_several_characters():
    doc = pipeline({}, alignment_mode="expand")("T 38.5 ℃")
    assert group(doc) == [(2, 8, "temperature", "rules")]


def test_saves_pickles_and_works_in_processes(tmp_path):
    nlp = pipeline()
    nlp.to_disk(tmp_path)
    texts = [TEXT, "", "\0😀3天"]
    expected = [group(nlp(text)) for text in texts]
    assert expected[1:] == [[], [(2, 4, "duration", "rules")]]
    for copy in (spacy.load(tmp_path), pickle.loads(pickle.dumps(nlp))):
        assert [group(doc) for doc in copy.pipe(texts)] == expected
    assert [group(doc) for doc in nlp.pipe(texts, n_process=2)] == expected


RULES = {"label": "X", "pattern": [{"TEXT": "疼"}, {"TEXT": "痛"}, {"TEXT": "三"}]}


@pytest.mark.parametrize("factory", ["entity_ruler", "span_ruler"])
def test_rules_of_spacy_before_the_recogniser_are_constraints(fresh, factory):
    config = {"annotate_ents": True, "overwrite": False} if factory == "span_ruler" else {}
    fresh.add_pipe(factory, before="cmner", config=config).add_patterns([RULES])
    doc = fresh("患者右肺疼痛三天。")
    assert (4, 7, "X") in entities(doc)
    assert all(ent.end <= 4 or ent.start >= 7 for ent in doc.ents if ent.label_ != "X")
    sources = {ent.label_: ent._.cmner_source for ent in doc.ents}
    assert sources == {"X": "other", "bod": "model"}


@pytest.mark.parametrize(
    ("factory", "config"),
    [
        ("entity_ruler", {"overwrite_ents": True}),
        ("span_ruler", {"annotate_ents": True, "overwrite": False}),
    ],
)
def test_rules_of_spacy_after_the_recogniser(fresh, factory, config):
    fresh.add_pipe(factory, config=config).add_patterns([RULES])

    assert entities(fresh("患者右肺疼痛三天。")) == [(2, 4, "bod"), (4, 7, "X")]


@pytest.mark.parametrize("before", [True, False])
def test_patterns_of_the_matcher(fresh, before):
    """A component of the user's own that writes what a Matcher finds to a span group."""
    matcher = spacy.matcher.Matcher(fresh.vocab)
    matcher.add("X", [RULES["pattern"]])
    name = f"matcher_{before}"

    @spacy.Language.component(name)
    def match(doc):
        doc.spans["matcher"] = matcher(doc, as_spans=True)
        return doc

    fresh.add_pipe(name, before="cmner" if before else None)
    fresh.add_pipe("cmner_merge", config={"inputs": ["ents", "matcher"], "policy": "prefer_rules"})
    doc = fresh("患者右肺疼痛三天。")
    assert entities(doc) == [(2, 4, "bod"), (4, 7, "X")]
    assert [ent._.cmner_source for ent in doc.ents] == ["model", "matcher"]
