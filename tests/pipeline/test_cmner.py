"""What the component does to documents."""

import warnings

import pytest
import spacy
import tiny
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.cmner import ChineseMedicalNER

TEXTS = [text for text, _ in tiny.SENTENCES]
GOLD = [entities for _, entities in tiny.SENTENCES]
HOSTILE = [
    "",
    " ",
    " \t\n\u3000 ",
    "\r\n\r\n",
    "右肺\r\n疼痛\r\n",
    "😀👩\u200d👩\u200d👧咳嗽😀",
    "\0",
    "发热\0咳嗽",
    "\U00020000\U0010ffff𠮷咳嗽",
    "שלום咳嗽مرحبا",
    "\ufeff咳嗽\ud800",
    "咳" * 5000,
    "。" * 50,
    "右肺 疼痛  三天 ",
]


def found(nlp, text):
    return tiny.entities(nlp(text))


def test_learns_a_tiny_set_by_heart(trained):
    assert [found(trained, text) for text in TEXTS] == GOLD


def test_one_by_one_equals_a_stream_in_batches_of_any_size(trained):
    texts = ["", *TEXTS, "", "".join(TEXTS), "咳嗽"]
    alone = [found(trained, text) for text in texts]
    for size in (1, 3, 100):
        assert [tiny.entities(doc) for doc in trained.pipe(texts, batch_size=size)] == alone


def test_documents_may_come_from_any_iterable(trained):
    recogniser, docs = trained.get_pipe("cmner"), [trained.make_doc(text) for text in TEXTS]
    assert recogniser.predict(iter(docs)) == recogniser.predict(docs)


@pytest.mark.parametrize("max_tokens, batch_size, n_made", [(len(TEXTS[0]), 128, 2), (999, 2, 3)])
def test_documents_are_not_kept_for_longer_than_to_fill_a_batch(
    trained, monkeypatch, max_tokens, batch_size, n_made
):
    monkeypatch.setattr("spacy_cmner.pipeline.batches.MAX_TOKENS", max_tokens)
    made = []
    stream = (made.append(text) or trained.make_doc(text) for text in TEXTS)
    found = trained.get_pipe("cmner").pipe(stream, batch_size=batch_size)
    assert tiny.entities(next(found)) == GOLD[0]
    assert len(made) == n_made  # with the first of the next batch


def test_a_sentence_reads_the_same_in_any_surroundings(trained):
    text = "".join(TEXTS) * 20
    expected, offset = [], 0
    for _ in range(20):
        for sentence, entities in tiny.SENTENCES:
            expected += [(offset + start, offset + end, label) for start, end, label in entities]
            offset += len(sentence)
    assert found(trained, text) == expected


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_hostile_texts(trained, text):
    doc = trained(text)
    assert len(doc) == len(text)
    assert doc.has_annotation("ENT_IOB") or not text
    for ent in doc.ents:
        assert 0 <= ent.start < ent.end <= len(text)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tiny.texts(), max_size=4))
@example(["咳嗽", "", "\r\n"])
def test_any_texts_in_one_batch(trained, texts):
    docs = list(trained.pipe(texts, batch_size=len(texts) + 1))
    assert [tiny.entities(doc) for doc in docs] == [found(trained, text) for text in texts]


def test_tokens_without_an_entity_are_annotated_as_outside(trained):
    doc = trained("复查，一切正常。")
    assert {token.ent_iob_ for token in doc} == {"O"}


def test_a_long_sentence_is_read_in_pieces_and_nothing_is_lost_between_them(resource_dir):
    def sentence(repeats):
        starts = range(0, 8 * repeats, 8)
        entities = [(i + s, i + s + 2, label) for i in starts for s, label in parts]
        return "患者右肺疼痛三天" * repeats, entities

    parts = [(2, "bod"), (4, "sym")]
    nlp = tiny.blank(max_length=7)  # pieces begin anywhere, in the middle of entities, too
    sentences = [*tiny.SENTENCES, sentence(5)]
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir, sentences), 60, sentences)
    text, entities = sentence(30)
    assert found(nlp, text) == entities
    assert nlp("").ents == ()


# Entities and blocked tokens that a document comes with


def preset(nlp, text: str, entities: list[tuple[int, int, str]], **marks) -> Doc:
    doc = nlp.make_doc(text)
    doc.set_ents([Span(doc, *entity) for entity in entities], default="missing", **marks)
    return nlp.get_pipe("cmner")(doc)


