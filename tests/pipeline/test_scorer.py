import pytest
import spacy
import tiny
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_cmner.pipeline.scorer import create_ner_scorer

NLP = spacy.blank("zh", config=tiny.CHARACTERS)
TEXT = "右肺疼痛，咳嗽。"


def document(entities: list, every: list | None = None, key: str = "cmner") -> Doc:
    doc = NLP.make_doc(TEXT)
    doc.set_ents([Span(doc, *entity) for entity in entities], default="outside")
    if every is not None:
        doc.spans[key] = [Span(doc, *entity) for entity in every]
    return doc


LUNG, PAIN, BOTH, COUGH = (0, 2, "bod"), (2, 4, "sym"), (0, 4, "sym"), (5, 7, "sym")


def test_a_perfect_prediction():
    scores = create_ner_scorer()([Example(document([LUNG, PAIN]), document([LUNG, PAIN]))])
    for name in ("ents_p", "ents_r", "ents_f", "ents_all_p", "ents_all_r", "ents_all_f"):
        assert scores[name] == 1.0
    assert set(scores["ents_per_type"]) == set(scores["ents_all_per_type"]) == {"bod", "sym"}


def test_nested_gold_counts_in_all_but_not_in_flat():
    gold = document([BOTH, COUGH], [BOTH, LUNG, PAIN, COUGH])
    scores = create_ner_scorer()([Example(document([BOTH, COUGH]), gold)])
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 1.0)
    assert (scores["ents_all_p"], scores["ents_all_r"]) == (1.0, 0.5)
    assert scores["ents_all_f"] == pytest.approx(2 / 3)
    inner = create_ner_scorer()([Example(document([LUNG, PAIN]), gold)])
    assert inner["ents_f"] == 0.0
    assert (inner["ents_all_p"], inner["ents_all_r"]) == (1.0, 0.5)


def test_boundaries_and_type_must_both_be_right():
    predicted = document([(0, 2, "sym"), (2, 3, "sym"), COUGH])
    scores = create_ner_scorer()([Example(predicted, document([LUNG, PAIN, COUGH]))])
    assert scores["ents_p"] == scores["ents_r"] == pytest.approx(1 / 3)
    assert scores["ents_per_type"]["bod"] == {"p": 0.0, "r": 0.0, "f": 0.0}
    assert scores["ents_per_type"]["sym"]["p"] == pytest.approx(1 / 3)
    assert scores["ents_per_type"]["sym"]["r"] == pytest.approx(1 / 2)


def test_flat_scores_are_those_of_spacy():
    examples = [
        Example(document([LUNG, COUGH]), document([LUNG, PAIN])),
        Example(document([]), document([COUGH])),
        Example(document([PAIN]), document([])),
    ]
    ours, theirs = create_ner_scorer()(examples), spacy.scorer.get_ner_prf(examples)
    for name in ("ents_p", "ents_r", "ents_f"):
        assert ours[name] == pytest.approx(theirs[name])
    for label, score in theirs["ents_per_type"].items():
        assert ours["ents_per_type"][label] == pytest.approx(score)


def test_counts_are_summed_over_documents():
    examples = [
        Example(document([LUNG]), document([LUNG, PAIN, COUGH])),
        Example(document([COUGH]), document([COUGH])),
    ]
    scores = create_ner_scorer()(examples)
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 0.5)


def test_what_was_never_annotated_is_not_scored():
    scores = create_ner_scorer()([Example(document([LUNG]), NLP.make_doc(TEXT))])
    assert set(scores.values()) == {None}
    annotated = Example(document([COUGH]), document([COUGH]))
    both = create_ner_scorer()([Example(document([LUNG]), NLP.make_doc(TEXT)), annotated])
    assert (both["ents_p"], both["ents_all_f"]) == (1.0, 1.0)


def test_an_annotation_of_no_entities_counts_false_alarms():
    scores = create_ner_scorer()([Example(document([LUNG]), document([]))])
    assert (scores["ents_p"], scores["ents_all_p"]) == (0.0, 0.0)


def test_words_are_scored_by_their_characters():
    words = Doc(NLP.vocab, words=["右肺", "疼痛", "，", "咳嗽", "。"], spaces=[False] * 5)
    words.set_ents([Span(words, 0, 1, "bod"), Span(words, 3, 4, "sym")])
    scores = create_ner_scorer()([Example(words, document([LUNG, PAIN, COUGH]))])
    assert (scores["ents_p"], scores["ents_all_p"]) == (1.0, 1.0)
    assert scores["ents_r"] == scores["ents_all_r"] == pytest.approx(2 / 3)


def test_the_group_of_all_gold_has_a_name():
    gold = document([BOTH], [BOTH, LUNG], key="gold")
    example = Example(document([BOTH]), gold)
    assert create_ner_scorer("gold")([example])["ents_all_r"] == 0.5
    assert create_ner_scorer()([example])["ents_all_r"] == 1.0


def test_no_examples():
    assert set(create_ner_scorer()([]).values()) == {None}


def test_the_component_scores_with_it(trained):
    scores = trained.evaluate(tiny.examples(trained))
    assert scores["ents_f"] == scores["ents_all_f"] == 1.0
    assert set(scores["ents_per_type"]) == set(tiny.LABELS)


def test_a_component_without_a_scorer_leaves_scoring_to_others(trained):
    nlp = tiny.blank(scorer=None).from_bytes(trained.to_bytes())
    assert [key for key in nlp.evaluate(tiny.examples(nlp)) if key.startswith("ents")] == []
