"""docs/few_labels.md in small: labels, a model, texts to correct, and a better model."""

import json
from pathlib import Path

import spacy
import tiny
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.data.corpus import load_docbin, read_docbin
from spacy_cmner.data.records import Entity

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "assets" / "corpus" / "train.jsonl"
TINY = {
    "components.cmner.model.tok2vec.encode.hidden_width": 8,
    "components.cmner.model.tok2vec.embed.characters.local_width": 8,
    "training.max_steps": 4,
    "training.eval_frequency": 4,
}


def run(*words) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def train(resource_dir: Path, corpus: Path, out: Path) -> Path:
    paths = tiny.resource_paths(resource_dir)
    options = {
        **TINY,
        "paths.train": corpus,
        "paths.dev": corpus,
        "paths.glyphs": paths["glyphs"],
        "paths.components": paths["components"],
        "paths.char_vectors": paths["vectors"],
        "paths.lexicon": paths["lexicon"],
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    run("train", ROOT / "configs" / "quickstart.cfg", "--output", out, *words)
    return out / "model-last"


def test_one_round(resource_dir, tmp_path):
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    labelled, pile = rows[0:24:6], rows[1:24:2]
    write(tmp_path / "labelled.jsonl", labelled)
    write(tmp_path / "pile.jsonl", pile)
    run("cmner", "convert", tmp_path / "labelled.jsonl", tmp_path / "1.spacy", "-f", "jsonl")
    model = train(resource_dir, tmp_path / "1.spacy", tmp_path / "round1")
    todo = tmp_path / "todo.jsonl"
    run("cmner", "preannotate", model, tmp_path / "pile.jsonl", todo, "--limit", 5)

    # doccano: the texts are numbered, a person corrects the entities
    chosen = [json.loads(line) for line in todo.read_text(encoding="utf-8").splitlines()]
    gold = {row["id"]: row for row in pile}
    assert len(chosen) == 5
    assert all(row["text"] == gold[row["record"]]["text"] for row in chosen)
    corrected = [
        {**row, "id": number, "label": gold[row["record"]]["entities"], "Comments": []}
        for number, row in enumerate(chosen, 1)
    ]
    write(tmp_path / "round2.jsonl", labelled + corrected)
    run("cmner", "convert", tmp_path / "round2.jsonl", tmp_path / "2.spacy", "-f", "jsonl")
    found = {record.text: set(record.entities) for record in read_docbin(tmp_path / "2.spacy")}
    everything = [*labelled, *(gold[row["record"]] for row in chosen)]
    assert found == {row["text"]: {Entity(*e) for e in row["entities"]} for row in everything}
    nlp = spacy.load(train(resource_dir, tmp_path / "2.spacy", tmp_path / "round2"))
    flat = {
        entity.label_
        for doc in load_docbin(tmp_path / "2.spacy").get_docs(nlp.vocab)
        for entity in doc.ents
    }
    assert set(nlp.get_pipe("cmner").labels) == flat


def write(path: Path, rows: list[dict]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
