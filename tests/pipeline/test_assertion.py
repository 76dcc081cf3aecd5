import json
import pickle
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from tiny import CHARACTERS

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.assertion import register_extensions

TEXT = "无发热，其父有哮喘。"
TERMS = [("发热", "sym"), ("哮喘", "dis")]
ATTRIBUTES = ("negated", "uncertain", "family", "past")


def pipeline(config=CHARACTERS, **settings):
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("cmner_dictionary", config={"alignment_mode": "expand"}).add_terms(TERMS)
    nlp.add_pipe("cmner_assertion", config=settings)
    return nlp


def attributes(spans):
    return [
        {name: span._.get(f"{name}_trigger").text for name in ATTRIBUTES if span._.get(name)}
        for span in spans
    ]


EXPECTED = [{"negated": "无"}, {"family": "其父"}]


def test_attributes_with_their_triggers():
    doc = pipeline()(TEXT)
    assert attributes(doc.ents) == EXPECTED
    fever = doc.ents[0]
    assert fever._.negated_trigger.start_char == 0
    assert fever._.past is False
    assert fever._.past_trigger is None


def test_a_negation_inside_of_an_entity():
    nlp = spacy.blank("zh")
    nlp.add_pipe("cmner_dictionary").add_terms([("双下肢无水肿", "sym"), ("肢体无力", "sym")])
    nlp.add_pipe("cmner_assertion")
    swelling, weakness = nlp("双下肢无水肿，肢体无力").ents
    assert swelling._.negated_trigger.start_char == 3
    assert swelling._.negated_trigger.text == "无"
    assert not weakness._.negated


def test_entities_without_the_component_have_none():
    doc = pipeline().make_doc(TEXT)
    assert attributes([doc[1:3]]) == [{}]


def test_an_extension_of_another_library_stays_and_hides_no_other():
    removed = {name: Span.remove_extension(name) for name in ("past", "past_trigger")}
    Span.set_extension("past", default="theirs")
    try:
        with pytest.warns(CmnerWarning, match=r"CM441\] span\._\.past: .*span\._\.cmner_assertion"):
            register_extensions()
        entity = pipeline()("3年前发热。").ents[0]
        assert entity._.past == "theirs"
        assert entity._.past_trigger.text == "年前"
        assert entity._.cmner_assertion == ("past",)
    finally:
        for name, (_, _, getter, _) in removed.items():
            Span.set_extension(name, getter=getter, force=True)


def test_importing_again_warns_of_no_extension_of_its_own():
    again = "import importlib, spacy_cmner.pipeline.assertion as ours; importlib.reload(ours)"
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", again])
    assert done.returncode == 0


def test_span_groups():
    nlp = pipeline(inputs=["terms", "none"])
    nlp.get_pipe("cmner_dictionary").target = "terms"
    with pytest.warns(CmnerWarning, match="CM427.*'none'"):
        doc = nlp(TEXT)
    assert attributes(doc.spans["terms"]) == EXPECTED


def test_without_inputs_nothing_would_be_said():
    with pytest.raises(CmnerError, match=r"CM429.*cmner_assertion.*say nothing"):
        pipeline(inputs=[])
    nlp = pipeline()
    nlp.get_pipe("cmner_assertion").inputs = []
    with pytest.raises(CmnerError, match=r"CM429.*cmner_assertion.*say nothing"):
        nlp(TEXT)


def test_tokens_of_several_characters():
    nlp = pipeline({"nlp": {"tokenizer": {"@tokenizers": "spacy.Tokenizer.v1"}}})
    for negation in ("否认", "曾否认"):  # a trigger in a token is told as the token
        doc = nlp(f"{negation} 发热 史")
        assert attributes(doc.ents) == [{"negated": negation, "past": "史"}]


