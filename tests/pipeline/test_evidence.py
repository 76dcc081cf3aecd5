"""Soft evidence in the pipeline: from the spans of a document to entities, and in training."""

import numpy as np
import pytest
import spacy
import tiny
from spacy.cli.train import train
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Config

from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.cmner import ChineseMedicalNER
from spacy_cmner.pipeline.evidence import NO_EVIDENCE, EvidenceReader, pack, take_part
from spacy_cmner.types import TextRange

TEXT = "服用阿莫西林后咳嗽减轻。"


def with_hits(doc: Doc, *hits: tuple[int, int, str]) -> Doc:
    doc.spans["hits"] = [Span(doc, *hit) for hit in hits]
    return doc


def load(trained, **settings):
    nlp = tiny.blank(evidence_key="hits", **settings)
    return nlp.from_bytes(trained.to_bytes())


@pytest.mark.parametrize("weight, expected", [(0.0, "dru"), (30.0, "sym"), (1000.0, "sym")])
def test_a_hit_counts_as_much_as_its_weight(trained, weight, expected):
    nlp = load(trained, evidence_weight=weight)
    doc = nlp(with_hits(nlp.make_doc(TEXT), (2, 6, "sym")))
    assert (2, 6, expected) in tiny.entities(doc)


def test_a_rule_counts_as_much_as_its_own_weight(trained):
    nlp = load(trained, evidence_weight=0.0, evidence_weights={"rule": 1000.0})
    doc = nlp.make_doc(TEXT)
    doc.spans["hits"] = [Span(doc, 2, 6, "sym", span_id="rule"), Span(doc, 7, 9, "dru")]
    assert tiny.entities(nlp(doc)) == [(2, 6, "sym"), (7, 9, "sym")]


def test_negative_evidence(trained):
    nlp = load(trained, evidence_weight=-1000.0)
    doc = nlp(with_hits(nlp.make_doc(TEXT), (7, 9, "sym")))
    assert (7, 9, "sym") not in tiny.entities(doc)


def test_an_error_loses_only_the_document_that_it_is_about(trained):
    nlp = load(trained)
    docs = [nlp.make_doc(TEXT) for _ in range(4)]
    with_hits(docs[2], (2, 6, "exam"))
    failed = []
    recogniser = nlp.get_pipe("cmner")
    recogniser.set_error_handler(lambda name, pipe, docs, error: failed.append((name, docs, error)))
    assert list(recogniser.pipe(docs, batch_size=3)) == [docs[0], docs[1], docs[3]]
    [(name, lost, error)] = failed
    assert (name, lost) == ("cmner", [docs[2]]) and "CM319" in str(error)
    assert all(doc.ents for doc in (docs[0], docs[1], docs[3]))


def test_weights_of_rules_and_sources():
    doc = tiny.blank().make_doc(TEXT)
    doc.spans["hits"] = [
        Span(doc, 2, 4, "a"),
        Span(doc, 4, 5, "b", span_id="rule"),
        Span(doc, 7, 8, "c"),
    ]
    doc.spans["hits"][2]._.cmner_source = "dictionary"
    read = EvidenceReader("hits", 1.5, {"rule": 2.0, "dictionary": 3.0})
    evidence = read(doc)
    rows = zip(*(column.tolist() for column in evidence), strict=True)
    assert sorted(rows) == [
        (2, 0, "a", 1.5),
        (3, 2, "a", 1.5),
        (4, 3, "b", 2.0),
        (7, 3, "c", 3.0),
    ]


@pytest.mark.parametrize("words", [list(TEXT), ["服用", "阿莫", "西林", "后咳嗽", "减轻。"]])
def test_the_tokens_do_not_matter(words):
    doc = Doc(tiny.blank().vocab, words=words, spaces=[False] * len(words))
    doc.spans["hits"] = [doc.char_span(2, 6, label="dru")]
    evidence = EvidenceReader("hits")(doc)
    assert evidence.characters.tolist() == [2, 3, 4, 5]
    assert evidence.places.tolist() == [0, 1, 1, 2]


def test_a_document_without_the_group_has_none():
    doc = tiny.blank().make_doc(TEXT)
    assert EvidenceReader("hits")(doc) is NO_EVIDENCE
    assert EvidenceReader("hits")(with_hits(doc)) is NO_EVIDENCE


