"""Probabilities of entities, the threshold and the best readings."""

import json
import math

import pytest
import tiny
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from spacy_cmner.analysis.gold import Gold, entities_of
from spacy_cmner.data.docs import doc_to_record
from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.models.crf_tagger import scale_scores
from spacy_cmner.pipeline.confidence import read_scores

TEXTS = [text for text, _ in tiny.SENTENCES]


@pytest.fixture
def scoring(fresh):
    fresh.get_pipe("cmner").scores = True
    return fresh


@pytest.fixture(scope="module")
def unsure(resource_dir):
    """A pipeline with random weights, which finds many things likely."""
    nlp = tiny.blank(scores=True)
    tiny.initialize(nlp, resource_dir)
    return nlp


def test_scores_are_off_unless_asked_for(trained):
    doc = trained(TEXTS[0])
    assert "cmner" not in doc.spans
    assert [ent._.cmner_score for ent in doc.ents] == [None, None]


def test_scores_stand_on_the_entities_and_in_the_group(scoring):
    for doc in scoring.pipe([*TEXTS, ""]):
        group = doc.spans["cmner"]
        assert tuple(group) == doc.ents
        assert group.attrs["scores"] == [ent._.cmner_score for ent in doc.ents]
        assert all(0.5 < score <= 1 for score in group.attrs["scores"])


def test_a_score_is_the_probability_of_all_readings_with_the_entity(unsure):
    text = "肺。痛疼"
    readings = unsure.get_pipe("cmner").kbest(unsure.make_doc(text), 1000)
    assert len(readings) == (4 * 4 + 3) ** 2  # each half: 4 tags twice, or one long entity
    assert math.fsum(reading.probability for reading in readings) == pytest.approx(1)
    doc = unsure(text)
    for ent in doc.ents:
        entity = (ent.start_char, ent.end_char, ent.label_)
        holding = [reading.probability for reading in readings if entity in reading.spans]
        assert ent._.cmner_score == pytest.approx(math.fsum(holding))
    assert len(doc.ents) > 0


def test_readings_are_distinct_and_the_best_is_the_prediction(unsure):
    for text in [*TEXTS, "".join(TEXTS)]:
        readings = unsure.get_pipe("cmner").kbest(unsure.make_doc(text), 7)
        assert len({tuple(reading.spans) for reading in readings}) == 7
        scores = [reading.log_probability for reading in readings]
        assert scores == sorted(scores, reverse=True)
        assert readings[0].spans == tiny.entities(unsure(text))


def test_readings_are_those_of_whole_sentences(trained):
    recogniser = tiny.blank(max_length=2).from_bytes(trained.to_bytes()).get_pipe("cmner")
    doc = trained.make_doc(TEXTS[0])
    assert recogniser.kbest(doc, 3) == trained.get_pipe("cmner").kbest(doc, 3)


def test_readings_of_nothing(unsure):
    (reading,) = unsure.get_pipe("cmner").kbest(unsure.make_doc(""), 3)
    assert reading.spans == []
    assert reading.probability == 1


@pytest.mark.parametrize(
    "text, entity",
    [(TEXTS[0], (6, 8, "dru")), (TEXTS[4] + TEXTS[3], (6, 12, "sym"))],
    ids=["in a sentence", "across sentences"],
)
def test_readings_hold_the_entities_that_are_there(unsure, text, entity):
    doc = unsure.make_doc(text)
    doc.set_ents([Span(doc, *entity)], default="missing")
    readings = unsure.get_pipe("cmner").kbest(doc, 20)
    assert all(entity in reading.spans for reading in readings)


@pytest.mark.parametrize("decoding", ["viterbi", "marginal"])
def test_a_score_is_that_beside_the_entities_that_are_there(unsure, monkeypatch, decoding):
    recogniser = unsure.get_pipe("cmner")
    monkeypatch.setattr(recogniser, "decoding", decoding)
    monkeypatch.setattr(recogniser, "threshold", 0.05)
    doc = unsure.make_doc("痛疼咳嗽")
    doc.set_ents([Span(doc, 0, 1, "dru")], default="missing")
    readings = recogniser.kbest(doc, 100_000)
    assert math.fsum(reading.probability for reading in readings) == pytest.approx(1)
    doc = recogniser(doc)
    assert len(doc.ents) > 1
    for ent in doc.ents[1:]:
        entity = (ent.start_char, ent.end_char, ent.label_)
        holding = [reading.probability for reading in readings if entity in reading.spans]
        assert ent._.cmner_score == pytest.approx(math.fsum(holding))