@pytest.mark.parametrize("negation", ["无", "无近期", "否认近期", "没有近期"])
def test_a_time_after_the_negation_does_not_end_it(negation):
    doc = pipeline()(f"{negation}发热史。近期发热。")
    assert attributes(doc.ents) == [{"negated": negation, "past": "史"}, {}]


def test_running_again_forgets_what_no_longer_holds():
    nlp = pipeline()
    doc = nlp(TEXT)
    nlp.get_pipe("cmner_assertion").rules = type(nlp.get_pipe("cmner_assertion").rules)([])
    assert attributes(nlp(doc).ents) == [{}, {}]


def test_attributes_are_kept_with_the_document():
    nlp = pipeline()
    doc = nlp(TEXT)
    copies = [
        Doc(nlp.vocab).from_bytes(doc.to_bytes()),
        next(DocBin(store_user_data=True, docs=[doc]).get_docs(nlp.vocab)),
        Doc.from_docs([nlp.make_doc("咳。"), doc]),
        Doc(nlp.vocab).from_json(json.loads(json.dumps(doc.to_json(["cmner_assertion"])))),
    ]
    assert [attributes(copy.ents) for copy in copies] == [EXPECTED] * 4


def test_attributes_can_be_set_without_triggers():
    fever = pipeline()("发热").ents[0]
    fever._.cmner_assertion = ["negated", "past"]
    assert fever._.cmner_assertion == ("negated", "past")
    assert fever._.negated and fever._.negated_trigger is None


@pytest.mark.parametrize("value", ["negated", ["denied"], None, 1, [None]])
def test_other_attributes_are_refused(value):
    fever = pipeline()("无发热").ents[0]
    with pytest.raises(CmnerError, match=r"CM435.*cmner_assertion = .*negated, uncertain"):
        fever._.cmner_assertion = value
    assert fever._.cmner_assertion == ("negated",)


def test_an_order_that_does_nothing_is_seen():
    nlp = pipeline()
    assert nlp.analyze_pipes()["problems"]["cmner_assertion"] == []
    nlp.remove_pipe("cmner_dictionary")
    assert nlp.analyze_pipes()["problems"]["cmner_assertion"] == ["doc.ents"]


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle"])
def test_saving_keeps_the_triggers(way, tmp_path):
    (tmp_path / "more.jsonl").write_text(
        '{"trigger": "拒绝", "direction": "forward", "attribute": "negated"}', encoding="utf8"
    )
    nlp = pipeline()
    nlp.config["initialize"]["components"]["cmner_assertion"] = {
        "more_triggers": str(tmp_path / "more.jsonl")
    }
    nlp.config["initialize"]["components"]["cmner_dictionary"] = {"terms": TERMS}
    nlp.initialize()
    text = "拒绝发热"
    assert attributes(nlp(text).ents) == [{"negated": "拒绝"}]
    if way == "disk":
        nlp.to_disk(tmp_path / "model")
        copy = spacy.load(tmp_path / "model")
    elif way == "bytes":
        copy = pipeline().from_bytes(nlp.to_bytes())
    else:
        copy = pickle.loads(pickle.dumps(nlp))
    assert attributes(copy(text).ents) == [{"negated": "拒绝"}]
    assert attributes(copy(TEXT).ents) == EXPECTED


def test_triggers_can_be_replaced(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("", encoding="utf8")
    nlp = pipeline()
    nlp.get_pipe("cmner_assertion").initialize(lambda: [], triggers=path)
    assert attributes(nlp(TEXT).ents) == [{}, {}]


def test_many_documents_and_processes():
    nlp = pipeline()
    texts = [TEXT, "", "无", "\0无\ufeff发热😀"]
    expected = [attributes(nlp(text).ents) for text in texts]
    assert expected == [EXPECTED, [], [], [{"negated": "无"}]]
    assert [attributes(doc.ents) for doc in nlp.pipe(texts)] == expected
    assert [attributes(doc.ents) for doc in nlp.pipe(texts, n_process=2)] == expected
