"""Entities inside others."""

import json
from itertools import pairwise

import numpy as np
import pytest
import spacy
import tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example
from spacy.util import filter_spans
from spacy.vocab import Vocab

from spacy_cmner.analysis.evaluation import evaluate
from spacy_cmner.analysis.gold import Gold, load_gold
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source
from spacy_cmner.cli._util import write_annotated
from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.docs import doc_to_record, record_to_doc
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.spans import found_entities
from spacy_cmner.errors import CmnerError
from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.pipeline.nesting import find_insides
from spacy_cmner.pipeline.policies import POLICIES
from spacy_cmner.supervision.preannotation import CERTAINTIES, rank
from spacy_cmner.tokenizer import char_doc
from spacy_cmner.types import ScoredSpan

# of which sym holds others
SENTENCES = [
    ("患者右肺疼痛三天。", [(2, 6, "sym"), (2, 4, "bod")]),
    ("服用阿莫西林后头痛减轻。", [(2, 6, "dru"), (7, 9, "sym"), (7, 8, "bod")]),
    ("肝脏不大，发热。", [(0, 2, "bod"), (5, 7, "sym")]),
    ("双肺呼吸音清，无咳嗽。", [(0, 5, "sym"), (0, 2, "bod"), (2, 5, "ite"), (8, 10, "sym")]),
    ("复查，一切正常。", []),
]
TEXTS = [text for text, _ in SENTENCES]
GOLD = [sorted(entities, key=lambda e: (e[0], -e[1])) for _, entities in SENTENCES]
RECORDS = [Record(text, tuple(Entity(*e) for e in entities)) for text, entities in SENTENCES]


def examples(nlp: Language, *, inside: bool = False) -> list[Example]:
    """inside: with the inner ones of nested entities in ``doc.ents``."""
    pairs = []
    for text, entities in SENTENCES:
        gold = char_doc(nlp.vocab, text)
        spans = [Span(gold, *entity) for entity in entities]
        outer = filter_spans(spans)
        inner = [span for span in spans if span not in outer]
        around = [
            ent for ent in outer if not any(ent.start <= span.start < ent.end for span in inner)
        ]
        gold.set_ents(inner + around if inside else outer, default="outside")
        gold.spans["cmner"] = spans
        pairs.append(Example(nlp.make_doc(text), gold))
    return pairs


@pytest.fixture(scope="module")
def nested(resource_dir) -> Language:
    """A pipeline that has read each text three times with the outer entities to once with the inner
    ones, so that these are its second choice."""
    nlp = tiny.blank()
    tiny.initialize(nlp, resource_dir)
    nlp.get_pipe("cmner").add_label("ite")
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.02
    for _ in range(80):
        nlp.update([*examples(nlp) * 3, *examples(nlp, inside=True)], sgd=optimizer)
    return tiny.blank(nested_in=["sym"]).from_bytes(nlp.to_bytes())


def again(nested: Language, **settings) -> Language:
    """The same pipeline with other settings."""
    return tiny.blank(**{"nested_in": ["sym"], **settings}).from_bytes(nested.to_bytes())


def everything(doc: Doc) -> list[tuple[int, int, str]]:
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans["cmner"]]


def test_all_entities_are_learned_by_heart(nested):
    docs = [nested(text) for text in TEXTS]
    assert [everything(doc) for doc in docs] == GOLD
    for doc, entities in zip(docs, GOLD, strict=True):
        flat = filter_spans([Span(doc, *entity) for entity in entities])
        assert list(doc.ents) == flat
        assert {span._.cmner_source for span in doc.spans["cmner"]} <= {"model"}


def test_alone_in_a_batch_and_inside_a_long_document(nested):
    for size in (1, 2, 100):
        assert [everything(doc) for doc in nested.pipe(TEXTS, batch_size=size)] == GOLD
    expected, offset = [], 0
    for text, entities in zip(TEXTS, GOLD, strict=True):
        expected += [(offset + start, offset + end, label) for start, end, label in entities]
        offset += len(text)
    assert everything(nested("".join(TEXTS))) == expected


