"""Texts for a run, and what it has written."""

import json
from pathlib import Path

from spacy.language import Language

from spacy_cmner.data.records import Entity

TEXTS = ["服药后头痛。", "", "无不适", "头痛👍🏽，\x00服阿司匹林", "阿司匹林\u2028头痛"]


def write_texts(path: Path, texts: list[str] = TEXTS) -> Path:
    rows = [{"id": f"文{i}", "text": text, "ward": i} for i, text in enumerate(texts)]
    write_rows(path, rows)
    return path


def write_rows(path: Path, rows: list) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]


def expected(nlp: Language) -> list[tuple[str, tuple[Entity, ...]]]:
    found = []
    for text in TEXTS:
        ents = nlp(text).ents
        found.append(
            (text, tuple(Entity(ent.start_char, ent.end_char, ent.label_) for ent in ents))
        )
    return found


def contents(path: Path) -> dict[str, bytes]:
    """The files of an output and their content."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}
