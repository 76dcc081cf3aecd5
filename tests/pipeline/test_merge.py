import pickle

import pytest
import spacy
from spacy.tokens import Doc, Span, SpanGroup
from tiny import CHARACTERS

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.source import add_source, mark_recorded

TEXT = "肺炎支原体感染，CT"
INPUTS = ["ents", "dictionary", "ruler"]


def pipeline(**settings):
    nlp = spacy.blank("zh", config=CHARACTERS)
    nlp.add_pipe("cmner_merge", config=settings)
    return nlp


def annotated(nlp):
    """The model found two entities with scores 0.4 and 0.8; a dictionary found one of these and
    one that overlaps the other; a span ruler, which records no source, found one with an id."""
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 0, 5, "mic"), Span(doc, 8, 10, "pro")]
    doc.spans["cmner"] = SpanGroup(doc, spans=list(doc.ents), attrs={"scores": [0.4, 0.8]})
    doc.spans["dictionary"] = [Span(doc, 0, 7, "dis"), Span(doc, 8, 10, "pro")]
    doc.spans["ruler"] = [Span(doc, 0, 2, "dis", span_id="R1")]
    for span in doc.ents:
        add_source(span, "model")
    for span in doc.spans["dictionary"]:
        add_source(span, "icd")
    mark_recorded(doc.spans["dictionary"])
    return doc


def merged(spans):
    return [(span.start_char, span.end_char, span.label_, span._.cmner_source) for span in spans]


MIC = (0, 5, "mic", "model")
DIS = (0, 7, "dis", "icd")
RULED = (0, 2, "dis", "ruler")
PRO = (8, 10, "pro", "model+icd")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, MIC),
        ({"policy": "prefer_rules"}, DIS),
        ({"policy": "longest"}, DIS),
        ({"policy": "highest_score"}, DIS),
        ({"policy": "highest_score", "prior": 0.3}, MIC),
        ({"policy": "highest_score", "priors": {"R1": 0.6}}, RULED),
        ({"policy": "highest_score", "priors": {"ruler": 0.6}}, RULED),
        ({"policy": "highest_score", "priors": {"icd": 0.1, "R1": 0.2}}, MIC),
    ],
)
def test_policies_scores_and_priors(settings, expected):
    nlp = pipeline(inputs=INPUTS, **settings)
    assert merged(nlp(annotated(nlp)).ents) == [expected, PRO]


def test_scores_of_documents_that_were_joined():
    """``Doc.from_docs`` drops what span groups have in ``attrs``."""
    nlp = pipeline(policy="highest_score", inputs=INPUTS)
    doc = annotated(nlp)
    for entity, score in zip(doc.ents, (0.9, 0.8), strict=True):
        entity._.cmner_score = score
    doc.spans["cmner"].attrs["scores"] = [0.9, 0.8]
    joined = Doc.from_docs([doc, doc], ensure_whitespace=False)
    found = [ent.text for ent in nlp.get_pipe("cmner_merge")(doc).ents]
    assert found == ["肺炎支原体", "CT"]
    assert [ent.text for ent in nlp.get_pipe("cmner_merge")(joined).ents] == found * 2


def test_agreement_only():
    nlp = pipeline(inputs=INPUTS, policy="agreement")
    assert merged(nlp(annotated(nlp)).ents) == [PRO]


def test_a_group_without_records_is_a_source_of_what_others_found_too():
    nlp = pipeline(inputs=INPUTS, policy="agreement")
    doc = annotated(nlp)
    doc.spans["ruler"] = [Span(doc, 0, 5, "mic"), Span(doc, 0, 7, "dis"), Span(doc, 5, 7, "dis")]
    assert merged(nlp(doc).ents) == [(0, 7, "dis", "icd+ruler"), PRO]
    doc = annotated(nlp)
    doc.spans["ruler"] = [Span(doc, 0, 5, "mic"), Span(doc, 8, 10, "pro")]
    found = merged(nlp(doc).ents)
    assert found == [(0, 5, "mic", "model+ruler"), (8, 10, "pro", "model+icd+ruler")]