def test_weights_of_rules_may_be_left_out(trained):
    recogniser = trained.get_pipe("cmner")
    made = ChineseMedicalNER(trained.vocab, recogniser.model, evidence_key="hits")
    assert made.read_evidence == EvidenceReader("hits", 1.0, {})


def test_a_group_that_nothing_fills_is_said(trained):
    nlp = load(trained)
    docs = [nlp.make_doc(TEXT) for _ in range(2)]
    docs[0].spans["hitz"] = []
    with pytest.warns(CmnerWarning, match="CM427.*'cmner' has 'hits'.*'hitz'") as warned:
        list(nlp.pipe(docs))
    assert len(warned) == 1


def test_a_group_on_some_documents_of_a_batch_is_filled_by_something(trained):
    nlp = load(trained)
    docs = [nlp.make_doc(TEXT), with_hits(nlp.make_doc(TEXT))]
    docs[0].spans["hitz"] = []
    assert len(list(nlp.pipe(docs))) == 2
    examples = [Example(doc, trained(TEXT)) for doc in docs]
    assert nlp.get_pipe("cmner").update(examples)["cmner"] > 0


def test_windows_that_overlap_have_the_evidence_of_the_whole():
    doc = with_hits(tiny.blank().make_doc(TEXT), (2, 6, "dru"), (4, 5, "sym"), (7, 9, "sym"))
    whole = EvidenceReader("hits")(doc)
    places = [TextRange(0, 4), TextRange(3, 8), TextRange(8, 12)]
    packed = pack((whole, place) for place in places)
    start = 0
    for place in places:
        part = take_part(packed, TextRange(start, start + place.end - place.start))
        inside = [place.start <= c < place.end for c in whole.characters]
        assert (part.characters + place.start).tolist() == whole.characters[inside].tolist()
        assert part.places.tolist() == whole.places[inside].tolist()
        assert part.labels.tolist() == whole.labels[inside].tolist()
        start += place.end - place.start


def test_long_texts_and_batches(trained):
    """A hit in any sentence of any document has the effect that it has alone."""
    nlp = load(trained, evidence_weight=1000.0, batch_characters=20)
    texts = [text for text, _ in tiny.SENTENCES]
    docs = [with_hits(nlp.make_doc(text), (0, 2, "dru")) for text in texts]
    alone = [tiny.entities(doc) for doc in nlp.pipe(docs)]
    assert all((0, 2, "dru") in entities for entities in alone)
    starts = np.cumsum([0, *map(len, texts)]).tolist()
    long = with_hits(nlp.make_doc("".join(texts)), *((s, s + 2, "dru") for s in starts[:-1]))
    expected = [
        (start + a, start + b, label)
        for start, entities in zip(starts, alone, strict=False)
        for a, b, label in entities
    ]
    assert tiny.entities(nlp(long)) == expected


def test_a_sentence_in_several_windows(trained):
    nlp = load(trained, evidence_weight=1000.0, max_length=8)
    text = "肺疼" * 20
    hits = [(i, i + 2, "sym") for i in range(0, 40, 4)]
    assert set(hits) <= set(tiny.entities(nlp(with_hits(nlp.make_doc(text), *hits))))


def test_readings_and_scores_hold_the_evidence(trained):
    nlp = load(trained, evidence_weight=4.0, scores=True)
    pipe = nlp.get_pipe("cmner")
    plain = {tuple(r.spans): r.probability for r in pipe.kbest(nlp.make_doc("咳嗽"), 200)}
    doc = with_hits(nlp.make_doc("咳嗽"), (0, 2, "dru"))
    biased = {tuple(r.spans): r.probability for r in pipe.kbest(doc, 200)}
    drug = ((0, 2, "dru"),)
    gains = {key: np.log(biased[key] / plain[key]) for key in plain}
    others = [gain for key, gain in gains.items() if all(label != "dru" for *_, label in key)]
    assert gains[drug] - others[0] == pytest.approx(8.0, abs=1e-2)  # four for B, four for E
    assert np.ptp(others) < 1e-2
    (entity,) = nlp(doc).ents
    assert entity._.cmner_score == pytest.approx(biased[((0, 2, entity.label_),)], rel=1e-4)