def test_nothing_is_looked_for_where_it_is_off(nested):
    nlp = again(nested, nested_in=[])
    docs = list(nlp.pipe(TEXTS))
    assert not any("cmner" in doc.spans for doc in docs)
    assert [tiny.entities(doc) for doc in docs] == [tiny.entities(nested(text)) for text in TEXTS]


def test_only_inside_the_types_that_are_named(nested):
    for doc in again(nested, nested_in=["dru"]).pipe(TEXTS):
        holders = [ent for ent in doc.ents if ent.label_ == "dru"]
        for span in doc.spans["cmner"]:
            is_inside = any(ent.start <= span.start and span.end <= ent.end for ent in holders)
            assert span in doc.ents or is_inside


@pytest.mark.parametrize("decoding", ["viterbi", "marginal"])
def test_scores_are_those_of_the_spans_beside_them(nested, decoding):
    nlp = again(nested, scores=True, decoding=decoding, threshold=0.3)
    for doc, entities in zip(nlp.pipe(TEXTS), GOLD, strict=True):
        group = doc.spans["cmner"]
        assert everything(doc) == entities
        assert group.attrs["scores"] == [span._.cmner_score for span in group]
        assert all(0.3 <= score <= 1 for score in group.attrs["scores"])


def test_a_threshold_counts_inside_too(nested):
    nlp = again(nested, threshold=1.0)
    assert everything(nlp(TEXTS[0])) == []


def test_a_span_group_takes_all_of_them(nested):
    doc = again(nested, target="second")(TEXTS[0])
    assert not doc.ents and "cmner" not in doc.spans
    assert [(span.start, span.end, span.label_) for span in doc.spans["second"]] == GOLD[0]


def test_inside_an_entity_that_was_there(nested):
    doc = nested.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 2, 6, "sym"), Span(doc, 6, 8, "other")]
    doc = nested.get_pipe("cmner")(doc)
    assert everything(doc) == [*GOLD[0], (6, 8, "other")]
    sources = {span.label_: span._.cmner_source for span in doc.spans["cmner"]}
    assert sources == {"sym": "other", "bod": "model", "other": "other"}


def test_forbidden_ranges_count_inside_too(nested):
    doc = nested.make_doc(TEXTS[0])
    doc.spans["cmner_forbidden"] = [Span(doc, 2, 6, "bod")]
    assert everything(nested.get_pipe("cmner")(doc)) == [(2, 6, "sym")]


def test_entities_of_two_recognisers_are_in_one_group(nested):
    nlp = again(nested, scores=True)
    nlp.add_pipe("cmner", name="second", source=nested)
    doc = nlp(TEXTS[0])
    assert everything(doc) == GOLD[0]


@pytest.mark.parametrize("scores", [(False, False), (False, True), (True, False), (True, True)])
def test_a_flat_recogniser_behind_keeps_what_is_inside(nested, scores):
    nlp = again(nested, scores=scores[0])
    flat = again(nested, scores=scores[1], nested_in=[], source="second")
    nlp.add_pipe("cmner", name="second", source=flat)
    doc = nlp(TEXTS[0])
    assert everything(doc) == GOLD[0]
    assert [(span.start, span.end, span.label_) for span in found_entities(doc)] == GOLD[0]
    group = doc.spans["cmner"]
    assert [span._.cmner_source for span in group] == ["model"] * 2
    if any(scores):
        assert group.attrs["scores"] == [span._.cmner_score for span in group]


