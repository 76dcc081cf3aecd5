import sys

import pytest

from spacy_cmner.pipeline.folding import Folding

ALL = "".join(map(chr, range(sys.maxunicode + 1)))


@pytest.fixture(scope="module")
def folded():
    return ALL.translate(Folding())


def test_every_character_becomes_one(folded):
    assert len(folded) == len(ALL)


def test_folding_again_changes_nothing(folded):
    assert folded.translate(Folding()) == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＣＴ，Ｂ超", "ct,b超"),
        ("ﾃｽﾄ", "テスト"),
        ("\u3000", " "),
        ("㎎ﬁİ²①", "㎎ﬁİ²①"),
        ("ⅢⅣ", "ⅲⅳ"),
    ],
)
def test_folds(text, expected):
    assert text.translate(Folding()) == expected


def test_width_and_case_can_be_kept():
    assert "ＣT".translate(Folding(width=False)) == "ｃt"
    assert "ＣT".translate(Folding(case=False)) == "CT"
    assert "ＣT".translate(Folding(False, False)) == "ＣT"