def test_hard_constraints_win(trained):
    nlp = load(trained, evidence_weight=1000.0)
    doc = with_hits(nlp.make_doc(TEXT), (2, 6, "sym"))
    doc.ents = [Span(doc, 2, 6, "bod")]
    assert (2, 6, "bod") in tiny.entities(nlp(doc))


def test_a_hit_of_another_label_is_refused(trained):
    nlp = load(trained)
    with pytest.raises(CmnerError, match=r"CM319.*'exam'.*bod, dru, sym"):
        nlp(with_hits(nlp.make_doc(TEXT), (2, 6, "exam")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": float("nan")}, "CM417.*nan"),
        ({"weights": {"x": float("inf")}}, "CM417.*inf"),
        ({"weight": None}, "CM417.*None"),
        ({"weights": {"x": "much"}}, "CM417.*'much'"),
        ({"weights": 2.0}, r"CM435.*evidence_weights = 2\.0"),
    ],
)
def test_weights_must_be_finite(settings, message):
    with pytest.raises(CmnerError, match=message):
        EvidenceReader("hits", **settings)


def test_weights_can_be_set_on_a_component_in_use(trained):
    nlp = load(trained, evidence_weight=0.0)
    assert (2, 6, "dru") in tiny.entities(nlp(with_hits(nlp.make_doc(TEXT), (2, 6, "sym"))))
    nlp.get_pipe("cmner").evidence_weight = 1000.0
    assert (2, 6, "sym") in tiny.entities(nlp(with_hits(nlp.make_doc(TEXT), (2, 6, "sym"))))
    nlp.get_pipe("cmner").evidence_weight = "much"
    with pytest.raises(CmnerError, match=r"CM417.*'much'"):
        nlp(TEXT)


@pytest.mark.parametrize("target", ["ents", "terms"])
def test_a_hit_without_record_has_not_the_weight_of_another_components_entity(target):
    """Where a ruler's hit and a dictionary's entity are the same, what is on record is the
    dictionary's."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    dictionary = nlp.add_pipe("cmner_dictionary", config={"target": target})
    dictionary.add_terms([("阿莫西林", "dru")])
    rules = nlp.add_pipe("span_ruler", config={"spans_key": "hits"})
    pattern = [{"ORTH": char} for char in "阿莫西林"]
    rules.add_patterns([{"label": "dru", "pattern": pattern}])
    doc = nlp(TEXT)
    assert EvidenceReader("hits", 1.0, {"dictionary": 9.0})(doc).weights.tolist() == [1.0] * 4


def test_a_hit_on_record_has_the_weight_of_its_source():
    """Even if it is an entity, too."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary", config={"target": "hits"}).add_terms([("阿莫西林", "dru")])
    doc = nlp(TEXT)
    doc.ents = list(doc.spans["hits"])
    assert EvidenceReader("hits", 1.0, {"dictionary": 9.0})(doc).weights.tolist() == [9.0] * 4


def test_what_a_recogniser_found_has_the_weight_of_its_source(trained):
    nlp = tiny.blank(target="hits", source="second").from_bytes(trained.to_bytes())
    doc = nlp(TEXT)
    doc.ents = list(doc.spans["hits"])
    assert {*EvidenceReader("hits", 1.0, {"second": 9.0})(doc).weights.tolist()} == {9.0}


# Learning


def learning(key="hits", labels=("list",)):
    """The biases of a label that is no entity type."""
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    model = {**tiny.MODEL, "evidence": list(labels)}
    nlp.add_pipe("cmner", config={"model": model, "evidence_key": key})
    return nlp


def test_learned_biases_need_a_group_to_read():
    with pytest.raises(CmnerError, match=r"CM419.*evidence_key"):
        learning(key=None)


def test_training_without_the_hits_names_the_setting(resource_dir):
    nlp = learning()
    optimizer = tiny.initialize(nlp, resource_dir)
    with pytest.raises(CmnerError, match=r"CM418.*'hits'.*annotating_components"):
        nlp.update(tiny.examples(nlp), sgd=optimizer)


