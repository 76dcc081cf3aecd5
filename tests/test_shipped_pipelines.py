"""The wheels in assets/pipelines: they load, and find what anyone can see."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
import spacy
from spacy.language import Language

FOLDER = Path(__file__).parents[1] / "assets" / "pipelines"
WHEELS = sorted(FOLDER.glob("*.whl"))
SENTENCES = {
    "cmeee": ("患儿发热伴咳嗽3天，予阿奇霉素口服。", {("sym", "发热"), ("dru", "阿奇霉素")}),
    "imcs21": ("宝宝发烧了，可以吃布洛芬吗？", {("Symptom", "发烧"), ("Drug", "布洛芬")}),
}
MAX_MEGABYTES = 12


def load(wheel: Path, folder: Path) -> Language:
    ZipFile(wheel).extractall(folder)
    [config] = folder.glob("*/*/config.cfg")
    return spacy.load(config.parent)


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_finds_the_obvious(wheel, tmp_path):
    nlp = load(wheel, tmp_path)
    [(text, expected)] = [each for data, each in SENTENCES.items() if data in wheel.name]
    assert expected <= {(entity.label_, entity.text) for entity in nlp(text).ents}
    assert wheel.stat().st_size < MAX_MEGABYTES * 1e6


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_has_a_card(wheel, tmp_path):
    name = re.match(r"zh_cmner_(\w+)-", wheel.name).group(1)
    card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    nlp = load(wheel, tmp_path)
    meta = nlp.meta
    assert meta["description"] == card["description"]
    assert meta["license"] == card["license"]
    assert meta["sources"] == card["sources"]
    assert not any(nlp.config["paths"].values())  # nothing of the machine that trained it
    for score in ("ents_all_f", "ents_f"):
        assert meta["performance"][score] == pytest.approx(card["performance"][score])
    assert wheel.stem.partition("-py3")[0] in (FOLDER / "README.md").read_text(encoding="utf-8")
