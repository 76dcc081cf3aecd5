"""Self-training: what a pipeline is sure of is learned, and what it doubts is not taught."""

import pytest
import spacy
import tiny
from spacy.cli._util import app
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.data.corpus import load_docbin
from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.supervision.pseudo_labels import annotate_again, pseudo_label

TEXTS = [text for text, _ in tiny.SENTENCES]
RECORDS = [SourceRecord(text) for text in TEXTS]


def test_what_a_pipeline_is_sure_of_is_learned_again(fresh):
    fresh.get_pipe("cmner").scores = True
    text = "服用阿莫西林后咳嗽减轻。"
    doc = fresh.make_doc(text)
    doc.spans["hits"] = [Span(doc, 9, 11, "sym"), Span(doc, 3, 5, "dru")]
    doc = fresh(doc)
    assert tiny.entities(doc) == [(2, 6, "dru"), (7, 9, "sym")]
    for entity, score in zip(doc.ents, (0.9, 0.6), strict=True):
        entity._.cmner_score = score
    again = [
        tiny.iob(annotate_again(Vocab(), doc, min_score=score, hits_key=key))
        for score, key in ((0.6, None), (0.7, None), (0.7, "hits"))
    ]
    assert again == ["OOddddOssOOO", "OOddddO--OOO", "OOddddO----O"]


def test_what_rules_found_on_words_is_learned_character_by_character():
    doc = Doc(Vocab(), words=["服", "青霉素", "后", "皮疹", "。"], spaces=[False] * 5)
    doc.ents = [Span(doc, 1, 2, "dru")]  # without a score
    doc.spans["hits"] = [Span(doc, 3, 4, "sym")]
    again = annotate_again(Vocab(), doc, min_score=1.0, hits_key="hits")
    assert tiny.iob(again) == "OdddO--O"


@pytest.fixture
def unsure(resource_dir):
    """A pipeline with random weights, which finds many things likely."""
    nlp = tiny.blank()
    tiny.initialize(nlp, resource_dir)
    return nlp


def test_entities_are_learned_missing_or_outside_by_their_probability(unsure):
    low, high = 0.19, 0.21
    recogniser = unsure.get_pipe("cmner")
    labelled = list(pseudo_label(unsure, RECORDS, min_score=high, possible=low))
    assert (recogniser.decoding, recogniser.threshold, recogniser.scores) == ("viterbi", 0, False)
    recogniser.decoding, recogniser.threshold, recogniser.scores = "marginal", low, True
    for text, doc in zip(TEXTS, labelled, strict=True):
        expected = ["O"] * len(text)
        for entity in unsure(text).ents:
            kind = entity.label_[0] if entity._.cmner_score >= high else "-"
            expected[entity.start : entity.end] = kind * len(entity)
        assert tiny.iob(doc) == "".join(expected)
    assert {"-", "O", "d"} <= set("".join(map(tiny.iob, labelled)))


def test_settings_of_all_recognisers_return_when_the_reader_stops_early(unsure, fresh):
    unsure.add_pipe("cmner", name="second", source=fresh)
    recognisers = [unsure.get_pipe(name) for name in ("cmner", "second")]

    def settings():
        return [(pipe.decoding, pipe.threshold, pipe.scores) for pipe in recognisers]

    recognisers[1].scores = True
    before = settings()
    reading = pseudo_label(unsure, RECORDS, possible=0.3)
    next(reading)
    assert settings() == [("marginal", 0.3, True)] * 2
    reading.close()
    assert settings() == before == [("viterbi", 0, False), ("viterbi", 0, True)]


def test_without_a_recogniser():
    with pytest.raises(CmnerError, match="CM431"):
        next(pseudo_label(spacy.blank("zh", config=tiny.CHARACTERS), RECORDS))


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"min_score": 0.2, "possible": 0.3}, "CM434"),
        ({"min_score": 1.1}, "CM434"),
        ({"possible": 0.0}, "CM435.*possible = 0.0"),
        ({"possible": float("nan")}, "CM434"),
    ],
)
def test_impossible_probabilities(unsure, settings, code):
    with pytest.raises(CmnerError, match=code):
        next(pseudo_label(unsure, RECORDS, **settings))


@pytest.mark.parametrize(
    "settings",
    [{"possible": 0.05}, {"min_score": 0.4, "possible": 0.4}, {"min_score": 1.0, "possible": 1.0}],
)
def test_probabilities_that_are_just_possible(unsure, settings):
    assert next(pseudo_label(unsure, RECORDS, **settings)).text == TEXTS[0]


def test_hits_that_nothing_looks_for(unsure):
    unsure.add_pipe("cmner_dictionary", config={"target": "hits"}).add_terms([("脑梗", "dis")])
    records = [SourceRecord("无殊。"), SourceRecord("无头晕。")]
    assert len(list(pseudo_label(unsure, records, hits_key="hits"))) == 2
    with pytest.warns(CmnerWarning, match=r"CM427.*'hit'.*'hits'"):
        list(pseudo_label(unsure, records, hits_key="hit"))
    with pytest.raises(CmnerError, match=r"CM435.*hits_key = 'ents'.*span group"):
        list(pseudo_label(unsure, records, hits_key="ents"))


def test_a_text_that_a_component_fails_on_is_left_out(unsure):
    unsure.add_pipe("cmner_test_fails_on_x")
    bad = SourceRecord("x", number=7)
    with pytest.warns(CmnerWarning, match=r"CM176.*1 of 13.*Record 7.*RuntimeError: an x"):
        labelled = list(pseudo_label(unsure, [*RECORDS, bad, *RECORDS]))
    assert [doc.text for doc in labelled] == TEXTS * 2
    with pytest.raises(CmnerError, match=r"CM176.*2 of 2.*Record 7"):
        list(pseudo_label(unsure, [bad, bad]))


def test_command(trained, tmp_path):
    trained.to_disk(tmp_path / "teacher")
    (tmp_path / "texts.txt").write_text("\n".join([*TEXTS, "无头晕。"]), encoding="utf-8")
    out = tmp_path / "new" / "student.spacy"

    def run(*options):
        words = ["cmner", "pseudo-label", tmp_path / "teacher", tmp_path / "texts.txt", out]
        return CliRunner().invoke(app, [*map(str, words), *options])

    result = run("--min-score", "0.5")
    assert result.exit_code == 0, result.output
    docs = list(load_docbin(out).get_docs(Vocab()))
    assert [doc.text for doc in docs] == [*TEXTS, "无头晕。"]
    n_entities = sum(len(doc.ents) for doc in docs)
    assert f"7 texts, {n_entities} entities" in " ".join(result.output.split())
    for doc, (_, entities) in zip(docs, tiny.SENTENCES, strict=False):
        assert tiny.entities(doc) == entities
    failed = run("--min-score", "0.1")
    assert failed.exit_code == 1 and "CM434" in failed.output
