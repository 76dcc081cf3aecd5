"""Peak memory of `cmner annotate` over 1 and 10 million characters: it should stay flat.

    OMP_NUM_THREADS=1 python benchmarks/annotate_memory.py [PIPELINE]

Each row is a run in a process of its own, over lines of 20 to 400 characters. Without a pipeline,
a dictionary is used, so that what is measured is the reading, the writing and spaCy.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import spacy
from _measure import CHARACTERS, peak_memory

from spacy_cmner.annotation.runner import annotate_corpus
from spacy_cmner.annotation.sources import Source

MILLIONS = (1, 10)
OUTPUTS = ("out.jsonl", "out.parquet", "out.spacy")
PHRASES = ("病人自述头痛三天，", "服用阿司匹林后好转，", "无发热，", "复查肝功能正常。")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Path(sys.argv[1]) if len(sys.argv) > 1 else make_dictionary(Path(folder))
        print(f"{'output':16}{'characters':>12}{'seconds':>10}{'peak MB':>10}")
        for name in OUTPUTS:
            for millions in MILLIONS:
                source = Path(folder) / f"{millions}.txt"
                out = Path(folder) / str(millions) / name
                write_texts(source, millions * 1_000_000)
                command = [sys.executable, __file__, "run", *map(str, (pipeline, source, out))]
                measured = subprocess.run(command, check=True, capture_output=True, text=True)
                print(f"{name:16}{measured.stdout.strip()}", flush=True)


def run(pipeline: str, source: str, out: str) -> None:
    nlp = spacy.load(pipeline)
    start = time.perf_counter()
    result = annotate_corpus(nlp, Source(Path(source)), Path(out))
    spent = time.perf_counter() - start
    print(f"{result.characters:12,}{spent:10.1f}{peak_memory():10.0f}")


def make_dictionary(folder: Path) -> Path:
    nlp = spacy.blank("zh", config=CHARACTERS)
    dictionary: Any = nlp.add_pipe("cmner_dictionary")
    dictionary.add_terms([("头痛", "sym"), ("阿司匹林", "dru")])
    nlp.to_disk(folder / "pipeline")
    return folder / "pipeline"


def write_texts(path: Path, characters: int) -> None:
    generator = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        while characters > 0:
            line = "".join(generator.choices(PHRASES, k=generator.randint(3, 48)))
            file.write(f"{line}\n")
            characters -= len(line)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(*sys.argv[2:])
    else:
        main()