def test_entities_that_are_there_stay(trained):
    doc = preset(trained, TEXTS[0], [(2, 4, "dru")])
    assert tiny.entities(doc) == [(2, 4, "dru"), (4, 6, "sym")]


def test_the_others_agree_with_them(trained):
    doc = preset(trained, TEXTS[0], [(3, 5, "dru")])
    assert (3, 5, "dru") in tiny.entities(doc)


def test_entities_of_unknown_labels_keep_others_away(trained):
    doc = preset(trained, TEXTS[0], [(3, 6, "disease")])
    assert (3, 6, "disease") in tiny.entities(doc)
    assert not any(ent.label_ == "sym" for ent in doc.ents)


def test_an_entity_across_sentences_stays(trained):
    text = TEXTS[4] + TEXTS[3]
    doc = preset(trained, text, [(6, 12, "sym")])
    assert (6, 12, "sym") in tiny.entities(doc)


def test_ids_of_entities_stay(trained):
    doc = trained.make_doc(TEXTS[0])
    doc.set_ents([Span(doc, 2, 4, "bod", kb_id="LUNG", span_id="7")], default="missing")
    [ent, _] = trained.get_pipe("cmner")(doc).ents
    assert (ent.kb_id_, ent.id_) == ("LUNG", "7")


def test_blocked_tokens_hold_no_entity_and_stay_blocked(trained):
    doc = trained.make_doc(TEXTS[0])
    doc.set_ents([], blocked=[doc[4:5]], default="missing")
    for _ in range(2):
        doc = trained.get_pipe("cmner")(doc)
        assert tiny.entities(doc)[0] == (2, 4, "bod")
        assert all(ent.end <= 4 or ent.start > 4 for ent in doc.ents)


def test_presets_of_one_document_do_not_touch_its_batch(trained):
    docs = [trained.make_doc(text) for text in TEXTS]
    docs[1].set_ents([Span(docs[1], 0, 2, "sym")], default="missing")
    docs[3].set_ents([], blocked=[docs[3][2:5]], default="missing")
    results = [tiny.entities(doc) for doc in trained.get_pipe("cmner").pipe(docs)]
    for i in (0, 2, 4, 5):
        assert results[i] == GOLD[i]
    assert (0, 2, "sym") in results[1]
    assert (2, 5, "dru") not in results[3]


def test_after_a_ruler(fresh):
    ruler = fresh.add_pipe("entity_ruler", before="cmner")
    ruler.add_patterns([{"label": "test", "pattern": "咳嗽"}])
    assert found(fresh, TEXTS[1]) == [(2, 6, "dru"), (7, 9, "test")]


# A span group instead of doc.ents


def with_settings(nlp, **settings):
    """A pipeline whose recogniser has other settings."""
    return tiny.blank(**settings).from_bytes(nlp.to_bytes())


@pytest.mark.parametrize("scores", [False, True])
def test_a_span_group_is_filled_and_the_entities_stay(trained, scores):
    second = with_settings(trained, target="second", source="second", scores=scores)
    doc = second.make_doc(TEXTS[0])
    doc.spans["second"] = [Span(doc, 0, 1, "old")]
    doc.ents = [Span(doc, 0, 2, "who")]
    doc = second(doc)
    assert tiny.entities(doc) == [(0, 2, "who")] and "cmner" not in doc.spans
    group = doc.spans["second"]
    assert [(span.start, span.end, span.label_) for span in group] == GOLD[0]
    assert [span._.cmner_source for span in group] == ["second"] * len(group)
    if scores:
        assert group.attrs["scores"] == [span._.cmner_score for span in group]
        assert all(0.5 < score <= 1 for score in group.attrs["scores"])
    else:
        assert "scores" not in group.attrs


def test_what_became_one_span_is_in_the_group_once(trained):
    settings = {"target": "second", "alignment_mode": "expand", "scores": True}
    expand = with_settings(trained, **settings).get_pipe("cmner")
    with pytest.warns(CmnerWarning, match="CM428.*2 entities"):
        doc = expand(words(trained, "无", "发热，无咳嗽", "。"))
    [span] = doc.spans["second"]
    assert span.text == "发热，无咳嗽" and len(doc.spans["second"].attrs["scores"]) == 1