@pytest.mark.parametrize("decoding", ["viterbi", "marginal"])
def test_what_is_there_passes_any_threshold(fresh, decoding):
    recogniser = fresh.get_pipe("cmner")
    recogniser.threshold, recogniser.decoding = 1.0, decoding
    scale_scores(recogniser.model, 8.0)  # so that rounding tells
    for start in range(len(TEXTS[0])):
        doc = fresh.make_doc(TEXTS[0])
        doc.set_ents([Span(doc, start, start + 1, "dru")], default="missing")
        found = [tuple(entity[:3]) for entity in recogniser.predict([doc])[0]]
        assert (start, start + 1, "dru") in found


def test_readings_leave_blocked_tokens_out(unsure):
    def covered(doc):
        readings = unsure.get_pipe("cmner").kbest(doc, 20)
        return {i for reading in readings for start, end, _ in reading.spans for i in (start, end)}

    doc = unsure.make_doc("肺肺")
    assert covered(doc) == {0, 1, 2}
    doc.set_ents([], blocked=[doc[0:1]], default="missing")
    assert covered(doc) == {1, 2}


def test_entities_below_the_threshold_are_left_out(unsure, monkeypatch):
    text = "".join(TEXTS)
    everything = {tiny.entities(unsure(text))[i]: s for i, s in enumerate(scores(unsure(text)))}
    middle = sorted(everything.values())[len(everything) // 2]
    pipe = unsure.get_pipe("cmner")
    monkeypatch.setattr(pipe, "threshold", middle)
    expected = [entity for entity, score in everything.items() if score >= middle]
    assert 0 < len(expected) < len(everything)
    assert tiny.entities(unsure(text)) == expected
    monkeypatch.setattr(pipe, "scores", False)
    assert tiny.entities(unsure(text)) == expected


def scores(doc: Doc) -> list[float]:
    return doc.spans["cmner"].attrs["scores"]


def test_entities_that_were_there_have_no_score(scoring):
    doc = scoring.make_doc(TEXTS[0])
    doc.set_ents([Span(doc, 2, 4, "dru")], default="missing")
    doc = scoring.get_pipe("cmner")(doc)
    assert [ent._.cmner_score is None for ent in doc.ents] == [True, False]
    assert [span.text for span in doc.spans["cmner"]] == ["疼痛"]


def test_scores_go_with_moved_boundaries(scoring):
    pipe = scoring.get_pipe("cmner")
    pipe.alignment_mode = "expand"
    doc = Doc(scoring.vocab, words=["患者右", "肺", "疼痛三天。"], spaces=[False] * 3)
    with pytest.warns(CmnerWarning, match="CM428"):
        doc = pipe(doc)
    assert [ent.text for ent in doc.ents] == ["患者右肺", "疼痛三天。"]
    assert [ent._.cmner_score for ent in doc.ents] == scores(doc)
    assert all(score is not None for score in scores(doc))


def test_an_entity_that_was_dropped_takes_its_score_along(scoring):
    expected = scores(scoring(TEXTS[0]))[1:]
    doc = Doc(scoring.vocab, words=["患者右", "肺", "疼痛", "三天。"], spaces=[False] * 4)
    with pytest.warns(CmnerWarning, match="CM406.*1 entities"):
        doc = scoring.get_pipe("cmner")(doc)
    assert [ent.text for ent in doc.ents] == ["疼痛"]
    assert scores(doc) == pytest.approx(expected)


def test_scores_survive_bytes_and_json(scoring):
    doc = scoring(TEXTS[1])
    copy = Doc(scoring.vocab).from_bytes(doc.to_bytes())
    assert scores(copy) == scores(doc) != []
    assert [ent._.cmner_score for ent in copy.ents] == scores(doc)
    content = json.dumps(doc.to_json(["cmner_score", "cmner_source"]))
    copy = Doc(scoring.vocab).from_json(json.loads(content))
    assert [ent._.cmner_score for ent in copy.ents] == scores(doc)
    assert {ent._.cmner_source for ent in copy.ents} == {"model"}


@pytest.mark.parametrize("text", [TEXTS[1], "。", ""])
def test_json_of_what_a_document_has(scoring, text):
    """The names as docs/hybrid.md takes them; spaCy refuses those that a document has not."""
    doc = scoring(text)
    names = sorted({key[1] for key in doc.user_data if key[0] == "._."})
    assert names == (["cmner_score", "cmner_source"] if doc.ents else [])
    copy = Doc(scoring.vocab).from_json(json.loads(json.dumps(doc.to_json(underscore=names))))
    assert [ent._.cmner_score for ent in copy.ents] == scores(doc)


@pytest.mark.parametrize(
    "name, value", [("cmner_score", "0.5"), ("cmner_score", 1.5), ("cmner_source", None)]
)
def test_what_is_neither_score_nor_source_is_refused(scoring, name, value):
    entity = scoring(TEXTS[1]).ents[0]
    with pytest.raises(CmnerError, match="CM435"):
        entity._.set(name, value)


def test_predicted_spans_do_not_disturb_the_evaluation(scoring):
    """Gold is read from the reference's group of the same name."""
    examples = []
    for text, entities in tiny.SENTENCES:
        reference = scoring.make_doc(text)
        gold = [Span(reference, *entity) for entity in entities]
        reference.set_ents(gold)
        nested = [Span(reference, 0, 1, "bod")]
        reference.spans["cmner"] = SpanGroup(reference, spans=gold + nested)
        examples.append(Example(scoring.make_doc(text), reference))
    found = scoring.evaluate(examples)
    assert found["ents_f"] == 1
    n_gold = sum(len(entities) for _, entities in tiny.SENTENCES)
    assert found["ents_all_p"] == 1
    assert found["ents_all_r"] == pytest.approx(n_gold / (n_gold + len(examples)))
    assert all(len(example.reference.spans["cmner"]) > 0 for example in examples)
    scoring.get_pipe("cmner").scores = False
    fresh_examples = [Example(scoring.make_doc(eg.text), eg.reference) for eg in examples]
    assert scoring.evaluate(fresh_examples)["ents_all_per_type"] == found["ents_all_per_type"]


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_impossible_threshold(threshold):
    with pytest.raises(CmnerError, match="CM408"):
        tiny.blank(threshold=threshold)


def test_the_highest_threshold_leaves_nothing_that_is_not_certain(trained):
    nlp = tiny.blank(threshold=1.0, scores=True).from_bytes(trained.to_bytes())
    assert all(scores(doc) in ([], [1.0]) for doc in nlp.pipe(TEXTS))


@pytest.fixture
def choosing(fresh):
    """A trained pipeline that decodes by probabilities."""
    fresh.get_pipe("cmner").decoding = "marginal"
    fresh.get_pipe("cmner").threshold = 0.3
    return fresh


def test_marginal_decoding_finds_what_a_sure_model_finds(choosing, trained):
    for doc, other in zip(choosing.pipe([*TEXTS, ""]), trained.pipe([*TEXTS, ""]), strict=True):
        assert [(e.start, e.end, e.label_) for e in doc.ents] == [
            (e.start, e.end, e.label_) for e in other.ents
        ]


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.6])
def test_marginal_decoding_finds_the_likely_entities_that_readings_hold(resource_dir, threshold):
    nlp = tiny.blank(decoding="marginal", threshold=threshold, scores=True)
    tiny.initialize(nlp, resource_dir)
    doc = nlp("肺。痛疼")
    readings = nlp.get_pipe("cmner").kbest(nlp.make_doc(doc.text), 1000)
    probabilities = {}
    for reading in readings:
        for span in reading.spans:
            probabilities[span] = probabilities.get(span, 0.0) + reading.probability
    found = {(e.start_char, e.end_char, e.label_): e._.cmner_score for e in doc.ents}
    assert all(score >= threshold for score in found.values())
    assert found == pytest.approx({span: probabilities[span] for span in found})
    free = [s for s in probabilities if all(s[1] <= a or b <= s[0] for a, b, _ in found)]
    assert all(probabilities[span] < threshold for span in free)


