"""Partial annotation: what is said, what is left open, and that a recogniser learns from it."""

import numpy as np
import tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli._util import app
from spacy.training import Example
from spacy.util import fix_random_seed
from spacy.vocab import Vocab
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.data.corpus import load_docbin
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.supervision.distant import Outside, annotate_by_terms

TERMS = [("阿莫西林", "dru"), ("咳嗽", "sym"), ("黄连", "dru"), ("黄连", "ite")]


def matcher(terms=TERMS) -> TermMatcher:
    found = TermMatcher()
    found.add(terms)
    return found


def annotate(text: str, **settings) -> str:
    return tiny.iob(annotate_by_terms(Vocab(), text, matcher(), Outside(**settings)))


def test_terms_are_entities_punctuation_is_outside_all_else_is_missing():
    assert tiny.iob(annotate_by_terms(Vocab(), "服阿莫西林，咳嗽好。", matcher())) == "-ddddOss-O"


def test_a_term_of_two_types_is_missing():
    assert annotate("服黄连。") == "---O"


def test_strings_that_no_entity_holds():
    assert annotate("服咳嗽药。", terms=("服", "药。")) == "OssOO"


def test_a_term_wins_over_what_is_outside():
    assert annotate("咳嗽", terms=("嗽",)) == "ss"


def test_distance_counts_in_sentences_with_terms():
    text = "患者咳嗽很久了。肚子不舒服。咳嗽"
    assert annotate(text, terms=(), distance=1) == "O-ss-OOO------ss"
    assert annotate(text, terms=(), distance=0) == "OOssOOOO------ss"
    assert annotate(text, terms=(), distance=99) == "--ss----------ss"


@given(st.text(st.sampled_from("咳嗽阿莫西林黄连，。患😀 \n"), max_size=30), st.integers(0, 4))
def test_entities_are_those_of_the_list_and_nothing_else_is_claimed(text, distance):
    doc = annotate_by_terms(Vocab(), text, matcher(), Outside(distance=distance))
    assert doc.text == text
    found = matcher()(text)
    places = [(s.start, s.end) for s in found]
    assert tiny.entities(doc) == [tuple(s) for s in found if places.count((s.start, s.end)) == 1]
    for i, label in enumerate(tiny.iob(doc)):
        near = any(s.start - distance <= i < s.end + distance for s in found)
        assert label != "O" or not near or text[i] in Outside().terms


def test_command(tmp_path):
    (tmp_path / "texts.txt").write_text("服阿莫西林。\n\n咳嗽，头痛\n", encoding="utf-8")
    (tmp_path / "dru.txt").write_text("阿莫西林\n", encoding="utf-8")
    (tmp_path / "sym.csv").write_text("term,type\n咳嗽,sym\n", encoding="utf-8")
    (tmp_path / "no.txt").write_text("服\n", encoding="utf-8")
    lists = [
        "-t",
        tmp_path / "dru.txt",
        "-t",
        tmp_path / "sym.csv",
        "--outside",
        tmp_path / "no.txt",
    ]
    out = tmp_path / "new" / "out.spacy"
    words = ["cmner", "distant", tmp_path / "texts.txt", out, *lists, "--distance", 1]
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 0, result.output
    assert "2 texts, 2 entities" in " ".join(result.output.split())
    docs = list(load_docbin(out).get_docs(Vocab()))
    assert [tiny.iob(doc) for doc in docs] == ["OddddO", "ssOOO"]
    (tmp_path / "empty.txt").touch()
    words[2] = tmp_path / "empty.txt"
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 1 and "CM433" in result.output


def test_lists_without_terms(tmp_path):
    (tmp_path / "texts.txt").write_text("咳嗽\n", encoding="utf-8")
    (tmp_path / "dru.txt").write_text("\n", encoding="utf-8")
    words = ["distant", tmp_path / "texts.txt", tmp_path / "out.spacy", "-t", tmp_path / "dru.txt"]
    result = CliRunner().invoke(app, ["cmner", *map(str, words)])
    assert result.exit_code == 1 and "CM439" in result.output
    assert not (tmp_path / "out.spacy").exists()


# A toy language: drugs follow 服, symptoms follow 见; the list knows half of the words.
DRUGS = ["阿莫", "阿西", "布洛", "布芬", "莫西", "洛芬", "林阿", "西布"]
SYMPTOMS = ["头痛", "头晕", "咳嗽", "咳痛", "发热", "发晕", "热痛", "嗽晕"]


def toy_texts(rng, drugs, symptoms, n=60):
    return [f"患者服{rng.choice(drugs)}后，见{rng.choice(symptoms)}了。" for _ in range(n)]


def score(gold, found) -> float:
    correct = sum(len(set(a) & set(b)) for a, b in zip(gold, found, strict=True))
    return 2 * correct / sum(len(a) + len(b) for a, b in zip(gold, found, strict=True))


def test_a_recogniser_learns_from_it_alone_and_finds_more_than_the_list(resource_dir):
    rng = np.random.default_rng(0)
    known = matcher(
        [(term, "dru") for term in DRUGS[:4]] + [(term, "sym") for term in SYMPTOMS[:4]]
    )
    nlp = tiny.blank()
    train = [
        annotate_by_terms(nlp.vocab, text, known, Outside(distance=0))
        for text in toy_texts(rng, DRUGS[:4], SYMPTOMS[:4])
    ]
    train += [annotate_by_terms(nlp.vocab, text, known) for text in toy_texts(rng, DRUGS, SYMPTOMS)]
    nlp.config["initialize"]["components"]["cmner"] = {
        "resources": {
            "@misc": "spacy-cmner.resources.v1",
            **{name: str(path) for name, path in tiny.resource_paths(resource_dir).items()},
        }
    }
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: [Example(nlp.make_doc(d.text), d) for d in train])
    optimizer.learn_rate = 0.02
    for _ in range(15):
        nlp.update([Example(nlp.make_doc(d.text), d) for d in train], sgd=optimizer)
    test = toy_texts(rng, DRUGS[4:], SYMPTOMS[4:], 20) + toy_texts(rng, DRUGS, SYMPTOMS, 20)
    gold = [[(3, 5, "dru"), (8, 10, "sym")] for _ in test]
    by_list = [[tuple(span) for span in known(text)] for text in test]
    by_model = [tiny.entities(doc) for doc in nlp.pipe(test)]
    assert score(gold, by_model) > 0.9 > 0.5 > score(gold, by_list)