def test_of_two_that_overlap_inside_an_entity_the_earlier_stays(nested):
    doc = nested(TEXTS[3])
    assert everything(doc) == GOLD[3]
    recogniser = nested.get_pipe("cmner")
    crossing = ScoredSpan(0, 5, "sym"), ScoredSpan(1, 3, "dru"), ScoredSpan(3, 4, "dru")
    recogniser.set_annotations([doc], [[*crossing]])
    assert everything(doc) == GOLD[3]
    doc.spans["cmner"] = SpanGroup(doc, spans=doc.ents, attrs={"nested": True})
    recogniser.set_annotations([doc], [[*crossing]])
    assert [span[2] for span in everything(doc)] == ["sym", "dru", "dru", "sym"]


def test_what_is_inside_an_entity_that_the_tokens_cannot_hold_is_none_itself(nested):
    words = ["患者", "右肺", "疼", "痛三天。"]
    for mode in ("strict", "contract"):
        doc = Doc(nested.vocab, words=words, spaces=[False] * 4)
        with pytest.warns(UserWarning, match=r"CM4(06|28).*右肺疼痛"):
            doc = again(nested, alignment_mode=mode).get_pipe("cmner")(doc)
        flat = doc.copy()
        flat.ents = []
        with pytest.warns(UserWarning, match="CM4"):
            flat = again(nested, alignment_mode=mode, nested_in=[]).get_pipe("cmner")(flat)
        assert tiny.entities(doc) == tiny.entities(flat)


@pytest.mark.parametrize("policy", [*POLICIES])
@pytest.mark.parametrize("term", [("右肺", "bod"), ("右肺疼痛三", "sym")])
def test_a_merge_sees_nothing_of_what_is_inside(nested, policy, term):
    docs = []
    for nested_in in ([], ["sym"]):
        nlp = again(nested, scores=True, nested_in=nested_in)
        terms = nlp.add_pipe("cmner_dictionary", first=True, config={"target": "dictionary"})
        terms.add_terms([term])
        nlp.add_pipe("cmner_merge", config={"policy": policy})
        docs.append(nlp(TEXTS[0]))
    flat, deep = [[(ent.text, ent.label_, ent._.cmner_source) for ent in doc.ents] for doc in docs]
    assert flat == deep


def test_tokens_that_are_words(nested):
    doc = Doc(nested.vocab, words=["患者", "右肺", "疼痛", "三天。"], spaces=[False] * 4)
    assert everything(nested.get_pipe("cmner")(doc)) == GOLD[0]
    doc = Doc(nested.vocab, words=["患者", "右肺疼痛", "三天。"], spaces=[False] * 3)
    with pytest.warns(UserWarning, match=r"CM406.*右肺"):
        assert everything(nested.get_pipe("cmner")(doc)) == [(2, 6, "sym")]
    with pytest.warns(UserWarning, match=r"CM428.*右肺 → 右肺疼痛"):
        doc = again(nested, alignment_mode="expand").get_pipe("cmner")(doc.copy())
    assert everything(doc) == [(2, 6, "sym")]


@given(tiny.texts())
def test_hostile_texts(nested, text):
    doc = nested(text)
    inner = [span for span in doc.spans["cmner"] if span not in doc.ents]
    for span in inner:
        [outer] = [ent for ent in doc.ents if ent.start <= span.start and span.end <= ent.end]
        assert outer.label_ == "sym" != span.label_
        assert len(span) < len(outer)
    assert filter_spans(inner) == inner
    assert [span for span in doc.spans["cmner"] if span in doc.ents] == list(doc.ents)


def test_a_sentence_in_several_windows(nested):
    text = "患者右肺疼痛三天" * 6
    doc = again(nested, max_length=10)(text)
    for span in doc.spans["cmner"]:
        assert span in doc.ents or any(
            ent.start <= span.start and span.end <= ent.end for ent in doc.ents
        )
    assert any(span not in doc.ents for span in doc.spans["cmner"])


@pytest.mark.parametrize("max_length", [6, 9, 12])
def test_what_is_inside_an_entity_of_one_window_only_is_no_entity_itself(nested, max_length):
    text = "患者右肺疼痛三天" * 6
    flat = again(nested, max_length=max_length, nested_in=[])(text)
    assert tiny.entities(again(nested, max_length=max_length)(text)) == tiny.entities(flat)