def test_marginal_decoding_is_the_same_alone_and_in_a_batch(resource_dir):
    nlp = tiny.blank(decoding="marginal", threshold=0.2)
    tiny.initialize(nlp, resource_dir)
    texts = [*TEXTS, "", "".join(TEXTS)]
    for text, doc in zip(texts, nlp.pipe(texts), strict=True):
        alone = nlp(text)
        assert [(e.start, e.end, e.label_) for e in doc.ents] == [
            (e.start, e.end, e.label_) for e in alone.ents
        ]


def test_marginal_decoding_keeps_entities_that_are_there(choosing):
    doc = choosing.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 0, 1, label="other")]
    doc = choosing.get_pipe("cmner")(doc)
    assert doc.ents[0].label_ == "other"


def test_settings_of_decoding_are_checked():
    with pytest.raises(CmnerError, match=r"CM424.*'beam'.*viterbi, marginal"):
        tiny.blank(decoding="beam")
    with pytest.warns(CmnerWarning, match=r"CM426.*0\.0 .*0\.05"):
        tiny.blank(decoding="marginal")


def test_too_low_a_threshold_is_the_lowest(fresh):
    """As `spacy find-threshold` begins with 0."""
    recogniser = fresh.get_pipe("cmner")
    recogniser.decoding, recogniser.threshold = "marginal", 0.05
    expected = [tiny.entities(fresh(text)) for text in TEXTS]
    recogniser.threshold = 0.0
    with pytest.warns(CmnerWarning, match="CM426"):
        assert [tiny.entities(fresh(text)) for text in TEXTS] == expected


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("decoding", "margnal", r"CM424.*'margnal'"),
        ("decoding", None, r"CM424.*None"),
        ("threshold", 2, r"CM408.*2"),
        ("threshold", None, r"CM408.*None"),
        ("threshold", "0.5", r"CM408.*'0.5'"),
        ("max_length", None, r"CM402.*None"),
        ("max_length", 12.5, r"CM402.*12.5"),
        ("batch_characters", "many", r"CM409.*'many'"),
        ("scores", "yes", r"CM435.*scores = 'yes'.*true or false"),
        ("target", None, r"CM435.*target = None.*'ents'"),
        ("target", "", r"CM435.*target = ''"),
        ("source", None, r"CM435.*source = None.*component"),
        ("source", "", r"CM435.*source = ''"),
        ("evidence_key", 7, r"CM435.*evidence_key = 7.*span group"),
        ("evidence_key", "ents", r"CM435.*evidence_key = 'ents'.*span group"),
        ("evidence_weight", float("inf"), r"CM417.*inf"),  # without a key, too
        ("evidence_weights", {"icd": "much"}, r"CM417.*'much'"),
        ("alignment_mode", "wide", r"CM401.*'wide'"),
    ],
)
def test_settings_that_were_changed_are_checked(fresh, name, value, message):
    setattr(fresh.get_pipe("cmner"), name, value)
    with pytest.raises(CmnerError, match=message):
        fresh(TEXTS[0])


