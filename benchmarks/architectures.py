"""Speed and memory of every architecture, in training and in use, beside the originals.

    python benchmarks/architectures.py --data corpus/cmeee/dev.spacy

Without --data the shipped corpus is used. Each model is trained for some seconds in one process and
used in another, first one text at a time, then 32; the texts are the same for all. Training is
``nlp.update`` as `spacy train` calls it, use is ``nlp.pipe`` from str to doc.ents. Memory is the
largest that the process has held until then, of which some 400 MB are Python, torch and spaCy.

The pipelines that are used are those that were trained, though not for long enough to find much.
The second table has one thread, as the originals' figures have, and reads texts in the batches of
the configs (256) as well; a BiLSTM can be compiled (`cmner compile`, int8 in ONNX Runtime).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import spacy
from _measure import ROOT, peak_memory, shipped_corpus
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from thinc.api import fix_random_seed

from spacy_cmner.data.reader import CorpusReader
from spacy_cmner.models.compile import compile_pipeline

BATCHES = (1, 32)
LARGE = 256  # the batch size of the configs in use
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


COMPILED = ("soft_lexicon",)  # those of ORIGINALS that have a BiLSTM


class Measurement(NamedTuple):
    speed: float  # characters/s
    memory: float  # MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a .spacy file of gold documents")
    parser.add_argument("--configs", nargs="+", default=all_configs(), help="names in configs/")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--threads", type=int, default=2, help="for the first table")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--pipeline", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batches", type=int, nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        use = MEASURES[args.measure](args.configs[0], args.data, args.pipeline)
        print(json.dumps([use(size, args.seconds) for size in args.batches]))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or shipped_corpus(Path(folder))
        all_models(args.configs, data, args.seconds, args.threads)
        names = [name for name in ORIGINALS if name in args.configs]
        if names:
            beside_originals(names, data, args.seconds)


def all_configs() -> list[str]:
    """All but those that need pretrained weights."""
    names = {path.stem for path in (ROOT / "configs").glob("*.cfg")}
    return sorted(name for name in names if not name.startswith("transformer"))


def all_models(names: Sequence[str], data: Path, seconds: float, threads: int) -> None:
    print(f"{threads} threads; thousand characters/s and MB, by batch size\n")
    kinds = ("training", "decoding")
    print_row(
        "model",
        *(f"{kind} {batch}" for kind in kinds for batch in BATCHES),
        *(f"{kind} {BATCHES[-1]} / {BATCHES[0]}" for kind in kinds),
        *(f"{kind} {batch}, MB" for kind in kinds for batch in BATCHES),
    )
    print_row("---", *["---:"] * (4 * len(BATCHES) + len(kinds)))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            results = [run(kind, name, data, folder, BATCHES, seconds, threads) for kind in kinds]
        print_row(
            name,
            *(f"{each.speed / 1000:.2f}" for kind in results for each in kind),
            *(f"{kind[-1].speed / kind[0].speed:.1f}" for kind in results),
            *(f"{each.memory:.0f}" for kind in results for each in kind),
        )


def beside_originals(names: Sequence[str], data: Path, seconds: float) -> None:
    """The originals' figures, ours, and how many times faster ours are."""
    small = BATCHES[-1]
    print("\nBeside the original codes, on 1 thread. An epoch is the train set of CMeEE,")
    print(f"{CMEEE_CHARACTERS:,} characters, in batches of {small}; decoding is in characters/s.\n")
    heads = [f"epoch {small}, s", f"decoding {small}", f"decoding {LARGE}"]
    columns = [column for head in heads for column in ("original", head, "×")]
    print_row("model", *columns, "original, GB", "training, GB")
    print_row("---", *["---:"] * (len(columns) + 2))
    for name in names:
        original = ORIGINALS[name]
        with tempfile.TemporaryDirectory() as folder:
            (trained,) = run("training", name, data, folder, [small], seconds, 1)
            epoch = CMEEE_CHARACTERS / trained.speed
            cells = [f"{original.epoch:,}", f"{epoch:,.0f}", f"{original.epoch / epoch:.1f}"]
            memory = [original.memory or "–", f"{trained.memory / 1000:.1f}"]
            for kind in ("decoding", *(["compiled"] if name in COMPILED else [])):
                used = run(kind, name, data, folder, [small, LARGE], seconds, 1)
                for each in used:
                    times = each.speed / original.decoding
                    cells += [f"{original.decoding:,}", f"{each.speed:,.0f}", f"{times:.1f}"]
                print_row(name if kind == "decoding" else f"{name}, {kind}", *cells, *memory)
                cells, memory = [""] * 3, [""] * 2


def print_row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def run(
    kind: str,
    name: str,
    data: Path,
    pipeline: str,
    batches: Sequence[int],
    seconds: float,
    threads: int,
) -> list[Measurement]:
    """Measure in a process of its own, the smallest batches first."""
    arguments = ["--measure", kind, "--configs", name, "--data", data, "--pipeline", pipeline]
    arguments += ["--seconds", seconds, "--batches", *batches]
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    return [Measurement(*row) for row in json.loads(done.stdout.splitlines()[-1])]


# Measures batches of a size for some seconds.
Use: TypeAlias = Callable[[int, float], Measurement]


def training(name: str, data: Path, pipeline: Path) -> Use:
    """Train a model; it is saved as it is after each measurement."""
    fix_random_seed(0)
    nlp = load_model_from_config(load_config(ROOT / "configs" / f"{name}.cfg"), auto_fill=True)
    reader = CorpusReader(data)
    optimizer = nlp.initialize(lambda: reader(nlp))
    examples = list(reader(nlp))
    random.Random(0).shuffle(examples)

    def step(batch: list[Example]) -> int:
        nlp.update(batch, drop=DROPOUT, sgd=optimizer)
        return sum(len(each.reference.text) for each in batch)

    def use(size: int, seconds: float) -> Measurement:
        measurement = measure(step, examples, size, seconds)
        nlp.to_disk(pipeline)
        return measurement

    return use


def decoding(name: str, data: Path, pipeline: Path) -> Use:
    """Use the saved model on the same texts."""
    return reading(spacy.load(pipeline), data)


def compiled(name: str, data: Path, pipeline: Path) -> Use:
    """Use it compiled."""
    return reading(compile_pipeline(spacy.load(pipeline), precision="int8", runtime="onnx"), data)


def reading(nlp: Language, data: Path) -> Use:
    texts = [each.reference.text for each in CorpusReader(data)(nlp)]
    random.Random(0).shuffle(texts)

    def step(batch: list[str]) -> int:
        return sum(len(doc.text) for doc in nlp.pipe(batch, batch_size=len(batch)))

    return lambda size, seconds: measure(step, texts, size, seconds)


MEASURES: dict[str, Callable[[str, Path, Path], Use]] = {
    "training": training,
    "decoding": decoding,
    "compiled": compiled,
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
    return Measurement(characters / spent, peak_memory())


if __name__ == "__main__":
    main()