# Positions


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=5), st.data())
def test_positions_come_back(pieces, data):
    """Each packed character is that of the batch."""
    scheme, spans, end = TagScheme(["bod", "sym"]), [], 0
    for gap, length in pieces:
        spans.append((end + gap, end + gap + length, data.draw(st.sampled_from(["bod", "sym"]))))
        end += gap + length
    inside = find_insides(scheme, spans, {"sym"})
    expected = [span for span in spans if span[2] == "sym" and span[1] - span[0] > 1]
    assert inside.spans == expected
    rows = [row for start, stop, _ in expected for row in range(start, stop)]
    assert [row for part in inside.rows for row in part] == rows
    assert inside.possible.shape == (len(rows), scheme.n_tags)
    if rows:
        singles = [(i, i + 1, "bod") for i in range(len(rows))]
        assert inside.place(singles) == [(row, row + 1, "bod") for row in rows]
        sizes = np.cumsum([0, *(stop - start for start, stop, _ in expected)]).tolist()
        whole = [(a, b, "bod") for a, b in pairwise(sizes)]
        assert inside.place(whole) == [None] * len(expected)


# Settings


@pytest.mark.parametrize("value", [["sym", 1], [None], 3])
def test_impossible_settings(value):
    with pytest.raises(CmnerError, match=r"CM435.*nested_in"):
        tiny.blank().get_pipe("cmner").__class__(
            spacy.blank("zh").vocab, tiny.blank().get_pipe("cmner").model, nested_in=value
        )


def test_one_type_needs_no_list(nested):
    nlp = again(nested, nested_in="sym")
    assert [everything(doc) for doc in nlp.pipe(TEXTS)] == GOLD
    nlp.get_pipe("cmner").nested_in = "s"
    with pytest.raises(CmnerError, match=r"CM442.*'s'"):
        nlp(TEXTS[0])


def test_types_that_the_recogniser_does_not_know(nested):
    nlp = again(nested, nested_in=["sym", "Sym"])
    with pytest.raises(CmnerError, match=r"CM442.*'Sym'.*bod, dru, sym, ite"):
        nlp(TEXTS[0])
    blank = tiny.blank(nested_in=["Sym"])
    with pytest.raises(CmnerError, match=r"CM442.*'Sym'.*bod, dru, sym"):
        blank.initialize(lambda: tiny.examples(blank))


# What comes of it


def test_saved_and_loaded(nested, tmp_path):
    nested.to_disk(tmp_path)
    assert [everything(doc) for doc in spacy.load(tmp_path).pipe(TEXTS)] == GOLD


@pytest.mark.parametrize("scores", [False, True])
def test_a_document_is_a_record_of_all_its_entities(nested, scores):
    nlp = again(nested, scores=scores)
    docs = [Doc(nlp.vocab).from_bytes(nlp(text).to_bytes()) for text in TEXTS]
    assert [doc_to_record(doc) for doc in docs] == RECORDS


def test_what_a_pipeline_found_can_be_gold(nested):
    for text, example in zip(TEXTS, examples(nested), strict=True):
        assert Gold.from_doc(nested(text)) == Gold.from_doc(example.reference)


def test_what_is_no_more_inside_an_entity_is_none(nested):
    doc = nested(TEXTS[0])
    assert [span.label_ for span in found_entities(doc)] == ["sym", "bod"]
    doc.ents = [Span(doc, 3, 7, "sym")]
    assert [span.label_ for span in found_entities(doc)] == ["sym"]
    doc.ents = [Span(doc, 2, 4, "bod")]
    assert [span.label_ for span in found_entities(doc)] == ["bod"]
    doc.ents = []
    assert found_entities(doc) == []