@pytest.mark.parametrize("learn", ["update", "rehearse"])
def test_settings_that_were_changed_are_checked_in_training(fresh, learn):
    recogniser = fresh.get_pipe("cmner")
    fresh.resume_training()
    recogniser.max_length = None
    with pytest.raises(CmnerError, match=r"CM402.*None"):
        getattr(recogniser, learn)(tiny.examples(fresh))


@pytest.mark.parametrize("text", ["", TEXTS[0]])
@pytest.mark.parametrize("k", [0, 1.5, None, "2"])
def test_a_number_of_readings(trained, text, k):
    with pytest.raises(CmnerError, match=rf"CM308.*{k!r}"):
        trained.get_pipe("cmner").kbest(trained.make_doc(text), k)


def test_a_score_is_that_of_one_label(scoring):
    doc = scoring(TEXTS[0])
    first, second = doc.ents
    score = first._.cmner_score
    doc.ents = [Span(doc, first.start, first.end, "mic"), second]
    assert doc.ents[0]._.cmner_score is None and doc.ents[1]._.cmner_score is not None
    doc.ents = [first, second]
    again = Doc(scoring.vocab).from_bytes(doc.to_bytes())
    assert again.ents[0]._.cmner_score == score


def test_a_second_recogniser_adds_to_the_scores_of_the_first(scoring):
    scoring.add_pipe("cmner", name="second", source=scoring)
    scoring.get_pipe("second").scores = True
    for text in TEXTS:
        doc = scoring(text)
        assert tuple(doc.spans["cmner"]) == doc.ents
        assert doc.spans["cmner"].attrs["scores"] == [ent._.cmner_score for ent in doc.ents]


def test_a_span_that_was_appended_has_no_score_and_stays_if_it_is_an_entity(scoring):
    recogniser = scoring.get_pipe("cmner")
    doc = scoring(TEXTS[0])
    known = {span.text: score for span, score in read_scores(doc, "cmner")}
    added = Span(doc, len(doc) - 1, len(doc), "mic")
    doc.ents = [*doc.ents, added]
    doc.spans["cmner"].extend([added, Span(doc, 0, 1, "mic")])
    scored = [(span.text, score) for span, score in read_scores(doc, "cmner")]
    assert scored == [*known.items(), ("。", None), ("患", None)]
    doc = recogniser(doc)
    assert [(span.text, score) for span, score in read_scores(doc, "cmner")] == scored[:3]


def test_scores_stay_with_their_spans_where_one_was_taken_out(scoring):
    doc = scoring(TEXTS[0])
    first, second = doc.spans["cmner"].attrs["scores"]
    assert first != second
    group = doc.spans["cmner"]
    doc.spans["cmner"] = SpanGroup(doc, spans=[group[1]], attrs=group.attrs)
    [(span, score)] = read_scores(doc, "cmner")
    assert (span.text, score) == ("疼痛", second)


def test_what_was_found_and_scored_is_no_gold_group(scoring):
    doc = scoring(TEXTS[0])
    added = Span(doc, len(doc) - 1, len(doc), "mic")
    doc.ents = [*doc.ents, added]
    assert Gold.from_doc(doc).entities == Gold.from_doc(doc).flat == entities_of(doc.ents)
    assert {*doc_to_record(doc).entities} == entities_of(doc.ents)
