"""All components together, on any text, in any number of threads and processes."""

import json
import multiprocessing
import subprocess
import sys
from itertools import pairwise

import pytest
import spacy
import tiny
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_cmner.tokenizer import replace_surrogates

SENTENCES = [text for text, _ in tiny.SENTENCES]
TEXTS = [*SENTENCES, "", "无头晕，CT示右肺疼痛3天。", "😀\u200d\0咳嗽", "".join(SENTENCES)] * 3


@pytest.fixture(scope="module", params=["hybrid", "small"])
def nlp(request):
    """With the trained recogniser, and with the compiled one in int8."""
    return request.getfixturevalue(request.param)


def findings(nlp, texts=TEXTS, **options) -> list[list[tuple]]:
    return [tiny.findings(doc) for doc in nlp.pipe(texts, **options)]


def approximately(found: list[list[tuple]]) -> list[list[tuple]]:
    """Scores may differ in their last digits between batches."""
    return [
        [tuple(round(v, 4) if isinstance(v, float) else v for v in row) for row in rows]
        for rows in found
    ]


# Any text


def check(nlp, texts: list[str]) -> None:
    docs = list(nlp.pipe(texts, batch_size=max(len(texts), 1)))
    for doc, text in zip(docs, texts, strict=True):
        assert doc.text == replace_surrogates(text)
        assert len(doc) == len(text)
        assert all(0 <= ent.start_char < ent.end_char <= len(text) for ent in doc.ents)
        assert all(left.end_char <= right.start_char for left, right in pairwise(doc.ents))
        assert all(doc.text[ent.start_char : ent.end_char] == ent.text for ent in doc.ents)
    alone = [tiny.findings(nlp(text)) for text in texts]
    assert approximately([tiny.findings(doc) for doc in docs]) == approximately(alone)


@settings(max_examples=60)
@given(st.lists(tiny.texts(), max_size=4))
@example(["右肺\ud800疼痛", "\udfff", "\ud83d\ude00"])
@example(["", "  ", "\u200f咳嗽\u202e发热\u2066", "咳\u0301嗽\u20dd", "\ufeff咳嗽"])
def test_any_text(hybrid, texts):
    check(hybrid, texts)


@settings(max_examples=25)
@given(st.lists(tiny.texts(), max_size=4))
def test_any_text_compiled(small, texts):
    check(small, texts)


@pytest.mark.parametrize("character", ["咳", "A", " ", "。", "\0", "😀", "\u0301", "9"])
def test_one_character_many_times(hybrid, character):
    check(hybrid, [character * 3000])


def test_a_megabyte_without_a_mark(small):
    text = "患者服用阿莫西林后咳嗽" * 32_000
    doc = small(text)
    assert doc.text == text and len(text.encode()) > 1_000_000
    middle = [ent for ent in doc.ents if 150_000 < ent.start_char < 150_012]
    assert middle
    assert all(left.end_char <= right.start_char for left, right in pairwise(doc.ents))


# Threads

THREADS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import spacy, tiny

sys.setswitchinterval(1e-5)
texts = json.load(sys.stdin)
nlp = spacy.load(sys.argv[1])
barrier = Barrier(8)

def work(number):
    barrier.wait()  # nothing has been computed, compiled or built before
    if number % 2:
        return [tiny.findings(doc) for doc in nlp.pipe(texts, batch_size=number)]
    return [tiny.findings(nlp(text)) for text in texts]

with ThreadPoolExecutor(8) as pool:
    print(json.dumps([*pool.map(work, range(8))]))
"""


def test_threads_that_start_at_once(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    command = [sys.executable, "-W", "error", "-c", THREADS, tmp_path]
    path = {"PYTHONPATH": str(tiny.FOLDER), "PATH": ""}
    result = subprocess.run(
        command, input=json.dumps(TEXTS), capture_output=True, encoding="utf-8", env=path
    )
    assert result.returncode == 0, result.stderr
    expected = approximately(findings(nlp))
    for found in json.loads(result.stdout):
        assert approximately([[tuple(row) for row in rows] for rows in found]) == expected


# Processes


# Python 3.12 and later warn of forks in a process with threads, which torch has.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(small, monkeypatch, method):
    expected = findings(small)
    monkeypatch.setattr(spacy.language, "mp", multiprocessing.get_context(method))
    found = findings(small, n_process=2, batch_size=4)
    assert approximately(found) == approximately(expected)