def test_an_entity_that_was_replaced_is_not_inside_the_other(nested):
    doc = nested(TEXTS[0])
    doc.ents = [Span(doc, 2, 7, "sym")]
    assert [span.text for span in found_entities(doc)] == ["右肺疼痛三", "右肺"]
    doc.ents = [Span(doc, 1, 6, "bod")]  # nor is one of its own type
    assert [span.text for span in found_entities(doc)] == ["者右肺疼痛"]


def test_scores_count_them_against_all_gold_only(nested):
    scores = nested.evaluate(examples(nested))
    assert scores["ents_all_f"] == scores["ents_f"] == 1.0
    flat = again(nested, nested_in=[]).evaluate(examples(nested))
    n = sum(map(len, GOLD))
    assert flat["ents_f"] == 1.0
    assert flat["ents_all_r"] == pytest.approx((n - 4) / n)


def test_evaluation_counts_them(nested, tmp_path):
    write_docbin(RECORDS, tmp_path / "gold.spacy")
    evaluation = evaluate(nested, load_gold(tmp_path / "gold.spacy"))
    assert evaluation.scores.all_gold.total.f1 == evaluation.scores.flat_gold.total.f1 == 1.0
    assert evaluation.scores.all_gold.total.gold == evaluation.scores.flat_gold.total.gold + 4


def test_of_some_types_what_is_inside_others_is_not_flat(nested, tmp_path):
    write_docbin(RECORDS, tmp_path / "gold.spacy")
    evaluation = evaluate(nested, load_gold(tmp_path / "gold.spacy"), labels=["bod"])
    counts = evaluation.scores.flat_gold.total
    assert (counts.gold, counts.predicted, counts.correct) == (1, 1, 1)
    assert evaluation.scores.all_gold.total.predicted == 4
    assert {entity.label for found in evaluation.predictions.entities for entity in found} == {
        "bod"
    }


def test_a_corpus_is_annotated_with_them(nested, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    source = Source(tmp_path / "texts.txt")
    nlp = again(nested, scores=True)
    annotate_corpus(nlp, source, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    for line, entities in zip(lines, GOLD, strict=True):
        found = [(e["start"], e["end"], e["label"]) for e in json.loads(line)["entities"]]
        assert sorted(found) == sorted(entities)
    annotate_corpus(nlp, source, tmp_path / "out.spacy")
    [part] = (tmp_path / "out.spacy").glob("*.spacy")
    docs = list(DocBin().from_disk(part).get_docs(nlp.vocab))
    assert [doc_to_record(doc).entities for doc in docs] == [r.entities for r in RECORDS]
    for doc in docs:
        for span in doc.spans.get("cmner", ()):
            assert span._.cmner_source == "model" and span._.cmner_score > 0


def test_assertions_speak_of_what_is_inside_where_inputs_say_so(nested):
    nlp = again(nested)
    nlp.add_pipe("cmner_assertion", config={"inputs": ["ents", "cmner"]})
    doc = nlp("否认右肺疼痛。")
    assert [(span.text, span._.negated) for span in found_entities(doc)] == [
        ("右肺疼痛", True),
        ("右肺", True),
    ]


def test_the_least_certain_entity_may_be_inside_another_one(nested):
    nlp = again(nested)
    doc = again(nested, scores=True)(TEXTS[0])
    [candidate] = rank(nlp, [SourceRecord(TEXTS[0])], by="entity")
    assert candidate.certainty == min(doc.spans["cmner"].attrs["scores"])
    outer, inner = doc.spans["cmner"]
    inner._.cmner_score = 0.4
    assert CERTAINTIES["entity"].of(doc, 0.0) == 0.4 < outer._.cmner_score


def test_entities_inside_others_are_counted_where_they_are_written(tmp_path, capsys):
    docs = [record_to_doc(record, Vocab()) for record in RECORDS]
    write_annotated(docs, tmp_path / "gold.spacy")
    assert "5 texts, 11 entities" in " ".join(capsys.readouterr().out.split())
