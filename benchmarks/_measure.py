"""What the benchmarks share: time, memory, and what they read."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from spacy_cmner.data.corpus import convert

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "assets" / "corpus" / "train.jsonl"
CHARACTERS = {"nlp": {"tokenizer": {"@tokenizers": "spacy-cmner.char_tokenizer.v1"}}}


def seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def shortest(run: Callable[[], object], times: int) -> float:
    """The seconds of the fastest of several runs."""
    return min(seconds(run) for _ in range(times))


def peak_memory() -> float:
    """The most that this process has held until now, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def shipped_corpus(folder: Path) -> Path:
    """The corpus that ships, as a .spacy file in a folder."""
    out = folder / "benchmark.spacy"
    convert(CORPUS, "jsonl", out)
    return out
