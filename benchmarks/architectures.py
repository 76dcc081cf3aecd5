"""Speed and memory of every architecture, in training and in use, beside the originals.

    python benchmarks/architectures.py --data corpus/cmeee/dev.spacy

Without --data the shipped corpus is used. Each model is trained for some seconds in one process and
used in another, first one text at a time, then 32; the texts are the same for all. Training is
``nlp.update`` as `spacy train` calls it, use is ``nlp.pipe`` from str to doc.ents. Memory is the
largest that the process has held until then, of which some 400 MB are Python, torch and spaCy.

The pipelines that are used are those that were trained, though not for long enough to find much.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import spacy
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import fix_random_seed

from spacy_cmner.data.corpus import convert
from spacy_cmner.data.reader import CorpusReader

ROOT = Path(__file__).parent.parent
BATCHES = (1, 32)
WARM_UP = 2  # batches; the first ones compile
MIN_STEPS = 3  # measured batches, however long they take
DROPOUT = 0.5
CMEEE_CHARACTERS = 812_295  # of its train set: an epoch


class Original(NamedTuple):
    """What the original code does on CMeEE with one thread."""

    epoch: float  # seconds
    decoding: float  # characters/s, the highest seen
    memory: float | None  # GB


ORIGINALS = {
    "soft_lexicon": Original(835, 4000, 6.5),
    "lattice_lstm": Original(1067, 2600, None),
    "flat": Original(10800, 1600, 5.0),
    "mect": Original(14500, 800, 6.7),
}


class Measurement(NamedTuple):
    speed: float  # characters/s
    memory: float  # MB


class Result(NamedTuple):
    """Of one model: a measurement for each batch size."""

    training: list[Measurement]
    decoding: list[Measurement]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a .spacy file of gold documents")
    parser.add_argument("--configs", nargs="+", default=all_configs(), help="names in configs/")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--threads", type=int, default=2, help="for the first table")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--pipeline", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure = MEASURES[args.measure]
        print(json.dumps(list(measure(args.configs[0], args.data, args.pipeline, args.seconds))))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or shipped_corpus(Path(folder))
        all_models(args.configs, data, args.seconds, args.threads)
        names = [name for name in ORIGINALS if name in args.configs]
        if names:
            beside_originals(names, data, args.seconds)


def all_configs() -> list[str]:
    return sorted(path.stem for path in (ROOT / "configs").glob("*.cfg"))


def shipped_corpus(folder: Path) -> Path:
    out = folder / "benchmark.spacy"
    convert(ROOT / "assets" / "corpus" / "train.jsonl", "jsonl", out)
    return out


def all_models(names: Sequence[str], data: Path, seconds: float, threads: int) -> None:
    print(f"{threads} threads; thousand characters/s and MB, by batch size\n")
    kinds = Result._fields
    print_row(
        "model",
        *(f"{kind} {batch}" for kind in kinds for batch in BATCHES),
        *(f"{kind} {BATCHES[-1]} / {BATCHES[0]}" for kind in kinds),
        *(f"{kind} {batch}, MB" for kind in kinds for batch in BATCHES),
    )
    print_row("---", *["---:"] * (4 * len(BATCHES) + len(kinds)))
    for name in names:
        result = run(name, data, seconds, threads)
        print_row(
            name,
            *(f"{each.speed / 1000:.2f}" for kind in result for each in kind),
            *(f"{kind[-1].speed / kind[0].speed:.1f}" for kind in result),
            *(f"{each.memory:.0f}" for kind in result for each in kind),
        )


def beside_originals(names: Sequence[str], data: Path, seconds: float) -> None:
    print(f"\nBeside the originals' codes: 1 thread, here in batches of {BATCHES[-1]}. An epoch is")
    print(f"the train set of CMeEE, {CMEEE_CHARACTERS:,} characters.\n")
    heads = [("epoch, s", "times faster"), ("decoding, characters/s", "times faster"), ("GB",)]
    columns = [c for first, *rest in heads for c in (first, f"{first}, original", *rest)]
    print_row("model", *columns)
    print_row("---", *["---:"] * len(columns))
    for name in names:
        result, original = run(name, data, seconds, threads=1), ORIGINALS[name]
        training, decoding = result.training[-1], result.decoding[-1]
        epoch = CMEEE_CHARACTERS / training.speed
        print_row(
            name,
            *(f"{epoch:.0f}", f"{original.epoch:,.0f}", f"{original.epoch / epoch:.1f}"),
            *(f"{decoding.speed:,.0f}", f"{original.decoding:,.0f}"),
            f"{decoding.speed / original.decoding:.1f}",
            *(f"{training.memory / 1000:.2f}", original.memory or "–"),
        )


def print_row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def run(name: str, data: Path, seconds: float, threads: int) -> Result:
    """Train and use a model, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--configs", name, "--data", data, "--pipeline", folder, "--seconds", seconds]
        measurements = []
        for kind in MEASURES:
            command = [sys.executable, __file__, "--measure", kind, *arguments]
            done = subprocess.run(
                [str(each) for each in command],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            )
            rows = json.loads(done.stdout.splitlines()[-1])
            measurements.append([Measurement(*row) for row in rows])
    return Result(*measurements)


def training(name: str, data: Path, pipeline: Path, seconds: float) -> Iterator[Measurement]:
    """Train a model and save it."""
    fix_random_seed(0)
    nlp = load_model_from_config(load_config(ROOT / "configs" / f"{name}.cfg"), auto_fill=True)
    reader = CorpusReader(data)
    optimizer = nlp.initialize(lambda: reader(nlp))
    examples = list(reader(nlp))
    random.Random(0).shuffle(examples)

    def step(batch: list[Example]) -> int:
        nlp.update(batch, drop=DROPOUT, sgd=optimizer)
        return sum(len(each.reference.text) for each in batch)

    for size in BATCHES:
        yield measure(step, examples, size, seconds)
    nlp.to_disk(pipeline)


def decoding(name: str, data: Path, pipeline: Path, seconds: float) -> Iterator[Measurement]:
    """Use the saved model on the same texts."""
    nlp = spacy.load(pipeline)
    texts = [each.reference.text for each in CorpusReader(data)(nlp)]
    random.Random(0).shuffle(texts)

    def step(batch: list[str]) -> int:
        return sum(len(doc.text) for doc in nlp.pipe(batch, batch_size=len(batch)))

    for size in BATCHES:
        yield measure(step, texts, size, seconds)


MEASURES: dict[str, Callable[[str, Path, Path, float], Iterable[Measurement]]] = {
    "training": training,
    "decoding": decoding,
}


def measure(step: Callable[[list], int], items: Sequence, size: int, seconds: float) -> Measurement:
    """Run ``step``, which returns how many characters it has read, on one batch after the other."""
    characters, spent = 0, 0.0
    for number, begin in enumerate(range(0, len(items), size)):
        start = time.perf_counter()
        read = step(list(items[begin : begin + size]))
        if number >= WARM_UP:
            spent += time.perf_counter() - start
            characters += read
        if spent > seconds and number >= WARM_UP + MIN_STEPS:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Measurement(characters / spent, peak / (2**20 if sys.platform == "darwin" else 2**10))


if __name__ == "__main__":
    main()