def test_two_recognisers_are_merged(trained, tmp_path):
    nlp = with_settings(trained)
    second = with_settings(trained, target="second", source="second")
    nlp.add_pipe("cmner", source=second, name="second", before="cmner")
    nlp.add_pipe("cmner_merge", config={"policy": "agreement", "inputs": ["ents", "second"]})
    nlp.to_disk(tmp_path)
    doc = spacy.load(tmp_path)(TEXTS[0])
    assert tiny.entities(doc) == GOLD[0]
    assert {ent._.cmner_source for ent in doc.ents} == {"second+model"}


def test_a_span_group_is_scored(trained):
    nlp = with_settings(trained, target="second")
    examples = tiny.examples(nlp)
    assert nlp.evaluate(examples)["ents_f"] == 1.0
    only_entities = [Example(trained(text), examples[i].reference) for i, text in enumerate(TEXTS)]
    assert nlp.get_pipe("cmner").score(only_entities)["ents_r"] == 0.0


# Other tokenizers


def words(nlp, *tokens: str) -> Doc:
    return Doc(nlp.vocab, words=tokens, spaces=[False] * len(tokens))


def with_mode(trained, mode: str):
    return with_settings(trained, alignment_mode=mode).get_pipe("cmner")


def test_words_that_hold_the_entities(trained):
    doc = trained.get_pipe("cmner")(words(trained, "患者", "右肺", "疼", "痛", "三天。"))
    assert tiny.entities(doc) == GOLD[0]


def test_strict_drops_and_warns(trained):
    doc = words(trained, "患者", "右", "肺疼", "痛", "三天。")
    with pytest.warns(CmnerWarning, match=r"CM406.*2 entities \(右肺, 疼痛\).*'strict'"):
        trained.get_pipe("cmner")(doc)
    assert doc.ents == ()


def test_contract_moves_boundaries_inwards(trained):
    doc = words(trained, "患者", "右", "肺疼", "痛", "三天。")
    moved = r"CM428.*2 entities \(右肺 → 右, 疼痛 → 痛\).*'contract'"
    with pytest.warns(CmnerWarning, match=moved):
        doc = with_mode(trained, "contract")(doc)
    assert tiny.entities(doc) == [(2, 3, "bod"), (5, 6, "sym")]


def test_expand_moves_boundaries_outwards_and_the_longer_wins(trained):
    doc = words(trained, "患者", "右", "肺疼", "痛", "三天。")
    with pytest.warns(CmnerWarning, match=r"CM428.*2 entities \(右肺 → 右肺疼, 疼痛 → 肺疼痛\)"):
        doc = with_mode(trained, "expand")(doc)
    assert tiny.entities(doc) == [(2, 5, "bod")]
    doc = words(trained, "患者右", "肺", "疼痛", "三天。")
    with pytest.warns(CmnerWarning, match=r"CM428.*1 entities \(右肺 → 患者右肺\).*'expand'"):
        doc = with_mode(trained, "expand")(doc)
    assert tiny.entities(doc) == [(0, 4, "bod"), (4, 6, "sym")]


def test_a_batch_gives_one_warning_of_what_was_moved_and_one_of_what_was_dropped(trained):
    docs = [
        words(trained, "患者", "右", "肺疼", "痛", "三天。"),
        words(trained, "服用阿", "莫西林", "后", "咳嗽减轻。"),
        words(trained, *TEXTS[2]),
    ]
    with pytest.warns(CmnerWarning) as caught:
        docs = list(with_mode(trained, "contract").pipe(docs))
    assert [tiny.entities(doc) for doc in docs[:2]] == [
        [(2, 3, "bod"), (5, 6, "sym")],
        [(3, 6, "dru")],
    ]
    dropped, moved = (str(warning.message) for warning in caught)
    assert "1 entities (咳嗽)" in dropped and 'Use "expand" or the tokenizer ' in dropped
    assert "3 entities (右肺 → 右, 疼痛 → 痛, 阿莫西林 → 莫西林)" in moved


def test_an_expanded_entity_yields_to_one_that_was_there(trained):
    doc = words(trained, "患者", "右肺疼", "痛", "三天。")
    doc.set_ents([Span(doc, 2, 3, "test")], default="missing")
    with pytest.warns(CmnerWarning, match="CM428"):
        doc = with_mode(trained, "expand")(doc)
    assert (5, 6, "test") in tiny.entities(doc)


