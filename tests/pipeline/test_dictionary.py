import json
import pickle
import warnings

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from tiny import CHARACTERS, entities

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.dictionary import Dictionary
from spacy_cmner.pipeline.saving import seal
from spacy_cmner.pipeline.source import read_sources
from spacy_cmner.pipeline.term_matcher import TermMatcher

TERMS = [("肺", "bod"), ("肺炎", "dis"), ("CT", "pro"), ("黄连", "dru"), ("黄连", "ite")]
TEXT = "肺炎，肺ＣＴ，黄连。"
FOUND = [(0, 2, "dis"), (3, 4, "bod"), (4, 6, "pro"), (7, 9, "dru")]


def pipeline(terms=TERMS, config=CHARACTERS, **settings):
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("cmner_dictionary", config=settings).add_terms(terms)
    return nlp


def group(doc, key="terms"):
    return [(span.start_char, span.end_char, span.label_) for span in doc.spans[key]]


def test_finds_entities_and_says_whence():
    doc = pipeline()(TEXT)
    assert entities(doc) == FOUND
    assert {ent._.cmner_source for ent in doc.ents} == {"dictionary"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"fold_width": False}, "查ＣＴ"),
        ({"fold_case": False}, "查ct"),
        ({"boundaries": {"@misc": "spacy-cmner.word_boundaries.v1", "tool": "jieba"}}, "医院治疗"),
    ],
)
def test_settings_of_the_matcher_under_which_less_is_found(settings, text):
    terms = [("CT", "pro"), ("院治", "X")]
    assert len(pipeline(terms)(text).ents) == 1
    assert not pipeline(terms, **settings)(text).ents


def test_parts_of_words_are_found_when_asked_for():
    assert not pipeline()("ACTH").ents
    assert entities(pipeline(whole_words=False)("ACTH")) == [(1, 3, "pro")]


def test_finds_all_types_for_a_span_group():
    doc = pipeline(target="terms", match="all", source="icd")(TEXT)
    assert group(doc) == [
        (0, 2, "dis"),
        (0, 1, "bod"),
        *FOUND[1:],
        (7, 9, "ite"),
    ]
    assert not doc.ents
    assert {span._.cmner_source for span in doc.spans["terms"]} == {"icd"}


def test_a_group_grows_without_doubles_or_is_replaced():
    nlp = pipeline(target="terms")
    doc = nlp(nlp("肺炎"))
    assert group(doc) == [(0, 2, "dis")]
    doc.spans["terms"] = [Span(doc, 1, 2, "X")]
    assert group(nlp(doc)) == [(1, 2, "X"), (0, 2, "dis")]
    nlp.get_pipe("cmner_dictionary").overwrite = True
    assert group(nlp(doc)) == [(0, 2, "dis")]


@pytest.mark.parametrize(
    ("overwrite", "expected"),
    [(False, [(1, 3, "X"), (4, 5, "bod")]), (True, [(0, 2, "dis"), (4, 5, "bod")])],
)
def test_entities_that_are_there(overwrite, expected):
    nlp = pipeline(overwrite=overwrite)
    doc = nlp.make_doc("肺炎症，肺，肺")
    doc.set_ents([Span(doc, 1, 3, "X")], blocked=[doc[6:7]])
    nlp(doc)
    assert entities(doc) == expected
    assert doc.to_array("ENT_IOB")[6] == 3


def test_what_others_found_too_has_two_sources():
    nlp = pipeline()
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 0, 2, "dis"), Span(doc, 3, 4, "X")]
    assert [ent._.cmner_source for ent in doc.ents] == ["other", "other"]
    copy = nlp(doc.copy())
    assert copy.ents[0]._.cmner_source == "other+dictionary"
    doc.ents[0]._.cmner_source = "model"
    sources = [ent._.cmner_source for ent in nlp(doc).ents]
    assert sources == ["model+dictionary", "other", "dictionary", "dictionary"]


def test_sources_that_are_set_are_those_that_were_got():
    doc = pipeline().make_doc(TEXT)
    span = Span(doc, 0, 2, "dis")
    span._.cmner_source = "model+dictionary"
    assert read_sources(span) == ("model", "dictionary")
    assert span._.cmner_source == "model+dictionary"