# Each text occurs with and without an entity: only the hits tell which is which.
AMBIGUOUS = [("见甲乙。", (1, 3, "dis")), ("见乙丙。", (1, 3, "sym"))]


def ambiguous_examples(nlp):
    examples = []
    for text, entity in AMBIGUOUS:
        for entities in ([entity], []):
            hits = [(start, end, f"list_{label}") for start, end, label in entities]
            reference = Example.from_dict(nlp.make_doc(text), {"entities": entities}).reference
            examples.append(Example(with_hits(nlp.make_doc(text), *hits), reference))
    return examples


def test_the_loss_counts_the_hits(trained):
    nlp = load(trained, evidence_weight=4.0)
    pipe = nlp.get_pipe("cmner")
    gold = Example.from_dict(nlp.make_doc(TEXT), {"entities": [(2, 6, "sym")]}).reference
    scores = pipe.model.predict([gold])
    without, with_hit = (
        pipe.get_loss([Example(with_hits(nlp.make_doc(TEXT), *hits), gold)], scores)[0]
        for hits in ([], [(2, 6, "sym")])
    )
    assert with_hit < without - 1.0


def test_biases_are_learned_and_saved(resource_dir, tmp_path):
    nlp = learning(labels=("list_dis", "list_sym"))
    nlp.config["initialize"]["components"]["cmner"] = {
        "resources": {
            "@misc": "spacy-cmner.resources.v1",
            **{name: str(path) for name, path in tiny.resource_paths(resource_dir).items()},
        }
    }
    optimizer = nlp.initialize(lambda: ambiguous_examples(nlp))
    optimizer.learn_rate = 0.1
    for _ in range(60):
        nlp.update(ambiguous_examples(nlp), sgd=optimizer)
    nlp.to_disk(tmp_path)
    for pipeline in (nlp, spacy.load(tmp_path)):
        for example in ambiguous_examples(pipeline):
            assert tiny.entities(pipeline(example.predicted)) == tiny.entities(example.reference)
    bias = spacy.load(tmp_path).get_pipe("cmner").model.get_ref("evidence").get_param("bias")
    np.testing.assert_array_equal(
        bias, nlp.get_pipe("cmner").model.get_ref("evidence").get_param("bias")
    )


def test_pipelines_without_evidence_save_what_they_did(trained):
    assert len(trained.get_pipe("cmner").model.layers) == 3


def test_spacy_train_with_a_dictionary(resource_dir, tmp_path):
    """`[training] annotating_components` gives training the hits that prediction sees."""
    records = [
        Record(text, tuple(Entity(*entity) for entity in entities))
        for text, entities in tiny.SENTENCES
    ]
    write_docbin(records, tmp_path / "gold.spacy")
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary", config={"target": "hits"})
    model = {**tiny.MODEL, "evidence": ["list"]}
    nlp.add_pipe("cmner", config={"model": model, "evidence_key": "hits"})
    reader = {"@readers": "spacy-cmner.corpus.v1", "path": str(tmp_path / "gold.spacy")}
    config = Config(nlp.config).merge(
        {
            "corpora": {"train": reader, "dev": reader},
            "initialize": {
                "components": {
                    "cmner_dictionary": {"terms": [["阿莫西林", "list"], ["布洛芬", "list"]]},
                    "cmner": {
                        "resources": {
                            "@misc": "spacy-cmner.resources.v1",
                            **{
                                name: str(path)
                                for name, path in tiny.resource_paths(resource_dir).items()
                            },
                        }
                    },
                }
            },
            "training": {
                "annotating_components": ["cmner_dictionary"],
                "max_steps": 20,
                "eval_frequency": 10,
                "logger": {"@loggers": "spacy-cmner.training_log.v1"},
            },
        }
    )
    config.to_disk(tmp_path / "config.cfg")
    train(tmp_path / "config.cfg", tmp_path / "out")
    trained = spacy.load(tmp_path / "out" / "model-last")
    bias = trained.get_pipe("cmner").model.get_ref("evidence").get_param("bias")
    tags = trained.get_pipe("cmner").scheme.tags
    assert bias[0, tags.index("B-dru")] > 0 > bias[0, tags.index("O")]
    assert trained.config["components"]["cmner"]["evidence_key"] == "hits"