@pytest.mark.parametrize("mode", ["strict", "contract", "expand"])
def test_no_warning_where_all_fit(trained, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_mode(trained, mode)(words(trained, *TEXTS[0]))
        with_mode(trained, mode)(words(trained, "患者", "右肺", "疼痛", "三天。"))


@pytest.fixture(scope="module")
def spacy_chars(trained):
    """The trained component under spaCy's own tokenizer of characters, which hides blanks."""
    nlp = tiny.blank({})
    return nlp.from_bytes(trained.to_bytes(), exclude=["tokenizer"])


@pytest.mark.parametrize(
    "text", ["服用 阿莫西林 后咳嗽减轻。", " 无发热，\r\n\r\n无咳嗽。 ", "CT 示右肺  疼痛"]
)
def test_blanks_that_are_no_tokens(spacy_chars, trained, text):
    doc = spacy_chars(text)
    assert len(doc) < len(text)
    assert tiny.entities(doc) == found(trained, text) != []


def test_jieba_words(trained):
    nlp = tiny.blank({"nlp": {"tokenizer": {"segmenter": "jieba"}}})
    nlp.from_bytes(trained.to_bytes(), exclude=["tokenizer"])
    doc = nlp("无发热，无咳嗽。")
    assert [token.text for token in doc] == ["无", "发热", "，", "无", "咳嗽", "。"]
    assert tiny.entities(doc) == GOLD[4]


def test_blocked_words(trained):
    doc = words(trained, "患者", "右肺", "疼痛", "三天。")
    doc.set_ents([], blocked=[doc[1:2]], default="missing")
    assert all(ent.start_char >= 4 for ent in trained.get_pipe("cmner")(doc).ents)


# Settings


def test_every_setting_reaches_the_component():
    settings = {
        **{"target": "second", "source": "second", "alignment_mode": "expand"},
        **{"max_length": 7, "batch_characters": 70},
        **{"decoding": "marginal", "scores": True, "threshold": 0.3},
        **{"evidence_key": "hits", "evidence_weight": 2.0, "evidence_weights": {"rule": 3.0}},
        "nested_in": ["sym"],
        "scorer": None,
    }
    recogniser = tiny.blank(**settings).get_pipe("cmner")
    assert {name: getattr(recogniser, name) for name in settings} == settings


def test_the_class_has_the_defaults_of_the_factory():
    nlp = tiny.blank()
    recogniser = ChineseMedicalNER(nlp.vocab, nlp.get_pipe("cmner").model)
    defaults = nlp.get_pipe_config("cmner")
    names = defaults.keys() - {"factory", "model", "scorer"}
    assert {name: getattr(recogniser, name) for name in names} == {
        name: defaults[name] for name in names
    }


# Errors


@pytest.mark.parametrize(
    "config, message",
    [
        ({"alignment_mode": "wide"}, r"CM401.*'wide'.*strict, contract, expand"),
        ({"max_length": 0}, r"CM402.*0"),
        ({"batch_characters": 0}, r"CM409.*0"),
    ],
)
def test_impossible_settings(config, message):
    with pytest.raises(CmnerError, match=message):
        tiny.blank(**config)


def test_the_smallest_windows_and_batches(trained):
    nlp = tiny.blank(batch_characters=1).from_bytes(trained.to_bytes())
    assert [tiny.entities(doc) for doc in nlp.pipe(TEXTS)] == GOLD
    nlp = tiny.blank(max_length=1).from_bytes(trained.to_bytes())
    assert {len(ent) for doc in nlp.pipe(TEXTS) for ent in doc.ents} <= {1}


def test_prediction_needs_labels():
    with pytest.raises(CmnerError, match=r"CM405.*'cmner'"):
        tiny.blank()("右肺")
    with pytest.raises(CmnerError, match=r"CM405.*'cmner'"):
        tiny.blank().get_pipe("cmner").kbest(tiny.blank().make_doc("右肺"), 1)


def test_added_where_nothing_else_is_imported():
    nlp = spacy.blank("zh")
    assert nlp.add_pipe("cmner").labels == ()
    assert nlp.analyze_pipes()["summary"]["cmner"]["assigns"] == [
        "doc.ents",
        "token.ent_iob",
        "token.ent_type",
    ]


def test_training_keeps_the_model_of_the_highest_f1():
    weights = tiny.blank().config["training"]["score_weights"]
    assert {name: weight for name, weight in weights.items() if weight} == {"ents_f": 1.0}
