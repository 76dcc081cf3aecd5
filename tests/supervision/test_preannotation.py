"""Texts for annotation tools: their order, their form, and the way back."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
import spacy
import tiny
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.annotation.items import FoundEntity, SourceRecord
from spacy_cmner.data.jsonl import read_jsonl
from spacy_cmner.data.label_studio import read_label_studio
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.report import Report
from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.supervision.preannotation import Suggestion, rank
from spacy_cmner.supervision.tools import labelling_config, write_suggestions

RECORDS = [
    SourceRecord(text, id=f"{number}")
    for number, text in enumerate(["肺。痛疼", "患者右肺疼痛三天。", "见心。", "", "服肝？"])
]


@pytest.fixture(scope="module")
def unsure(resource_dir):
    """A pipeline with random weights, which finds many things likely."""
    nlp = tiny.blank()
    tiny.initialize(nlp, resource_dir)
    nlp.add_pipe("cmner_dictionary", before="cmner").add_terms([("肝", "bod")])
    return nlp


def test_certainty_is_the_probability_of_the_best_reading(unsure):
    suggestions = {c.record.id: c for c in rank(unsure, RECORDS)}
    assert len(suggestions) == len(RECORDS)
    recogniser = unsure.get_pipe("cmner")
    for record in RECORDS[:4]:  # without a term of the dictionary
        reading = recogniser.kbest(unsure.make_doc(record.text), 1)[0]
        suggestion = suggestions[record.id]
        assert suggestion.certainty == pytest.approx(reading.probability)
        assert [(e.start, e.end, e.label) for e in suggestion.record.entities] == reading.spans
    assert suggestions["3"].certainty == 1
    everything = recogniser.kbest(unsure.make_doc("服肝？"), 500)
    given = [r for r in everything if (1, 2, "bod") in r.spans]
    expected = given[0].probability / math.fsum(r.probability for r in given)
    assert suggestions["4"].certainty == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("by", ["reading", "character", "entity"])
def test_the_least_certain_come_first(unsure, by):
    certainties = [suggestion.certainty for suggestion in rank(unsure, RECORDS, by)]
    assert certainties == sorted(certainties)
    assert certainties[0] < certainties[-1]


def test_long_texts_are_told_apart_though_their_probability_is_too_small_for_a_float(unsure):
    shorter, longer = (SourceRecord("患者发热。" * times, number=times) for times in (600, 900))
    suggestions = rank(unsure, [shorter, longer])
    assert [suggestion.certainty for suggestion in suggestions] == [0, 0]
    assert [suggestion.record.number for suggestion in suggestions] == [900, 600]


def test_a_text_that_a_component_fails_on_is_left_out(unsure):
    nlp = tiny.blank().from_bytes(unsure.to_bytes(), exclude=["cmner_dictionary"])
    nlp.add_pipe("cmner_test_fails_on_x")
    bad = SourceRecord("x", number=7)
    with pytest.warns(CmnerWarning, match=r"CM176.*1 of 6.*Record 7.*RuntimeError: an x"):
        suggestions = rank(nlp, [bad, *RECORDS])
    assert {s.record.id for s in suggestions} == {record.id for record in RECORDS}
    with pytest.raises(CmnerError, match=r"CM176.*1 of 1.*Record 7"):
        rank(nlp, [bad])
    nlp.add_pipe("cmner", name="untrained")
    with pytest.raises(CmnerError, match="CM405"):
        rank(nlp, RECORDS)


def test_measures(unsure):
    for by, reading in (("character", None), ("entity", None)):
        for suggestion in rank(unsure, RECORDS, by):
            record = suggestion.record
            if by == "entity":
                scores = [e.score for e in record.entities if e.source == "model"]
                assert suggestion.certainty == min(scores, default=1.0)
            else:
                [reading] = list(rank(unsure, [record]))
                expected = math.log(reading.certainty) / max(len(record.text), 1)
                assert suggestion.certainty == pytest.approx(expected)
    assert not unsure.get_pipe("cmner").scores


@pytest.mark.parametrize("by", ["reading", "character", "entity"])
def test_a_recogniser_that_fills_a_span_group_does_not_hide_what_is_uncertain(unsure, by):
    expected = [suggestion.certainty for suggestion in rank(unsure, RECORDS, by)]
    nlp = tiny.blank().from_bytes(unsure.to_bytes(), exclude=["cmner_dictionary"])
    nlp.add_pipe("cmner_dictionary", source=unsure, before="cmner")
    second = tiny.blank(target="second")
    second.get_pipe("cmner").from_bytes(unsure.get_pipe("cmner").to_bytes())
    nlp.add_pipe("cmner", source=second, name="second")
    assert [suggestion.certainty for suggestion in rank(nlp, RECORDS, by)] == expected
    assert not any(nlp.get_pipe(name).scores for name in ("cmner", "second"))


def test_without_a_recogniser():
    nlp = spacy.blank("zh", config=tiny.CHARACTERS)
    nlp.add_pipe("cmner_dictionary")
    with pytest.raises(CmnerError, match=r"CM431.*cmner_dictionary"):
        rank(nlp, RECORDS)


SUGGESTIONS = [
    Suggestion(SourceRecord("😀见肺炎", (FoundEntity(2, 4, "dis", 0.7, "model"),), id="a-7"), 0.25),
    Suggestion(SourceRecord("无", ()), 0.5),
]


def test_the_certainty_of_a_long_text_is_not_0(tmp_path):
    path = tmp_path / "todo.jsonl"
    write_suggestions([SUGGESTIONS[0]._replace(certainty=1.23456789e-12)], path, "doccano")
    assert json.loads(path.read_text(encoding="utf-8"))["certainty"] == 1.23457e-12


def test_what_doccano_exports_is_read_back(tmp_path):
    path = tmp_path / "new" / "todo.jsonl"
    write_suggestions(SUGGESTIONS, path, "doccano")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {
        "text": "😀见肺炎",
        "label": [[3, 5, "dis"]],  # as in JavaScript
        "record": "a-7",
        "certainty": 0.25,
    }
    unread, _ = read_jsonl(path, Report())  # which nobody has given to doccano
    assert unread.entities == (Entity(2, 4, "dis"),)
    # doccano numbers the texts, and adds comments
    rows = [{"id": i, "Comments": [], **row} for i, row in enumerate(rows, 1)]
    rows[1]["label"] = [[0, 1, "sym"]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = Report()
    first, second = read_jsonl(path, report)
    assert (first.text, first.entities) == ("😀见肺炎", (Entity(2, 4, "dis"),))
    assert (first.id, first.meta["record"]) == ("1", "a-7")
    assert second.entities == (Entity(0, 1, "sym"),)
    assert [finding.code for finding in report.findings] == ["CM138"]


def test_what_label_studio_exports_is_read_back(tmp_path):
    path = tmp_path / "todo.json"
    write_suggestions(SUGGESTIONS, path, "label_studio")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    config = Path(f"{path}.xml").read_text(encoding="utf-8")
    assert '<Label value="dis" />' in config and 'value="$text"' in config
    # a person who accepts the suggestions turns them into annotations
    for number, task in enumerate(tasks, 1):
        task["id"] = number
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    report = Report()
    first, second = read_label_studio(path, report)
    assert (first.text, first.entities, first.id) == ("😀见肺炎", (Entity(2, 4, "dis"),), "1")
    assert first.meta == {"record": "a-7", "certainty": 0.25}
    assert second == Record("无", (), "2", {"certainty": 0.5})
    assert not report.findings


def test_suggestions_name_the_parts_of_the_configuration(tmp_path):
    write_suggestions(SUGGESTIONS, tmp_path / "todo.json", "label_studio")
    [task, _] = json.loads((tmp_path / "todo.json").read_text(encoding="utf-8"))
    [result] = task["predictions"][0]["result"]
    config = labelling_config(["dis"])
    assert f'name="{result["from_name"]}" toName="{result["to_name"]}"' in config
    assert f'<Text name="{result["to_name"]}"' in config


def test_each_suggestion_of_a_text_is_there_under_an_id_of_its_own(tmp_path):
    record = SourceRecord("左膝酸胀", (FoundEntity(0, 2, "bod"), FoundEntity(2, 4, "sym")))
    write_suggestions([Suggestion(record, 0.5)], tmp_path / "todo.json", "label_studio")
    [task] = json.loads((tmp_path / "todo.json").read_text(encoding="utf-8"))
    [prediction] = task["predictions"]
    assert [result["value"]["text"] for result in prediction["result"]] == ["左膝", "酸胀"]
    assert len({result["id"] for result in prediction["result"]}) == 2
    assert prediction["model_version"] == "cmner"


def test_the_configuration_offers_all_labels_in_order(tmp_path):
    labels = ["sym", "bod", "ite", "dru", "equ"]
    write_suggestions(SUGGESTIONS, tmp_path / "todo.json", "label_studio", labels)
    config = ElementTree.parse(tmp_path / "todo.json.xml")
    offered = [label.get("value") for label in config.iter("Label")]
    assert offered == ["bod", "dis", "dru", "equ", "ite", "sym"]


@pytest.mark.parametrize("tool", ["doccano", "label_studio"])
def test_people_can_read_the_file(tmp_path, tool):
    write_suggestions(SUGGESTIONS, tmp_path / "todo", tool)
    assert "😀见肺炎" in (tmp_path / "todo").read_text(encoding="utf-8")


def test_unknown_tool(tmp_path):
    with pytest.raises(CmnerError, match=r"CM432.*doccano, label_studio"):
        write_suggestions(SUGGESTIONS, tmp_path / "out", "brat")


def test_command(unsure, tmp_path):
    unsure.to_disk(tmp_path / "model")
    hybrid = spacy.load(tmp_path / "model")
    hybrid.get_pipe("cmner_dictionary").add_terms([("布洛芬", "drug")])
    hybrid.to_disk(tmp_path / "model")
    lines = [json.dumps({"id": r.id, "text": r.text}) for r in RECORDS]
    (tmp_path / "texts.jsonl").write_text("\n".join([*lines, "[]"]), encoding="utf-8")
    words = ["cmner", "preannotate", tmp_path / "model", tmp_path / "texts.jsonl"]
    options = [tmp_path / "todo.json", "--tool", "label_studio", "--limit", 2]
    result = CliRunner().invoke(app, [*map(str, [*words, *options])])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "2 of 5 texts for label_studio" in said and "1 bad records" in said
    tasks = json.loads((tmp_path / "todo.json").read_text(encoding="utf-8"))
    expected = rank(unsure, RECORDS)[:2]
    config = (tmp_path / "todo.json.xml").read_text(encoding="utf-8")
    assert all(f'<Label value="{label}" />' in config for label in (*tiny.LABELS, "drug"))
    assert [task["data"]["record"] for task in tasks] == [c.record.id for c in expected]


@pytest.mark.parametrize(
    ("out", "tool", "said"),
    [
        ("todo.json", "doccano", "CM139"),
        ("todo.jsonl", "label_studio", "CM139"),
        ("todo.json", "label_studio", "todo.json.xml"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(tmp_path, out, tool, said):
    (tmp_path / "todo.json.xml").mkdir()
    (tmp_path / "texts.txt").write_text("无殊\n", encoding="utf-8")
    words = ["cmner", "preannotate", "none", tmp_path / "texts.txt", tmp_path / out, "-t", tool]
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 1
    assert said in "".join(result.output.split())