def test_sources_are_kept_with_the_document():
    nlp = pipeline()
    doc = nlp(TEXT)
    copies = [
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)),
        Doc.from_docs([nlp.make_doc("咳"), doc]),
        doc[3:9].as_doc(copy_user_data=True),
        Doc(nlp.vocab).from_json(json.loads(json.dumps(doc.to_json(["cmner_source"])))),
    ]
    for copy in copies:
        assert copy.ents
        assert {ent._.cmner_source for ent in copy.ents} == {"dictionary"}


def test_terms_come_and_go_in_a_live_pipeline():
    nlp = pipeline()
    dictionary = nlp.get_pipe("cmner_dictionary")
    assert len(dictionary) == 4
    assert dictionary.labels == ("bod", "dis", "dru", "ite", "pro")
    assert dictionary.add_terms([("黄连素", "dru"), ("肺", "bod")]) == 1
    assert dictionary.remove_terms(["肺炎"]) == 1
    assert dictionary.remove_terms(["黄连"], "ite") == 1
    assert dict(dictionary.matcher)["黄连"] == ("dru",)
    dictionary.add_stop_terms(["肺"])
    assert entities(nlp("肺炎用黄连素")) == [(3, 6, "dru")]
    dictionary.remove_stop_terms(["肺"])
    assert entities(nlp("肺炎")) == [(0, 1, "bod")]


def test_any_tokenizer():
    words = spacy.util.registry.get("tokenizers", "spacy.Tokenizer.v1")
    nlp = spacy.blank("zh")
    nlp.tokenizer = words()(spacy.blank("en"))
    dictionary = nlp.add_pipe("cmner_dictionary")
    dictionary.add_terms([("ct", "pro"), ("肺", "bod"), ("肺 炎", "dis")])
    with pytest.warns(CmnerWarning, match="CM406"):
        assert entities(nlp("行 CT 肺 炎 肺部")) == [(2, 4, "pro"), (5, 8, "dis")]
    dictionary.alignment_mode = "expand"
    with pytest.warns(CmnerWarning, match=r"CM428.*1 entities \(肺 → 肺部\)"):
        assert entities(nlp("行 CT 肺 炎 肺部"))[-1] == (9, 11, "bod")


def test_terms_that_become_one_by_moving_are_in_a_group_once():
    nlp = spacy.blank("zh", config=CHARACTERS)
    settings = {"match": "all", "target": "hits", "alignment_mode": "expand"}
    dictionary = nlp.add_pipe("cmner_dictionary", config=settings)
    dictionary.add_terms([("青霉素", "dru"), ("青霉素钠", "dru"), ("霉素", "bod")])
    doc = Doc(nlp.vocab, words=["服", "青霉素钠片"], spaces=[False] * 2)
    with pytest.warns(CmnerWarning, match="CM428"):
        doc = nlp(doc)
    assert [(hit.text, hit.label_) for hit in doc.spans["hits"]] == [
        ("青霉素钠片", "dru"),
        ("青霉素钠片", "bod"),
    ]


def test_another_alignment_mode_is_refused():
    with pytest.raises(CmnerError, match="CM401"):
        Dictionary(TermMatcher(), alignment_mode="near")


def test_settings_that_were_changed_are_checked():
    nlp = pipeline([("黄连", "dru")])
    dictionary = nlp.get_pipe("cmner_dictionary")
    dictionary.alignment_mode = None
    with pytest.raises(CmnerError, match=r"CM401.*None"):
        nlp("黄连")
    dictionary.alignment_mode, dictionary.matcher.match = "strict", "shortest"
    with pytest.raises(CmnerError, match=r"CM413.*shortest"):
        nlp("黄连")


def test_initialize_reads_the_config(tmp_path):
    (tmp_path / "dru.txt").write_text("黄连\n", encoding="utf8")
    (tmp_path / "more.csv").write_text("CT,pro\n", encoding="utf8")
    nlp = pipeline([("旧词", "X")])
    nlp.config["initialize"]["components"]["cmner_dictionary"] = {
        "terms": {
            "@readers": "spacy-cmner.read_terms.v1",
            "path": str(tmp_path / "dru.txt"),
            "label": "ite",
        },
        "from_lists": [str(tmp_path / "dru.txt"), str(tmp_path / "more.csv")],
        "stop_terms": ["肺"],
    }
    nlp.initialize()
    assert dict(nlp.get_pipe("cmner_dictionary").matcher) == {
        "黄连": ("ite", "dru"),
        "CT": ("pro",),
    }
    assert nlp.get_pipe("cmner_dictionary").matcher.stop_terms == ["肺"]