@pytest.mark.parametrize("inputs", [["ents", "a", "b"], ["ents", "b", "a"], ["b", "a", "ents"]])
def test_the_highest_score_and_prior_count_whoever_found_the_entity_first(inputs):
    """The model's entity of 0.4 has a rule with a prior, or a second group with a score, above
    that of the entity it overlaps."""
    for settings, first, second in (
        ({"priors": {"R1": 0.95}}, None, None),
        ({"priors": {"b": 0.95}}, None, None),
        ({}, 0.9, 0.2),
        ({}, 0.2, 0.9),
    ):
        nlp = pipeline(inputs=[*inputs, "dictionary"], policy="highest_score", **settings)
        doc = annotated(nlp)
        found = Span(doc, 0, 5, "mic")
        ruled = Span(doc, 0, 5, "mic", span_id="R1")
        for key, span, score in (("a", found, first), ("b", ruled, second)):
            attrs = {} if score is None else {"scores": [score]}
            doc.spans[key] = SpanGroup(doc, spans=[span], attrs=attrs)
        assert {span.label_ for span in nlp(doc).ents} == {"mic", "pro"}


def test_a_span_group_as_target():
    nlp = pipeline(inputs=["dictionary"], target="merged")
    doc = nlp(annotated(nlp))
    assert merged(doc.spans["merged"]) == [DIS, PRO]
    assert len(doc.ents) == 2


def test_entities_of_unknown_source():
    nlp = pipeline(policy="prefer_model", inputs=["dictionary", "ents"])
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 0, 5, "mic")]
    doc.spans["dictionary"] = [Span(doc, 0, 7, "dis")]
    assert merged(nlp(doc.copy()).ents) == [(0, 7, "dis", "dictionary")]
    nlp.get_pipe("cmner_merge").unknown = "model"
    assert merged(nlp(doc).ents) == [MIC]


@pytest.mark.parametrize("unknown", ["other", "model"])
def test_what_a_component_without_records_found_before_a_rule_has_two_sources(unknown):
    nlp = pipeline(policy="agreement", unknown=unknown)
    nlp.add_pipe("cmner_dictionary", first=True, config={"target": "dictionary"}).add_terms(
        [(TEXT[:5], "mic"), ("CT", "pro")]
    )
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 0, 5, "mic")]
    assert merged(nlp(doc).ents) == [(0, 5, "mic", f"{unknown}+dictionary")]


def test_blocked_tokens_stay_free():
    nlp = pipeline()
    doc = annotated(nlp)
    doc.set_ents(doc.ents[1:], blocked=[doc[6:7]])
    nlp(doc)
    assert merged(doc.ents) == [PRO]
    assert doc.to_array("ENT_IOB")[6] == 3


def test_ids_of_rules_stay_where_the_model_agrees():
    nlp = pipeline(inputs=INPUTS)
    doc = annotated(nlp)
    doc.spans["ruler"] = [
        Span(doc, 8, 10, "pro", span_id="LP1"),
        Span(doc, 0, 5, "mic", kb_id="Q1"),
    ]
    mic, pro = nlp(doc).ents
    assert (mic.kb_id_, pro.ent_id_) == ("Q1", "LP1")
    assert merged([mic, pro]) == [(0, 5, "mic", "model+ruler"), (8, 10, "pro", "model+icd+ruler")]


def test_spans_without_a_label_keep_no_entity_away():
    nlp = pipeline(inputs=[*INPUTS, "candidates"], policy="longest")
    doc = annotated(nlp)
    doc.spans["candidates"] = [Span(doc, 0, 10), Span(doc, 8, 10, "pro")]
    assert merged(nlp(doc).ents) == [DIS, (8, 10, "pro", "model+icd+candidates")]


def test_a_rule_that_adds_to_scored_spans():
    """As `spancat` writes them: the scores stay, and so does who found what."""
    nlp = pipeline(inputs=["sc"], policy="highest_score")
    nlp.add_pipe("cmner_dictionary", first=True, config={"target": "sc"}).add_terms(
        [(TEXT[:2], "dis")]
    )
    doc = nlp.make_doc(TEXT)
    spans = [Span(doc, 0, 5, "mic"), Span(doc, 3, 7, "dis")]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": [0.9, 0.2]})
    dictionary, merge = (component for _, component in nlp.pipeline)
    assert dictionary(doc).spans["sc"].attrs["scores"] == [0.9, 0.2, None]
    assert merged(merge(doc).ents) == [(0, 5, "mic", "sc")]


