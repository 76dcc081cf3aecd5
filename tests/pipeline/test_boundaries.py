import pickle

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.boundaries import WordBoundaries

JIEBA = WordBoundaries("jieba")


def test_boundaries_of_words():
    assert np.flatnonzero(JIEBA("医院 治疗")).tolist() == [0, 2, 3, 5]


@given(st.text("医院治疗a1 \n\0😀", max_size=20))
def test_a_text_has_its_ends_as_boundaries(text):
    boundaries = JIEBA(text)
    assert len(boundaries) == len(text) + 1
    assert boundaries[0]
    assert boundaries[-1]


def test_white_space_that_the_segmenter_drops():
    words = WordBoundaries("jieba")
    words.cut = str.split
    assert np.flatnonzero(words(" 医院  治疗 ")).tolist() == [0, 1, 3, 5, 7, 8]


def test_pickles_without_its_segmenter():
    JIEBA("医院")
    copy = pickle.loads(pickle.dumps(JIEBA))
    assert "cut" not in vars(copy)
    assert copy("医院").tolist() == [True, False, True]


def test_another_tool_is_refused():
    with pytest.raises(CmnerError, match=r"CM412.*thulac"):
        WordBoundaries("thulac")


def test_a_model_is_named_in_a_config_as_a_string(tmp_path):
    block = {
        "@misc": "spacy-cmner.word_boundaries.v1",
        "tool": "pkuseg",
        "model_dir": str(tmp_path),
    }
    nlp = spacy.blank("zh")
    nlp.add_pipe("cmner_dictionary", config={"boundaries": block}).add_terms([("医院", "bod")])
    with pytest.raises(CmnerError, match="CM225"):
        nlp("医院")