@pytest.mark.parametrize("settings", [{"stop_terms": ["CT"]}, {"terms": [["黄连", "dru"]]}, {}])
def test_initialize_with_a_part_of_the_settings(settings):
    nlp = pipeline()
    nlp.config["initialize"]["components"]["cmner_dictionary"] = settings
    nlp.initialize()
    assert len(nlp.get_pipe("cmner_dictionary")) == len(settings.get("terms", ()))


def test_lists_for_a_component_in_use(tmp_path):
    path = tmp_path / "dru.txt"
    path.write_text("黄连\n", encoding="utf8")
    dictionary = pipeline([("旧词", "X")]).get_pipe("cmner_dictionary")
    for one in (str(path), path):
        with pytest.raises(CmnerError, match=r"CM420.*dru\.txt' is not a list"):
            dictionary.initialize(list, from_lists=one)
    assert dict(dictionary.matcher) == {"旧词": ("X",)}
    dictionary.initialize(list, from_lists=[path])
    assert dict(dictionary.matcher) == {"黄连": ("dru",)}


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle"])
def test_saving_keeps_terms_and_stop_terms(way, tmp_path):
    boundaries = {"@misc": "spacy-cmner.word_boundaries.v1", "tool": "jieba"}
    nlp = pipeline(boundaries=boundaries)
    nlp.get_pipe("cmner_dictionary").add_stop_terms(["肺"])
    expected = [FOUND[0], *FOUND[2:]]
    assert entities(nlp(TEXT)) == expected
    if way == "disk":
        nlp.to_disk(tmp_path)
        copy = spacy.load(tmp_path)
    elif way == "bytes":
        copy = pipeline([("旧词", "X")], boundaries=boundaries).from_bytes(nlp.to_bytes())
    else:
        copy = pickle.loads(pickle.dumps(nlp))
    assert entities(copy(TEXT)) == expected
    assert list(copy.get_pipe("cmner_dictionary").matcher) == list(
        nlp.get_pipe("cmner_dictionary").matcher
    )


def test_many_documents_and_processes():
    nlp = pipeline()
    texts = [TEXT, "", "无", "肺", "\0肺\ud800😀\ufeffCT\n"]
    expected = [entities(nlp(text)) for text in texts]
    assert expected[-1] == [(1, 2, "bod"), (5, 7, "pro")]
    assert [entities(doc) for doc in nlp.pipe(texts)] == expected
    texts = texts[:-1]
    docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [entities(doc) for doc in docs] == expected[:-1]
    assert docs[0].ents[0]._.cmner_source == "dictionary"


def test_the_recogniser_keeps_to_the_dictionary(fresh):
    text = "患者右肺疼痛三天。"
    assert entities(fresh(text)) == [(2, 4, "bod"), (4, 6, "sym")]
    fresh.add_pipe("cmner_dictionary", before="cmner").add_terms([("右肺疼痛", "sym")])
    doc = fresh(text)
    assert entities(doc) == [(2, 6, "sym")]
    assert doc.ents[0]._.cmner_source == "dictionary"


