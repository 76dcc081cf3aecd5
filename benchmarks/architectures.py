"""Speed and memory of every architecture, in training and in use.

    OMP_NUM_THREADS=2 python benchmarks/architectures.py --data corpus/cmeee/dev.spacy

Without --data the shipped corpus is used. Each figure comes from a process of its own that
measures for some seconds after a warm-up: training steps as `spacy train` takes them, or
``nlp.pipe``; memory is the largest the process has held, of which some 500 MB are torch and spaCy.
The weights are untrained, which changes neither.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import fix_random_seed

from spacy_cmner.data.corpus import convert
from spacy_cmner.data.reader import CorpusReader

ROOT = Path(__file__).parent.parent
BATCHES = (1, 32)
WARM_UP = 2  # batches; the first ones compile
N_TEXTS = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a .spacy file of gold documents")
    parser.add_argument("--configs", nargs="+", default=all_configs(), help="names in configs/")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        speed, memory = measure(args.measure, args.configs[0], args.data, args.batch, args.seconds)
        print(json.dumps({"speed": speed, "memory": memory}))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or shipped_corpus(Path(folder))
        print(f"{torch.get_num_threads()} threads; thousand characters/s and MB, by batch size\n")
        columns = [f"{kind} {batch}" for kind in MEASUREMENTS for batch in BATCHES]
        columns += [f"{kind} {batch}, MB" for kind in MEASUREMENTS for batch in BATCHES]
        print(f"| model | {' | '.join(columns)} |")
        print(f"|---|{'---:|' * len(columns)}")
        for name in args.configs:
            results = [
                run_alone(kind, name, data, batch, args.seconds)
                for kind in MEASUREMENTS
                for batch in BATCHES
            ]
            cells = [f"{each['speed'] / 1000:.2f}" for each in results]
            cells += [f"{each['memory']:.0f}" for each in results]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def all_configs() -> list[str]:
    return sorted(path.stem for path in (ROOT / "configs").glob("*.cfg"))


def shipped_corpus(folder: Path) -> Path:
    out = folder / "benchmark.spacy"
    convert(ROOT / "assets" / "corpus" / "train.jsonl", "jsonl", out)
    return out


def run_alone(kind: str, name: str, data: Path, batch: int, seconds: float) -> dict[str, float]:
    """One measurement in a process of its own."""
    arguments = ["--measure", kind, "--configs", name, "--data", data, "--batch", batch]
    command = [sys.executable, __file__, *arguments, "--seconds", seconds]
    done = subprocess.run(
        [str(each) for each in command], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measure(kind: str, name: str, data: Path, batch: int, seconds: float) -> tuple[float, float]:
    """Characters a second, and the process's peak memory in MB."""
    fix_random_seed(0)
    config = load_config(ROOT / "configs" / f"{name}.cfg")
    nlp = load_model_from_config(config, auto_fill=True)
    reader = CorpusReader(data)
    optimizer = nlp.initialize(lambda: reader(nlp))
    examples = list(reader(nlp))
    random.Random(0).shuffle(examples)
    step = MEASUREMENTS[kind](nlp, optimizer)
    characters, spent = 0, 0.0
    for number, examples_of_step in enumerate(batches(examples[:N_TEXTS], batch)):
        begin = time.perf_counter()
        step(examples_of_step)
        if number >= WARM_UP:
            spent += time.perf_counter() - begin
            characters += sum(len(each.reference.text) for each in examples_of_step)
        if spent > seconds:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return characters / spent, peak / (2**20 if sys.platform == "darwin" else 2**10)


def batches(examples: list[Example], size: int) -> Iterator[list[Example]]:
    for begin in range(0, len(examples), size):
        yield examples[begin : begin + size]


def training(nlp: Language, optimizer: object) -> Callable[[list[Example]], None]:
    def step(examples: list[Example]) -> None:
        nlp.update(examples, drop=0.5, sgd=optimizer)

    return step


def decoding(nlp: Language, optimizer: object) -> Callable[[list[Example]], None]:
    def step(examples: list[Example]) -> None:
        texts = [each.reference.text for each in examples]
        for _ in nlp.pipe(texts, batch_size=len(texts)):
            pass

    return step


MEASUREMENTS = {"training": training, "decoding": decoding}

if __name__ == "__main__":
    main()