def test_a_span_that_was_appended_to_scored_ones_has_the_prior():
    nlp = pipeline(inputs=["cmner"], policy="highest_score", prior=0.5)
    doc = annotated(nlp)
    doc.spans["cmner"].append(Span(doc, 0, 7, "dis"))
    assert [span.label_ for span in nlp(doc).ents] == ["dis", "pro"]  # 0.5 against 0.4
    doc = annotated(nlp)
    doc.spans["cmner"].append(Span(doc, 5, 10, "dis"))
    assert [span.label_ for span in nlp(doc).ents] == ["mic", "pro"]  # 0.5 against 0.8


@pytest.mark.parametrize("name", ["cmner_merge", "cmner_assertion"])
def test_a_group_that_is_not_there_is_empty(name):
    nlp = spacy.blank("zh", config=CHARACTERS)
    nlp.add_pipe(name, config={"inputs": ["ents", "dictionarry"]})
    message = rf"CM427.*'{name}'.*'dictionarry'.*'cmner', 'dictionary', 'ruler'"
    with pytest.warns(CmnerWarning, match=message):
        doc = nlp(annotated(nlp))
    assert [span.label_ for span in doc.ents] == ["mic", "pro"]


def test_another_policy_is_refused():
    with pytest.raises(CmnerError, match=r"CM415.*vote"):
        pipeline(policy="vote")


def test_without_inputs_nothing_would_be_left():
    with pytest.raises(CmnerError, match=r"CM429.*cmner_merge"):
        pipeline(inputs=[])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("policy", "vote", r"CM415.*vote"),
        ("policy", ["longest"], r"CM415.*longest"),
        ("inputs", [], r"CM429.*cmner_merge"),
        ("unknown", "", r"CM435.*unknown = ''"),
        ("unknown", "ner+ruler", r"CM435.*unknown = 'ner\+ruler'"),
        ("target", "", r"CM435.*target = ''"),
        ("prior", 80, r"CM435.*prior = 80 .*from 0 to 1"),
        ("prior", "0.8", r"CM435.*prior = '0\.8'"),
        ("prior", float("nan"), r"CM435.*prior = nan"),
        ("priors", None, r"CM435.*priors = None .*each rule or source"),
        ("priors", {"icd": 0.5, "R1": -1.0}, r"CM435.*priors\.R1 = -1\.0"),
    ],
)
def test_settings_that_were_changed_are_checked(name, value, message):
    nlp = pipeline()
    setattr(nlp.get_pipe("cmner_merge"), name, value)
    with pytest.raises(CmnerError, match=message):
        nlp(annotated(nlp))


def test_saves_and_pickles(tmp_path):
    nlp = pipeline(policy="longest")
    nlp.to_disk(tmp_path)
    for copy in (spacy.load(tmp_path), pickle.loads(pickle.dumps(nlp))):
        assert merged(copy(annotated(copy)).ents) == [DIS, PRO]


def test_model_and_rules_end_to_end(fresh):
    fresh.add_pipe("cmner_dictionary", config={"target": "dictionary"}).add_terms(
        [("右肺疼痛", "sym"), ("咳嗽", "sym"), ("减轻", "X")]
    )
    fresh.add_pipe("span_ruler", config={"spans_key": "ruler"}).add_patterns(
        [{"label": "dru", "pattern": [{"TEXT": "天"}]}]
    )
    fresh.add_pipe("cmner_merge", config={"inputs": INPUTS, "policy": "prefer_rules"})
    texts = ["患者右肺疼痛三天。", "", "服用阿莫西林后咳嗽减轻。"]
    expected = [
        [(2, 6, "sym", "dictionary"), (7, 8, "dru", "ruler")],
        [],
        [(2, 6, "dru", "model"), (7, 9, "sym", "model+dictionary"), (9, 11, "X", "dictionary")],
    ]
    assert [merged(doc.ents) for doc in fresh.pipe(texts)] == expected
    assert [merged(doc.ents) for doc in fresh.pipe(texts, n_process=2)] == expected