def test_the_dictionary_fills_in_after_the_recogniser(fresh):
    fresh.add_pipe("cmner_dictionary").add_terms(
        [("右肺疼痛", "sym"), ("疼痛", "sym"), ("天", "X")]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doc = fresh("患者右肺疼痛三天。")
    assert entities(doc) == [(2, 4, "bod"), (4, 6, "sym"), (7, 8, "X")]
    sources = [ent._.cmner_source for ent in doc.ents]
    assert sources == ["model", "model", "dictionary"]


@pytest.mark.parametrize("call", ["add_stop_terms", "remove_terms"])
def test_a_string_is_no_list_of_terms(call):
    dictionary = spacy.blank("zh", config=CHARACTERS).add_pipe("cmner_dictionary")
    dictionary.add_terms([("发热", "sym")])
    with pytest.raises(CmnerError, match=r"CM420.*发热"):
        getattr(dictionary, call)("发热")
    with pytest.raises(CmnerError, match=r"CM420.*\('咳嗽',\)"):
        dictionary.add_terms([("咳嗽",)])
    assert [term for term, _ in dictionary.matcher] == ["发热"]


CODED = [
    ("心梗", "dis", "I21"),
    ("心肌梗死", "dis", "I21"),
    ("黄连", "dru", "D1"),
    ("黄连", "ite", "T1"),
]
CODED_TEXT = "心梗即心肌梗死，用黄连。"


def codes(doc, target="ents"):
    spans = doc.ents if target == "ents" else doc.spans[target]
    return [(span.text, span.label_, span.kb_id_, span.id_) for span in spans]


FOUND_CODES = [
    ("心梗", "dis", "I21", ""),
    ("心肌梗死", "dis", "I21", ""),
    ("黄连", "dru", "D1", ""),
    ("黄连", "ite", "T1", ""),
]


def test_synonyms_share_a_code():
    assert codes(pipeline(CODED)(CODED_TEXT)) == FOUND_CODES[:3]
    nlp = pipeline(CODED, target="terms")
    assert codes(nlp(CODED_TEXT), "terms") == FOUND_CODES
    nlp.get_pipe("cmner_dictionary").remove_terms(["心梗"])
    nlp.get_pipe("cmner_dictionary").add_terms([("心梗", "dis")])
    assert codes(nlp("心梗"), "terms") == [("心梗", "dis", "", "")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_there_gets_a_code_but_keeps_its_own(overwrite):
    nlp = pipeline(CODED, overwrite=overwrite)
    doc = nlp.make_doc(CODED_TEXT)
    doc.ents = [Span(doc, 0, 2, "dis", kb_id="own"), Span(doc, 3, 7, "dis", span_id="rule")]
    assert codes(nlp(doc)) == [
        ("心梗", "dis", "own", ""),
        ("心肌梗死", "dis", "I21", "rule"),
        FOUND_CODES[2],
    ]


def test_codes_of_terms_that_tokens_do_not_hold():
    nlp = spacy.blank("en")
    dictionary = nlp.add_pipe("cmner_dictionary")
    dictionary.add_terms([("心", "bod", "B1"), ("肺", "bod", "B2"), ("ct", "pro", "P1")])
    with pytest.warns(CmnerWarning, match="CM406"):
        assert codes(nlp("心部 CT 肺")) == [("CT", "pro", "P1", ""), ("肺", "bod", "B2", "")]
    dictionary.alignment_mode = "expand"
    dictionary.add_terms([("部", "bod", "B3")])  # which becomes the same, and comes later
    with pytest.warns(CmnerWarning, match="CM428"):
        assert codes(nlp("心部 CT")) == [("心部", "bod", "B1", ""), ("CT", "pro", "P1", "")]


def test_saving_again_replaces_what_was_saved(tmp_path):
    nlp = pipeline(CODED)
    nlp.to_disk(tmp_path)
    dictionary = nlp.get_pipe("cmner_dictionary")
    dictionary.remove_terms(["心梗"])
    dictionary.add_stop_terms(["黄连"])
    nlp.to_disk(tmp_path)
    assert codes(spacy.load(tmp_path)(CODED_TEXT)) == [FOUND_CODES[1]]


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle"])
def test_saving_keeps_codes(way, tmp_path):
    nlp = pipeline([("咳", "sym"), *CODED], target="terms")
    if way == "disk":
        nlp.to_disk(tmp_path)
        copy = spacy.load(tmp_path)
    elif way == "bytes":
        copy = pipeline([("心梗", "dis", "old")], target="terms").from_bytes(nlp.to_bytes())
    else:
        copy = pickle.loads(pickle.dumps(nlp))
    assert codes(copy(CODED_TEXT), "terms") == FOUND_CODES
    matchers = [each.get_pipe("cmner_dictionary").matcher for each in (nlp, copy)]
    assert list(matchers[0]) == list(matchers[1])


def test_dictionaries_saved_without_codes_are_loaded():
    saved = seal(srsly.msgpack_dumps({"terms": [["肺炎", ["dis"]]], "stop_terms": []}))
    nlp = pipeline([("肺炎", "dis", "J18")])
    nlp.get_pipe("cmner_dictionary").from_bytes(saved)
    assert codes(nlp("肺炎")) == [("肺炎", "dis", "", "")]


@pytest.mark.parametrize("target", ["ents", "terms"])
def test_codes_are_kept_with_the_document(target):
    nlp = pipeline(CODED, target=target)
    expected = FOUND_CODES[: 3 if target == "ents" else 4]
    assert codes(Doc(Vocab()).from_bytes(nlp(CODED_TEXT).to_bytes()), target) == expected
    (doc, _) = nlp.pipe([CODED_TEXT, ""], n_process=2, batch_size=1)
    assert codes(doc, target) == expected


@pytest.mark.parametrize("target", ["ents", "dictionary"])
def test_the_recogniser_and_the_merge_keep_codes(fresh, target):
    text = "患者右肺疼痛三天。"
    terms = fresh.add_pipe("cmner_dictionary", before="cmner", config={"target": target})
    terms.add_terms([("右肺", "bod", "B1"), ("三天", "X", "X1")])
    fresh.add_pipe(
        "cmner_merge", config={"inputs": ["ents", "dictionary"][: 1 + (target != "ents")]}
    )
    assert codes(fresh(text)) == [
        ("右肺", "bod", "B1", ""),
        ("疼痛", "sym", "", ""),
        ("三天", "X", "X1", ""),
    ]


def test_initialize_takes_codes_and_encodings(tmp_path):
    (tmp_path / "a.csv").write_text("名称,类别,编码\n心梗,dis,I21\n", encoding="gb18030")
    nlp = pipeline([])
    nlp.config["initialize"]["components"]["cmner_dictionary"] = {
        "terms": {
            "@readers": "spacy-cmner.read_terms.v1",
            "path": str(tmp_path / "a.csv"),
            "label": "sym",
            "encoding": "gb18030",
        },
        "from_lists": [str(tmp_path / "a.csv")],
        "encoding": "gb18030",
    }
    nlp.initialize()
    matcher = nlp.get_pipe("cmner_dictionary").matcher
    assert [*matcher] == [("心梗", ("sym", "dis"))]
    assert [matcher.code("心梗", label) for label in ("sym", "dis")] == ["I21", "I21"]
    nlp.config["initialize"]["components"]["cmner_dictionary"] = {"terms": [["咳", "sym", "R05"]]}
    nlp.initialize()
    assert codes(nlp("咳")) == [("咳", "sym", "R05", "")]


def test_a_dictionary_without_terms_says_so_once(tmp_path):
    (tmp_path / "dru.txt").write_text("黄连\n", encoding="utf8")
    nlp = spacy.blank("zh", config=CHARACTERS)
    dictionary = nlp.add_pipe("cmner_dictionary", name="drugs")
    nlp.config["initialize"]["components"]["drugs"] = {"from_lists": [str(tmp_path / "dru.txt")]}
    with nlp.select_pipes(disable=["drugs"]):  # as training does with frozen components
        nlp.initialize()
    with pytest.warns(CmnerWarning, match=r"CM437.*'drugs'.*frozen_components") as caught:
        list(nlp.pipe(["黄连", "咳"], batch_size=1))
        nlp("黄连")
    assert len(caught) == 1
    nlp.initialize()
    assert entities(nlp("黄连")) == [(0, 2, "dru")]
    assert len(dictionary) == 1


def test_a_dictionary_that_gets_its_terms_before_use_does_not_warn(tmp_path):
    nlp = pipeline([])
    nlp.initialize()
    nlp.to_disk(tmp_path)
    copy = spacy.load(tmp_path)
    copy.get_pipe("cmner_dictionary").add_terms(TERMS)
    assert entities(copy(TEXT)) == FOUND


def test_the_time_for_terms_that_do_not_fit_the_tokens_is_linear():
    class Counting(Doc):
        n_texts = 0

        @property
        def text(self):
            type(self).n_texts += 1
            return super().text

    dictionary = spacy.blank("zh").add_pipe("cmner_dictionary", config={"target": "hits"})
    dictionary.add_terms([("头痛", "sym", "C1"), ("发热", "sym", "C2")])
    counts = []
    for n in (1, 100):
        doc = Counting(Vocab(), words=["头", "痛三天", "发热"] * n, spaces=[False] * 3 * n)
        Counting.n_texts = 0
        with pytest.warns(CmnerWarning, match=f"CM406.*{n} entities"):
            dictionary(doc)
        assert [hit.kb_id_ for hit in doc.spans["hits"]] == ["C2"] * n
        counts.append(Counting.n_texts)
    assert counts[0] == counts[1]
