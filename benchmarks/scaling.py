"""How the time and the memory of recognition grow with the text, the processes and the labels.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py MODEL --data dev.spacy --plot scaling.png

Without MODEL the default model is compiled with random weights, without --data the shipped corpus
is read. Each length is measured in a process of its own, whose peak of memory is its own, too.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import spacy
from spacy.language import Language
from throughput import CORPUS, compiled_default

from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.runner import annotate

LENGTHS = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 1_800_000)
LABELS = (1, 3, 9, 27, 81)
MIN_CHARACTERS = 20_000

Points = list[tuple[int, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a pipeline: folder or package")
    parser.add_argument("--data", type=Path, default=CORPUS, help="gold texts (.spacy, .jsonl)")
    parser.add_argument("--texts", type=int, default=2500, help="how many are read")
    parser.add_argument("--repeats", type=int, default=1, help="times that they are read")
    parser.add_argument("--longest", type=int, default=max(LENGTHS), help="of a document")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--plot", type=Path, help="PNG file (needs matplotlib)")
    args = parser.parse_args()
    texts = [text.text for text in load_gold(args.data)][: args.texts]
    texts *= args.repeats
    nlp = spacy.load(args.model) if args.model else compiled_default(["sym", "dis", "bod"])
    print(f"{args.model or 'default model, random weights'}; {os.cpu_count()} cores\n")

    source = "".join(texts)
    source *= args.longest // len(source) + 1
    print(f"{'characters in one document':<28}{'characters/s':>14}{'peak MB':>10}{'MB':>10}")
    by_length, by_memory = [], []
    for length in [length for length in LENGTHS if length <= args.longest]:
        speed, peak, size = apart(lambda: read_one(nlp, source[:length]))  # noqa: B023
        print(f"{length:<28,}{speed:>14,.0f}{peak:>10,.0f}{size:>10,.0f}")
        by_length.append((length, speed))
        by_memory.append((length, peak))
    print("Of the second figure in MB, the document itself takes the most: without recognition.\n")

    by_process, by_pipe = [], []
    records = [SourceRecord(text) for text in texts]
    print(f"{'n_process':<28}{'characters/s':>14}{'nlp.pipe':>10}")
    for number in args.processes:
        speed = per_second(texts, lambda: list(annotate(nlp, records, number)))  # noqa: B023
        piped = per_second(texts, lambda: list(nlp.pipe(texts, n_process=number)))  # noqa: B023
        print(f"{number:<28}{speed:>14,.0f}{piped:>10,.0f}")
        by_process.append((number, speed))
        by_pipe.append((number, piped))

    by_label = []
    print(f"\n{'labels':<28}{'characters/s':>14}")
    for number in LABELS:
        random = compiled_default([f"label{i}" for i in range(number)])
        few = texts[: len(texts) // (5 * args.repeats)]
        list(random.pipe(few[:20]))
        speed = per_second(few, lambda: list(random.pipe(few)))  # noqa: B023
        print(f"{number:<28}{speed:>14,.0f}")
        by_label.append((number, speed))
    if args.plot:
        plot(args.plot, by_length, by_memory, by_process, by_pipe, by_label)


def per_second(texts: list[str], run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return sum(map(len, texts)) / (time.perf_counter() - begin)


def read_one(nlp: Language, text: str) -> tuple[float, float, float]:
    """Characters a second, and the peak of memory in MB with and without recognition."""
    nlp.max_length = max(nlp.max_length, len(text))
    doc = nlp.make_doc(text)
    size = peak_memory()
    del doc
    nlp(text[:1000])
    times = max(MIN_CHARACTERS // len(text), 1)
    speed = per_second([text] * times, lambda: [nlp(text) for _ in range(times)])
    return speed, peak_memory(), size


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(run: Callable[[], tuple[float, ...]]) -> tuple[float, ...]:
    """Run in a fork, which begins with nothing but what there is."""
    context = get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(run()))
    process.start()
    send.close()  # so that receiving ends where the fork does without a result
    result = receive.recv()
    process.join()
    return result


def plot(
    path: Path,
    by_length: Points,
    by_memory: Points,
    by_process: Points,
    by_pipe: Points,
    by_label: Points,
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6.5), layout="constrained")
    panels = [
        (by_length, "characters in one document", "characters/s", "log"),
        (by_memory, "characters in one document", "peak memory, MB", "log"),
        (by_process, "n_process", "characters/s", "linear"),
        (by_label, "labels", "characters/s", "log"),
    ]
    for axis, (points, x, y, scale) in zip(axes.flat, panels, strict=True):
        axis.plot(*zip(*points, strict=True), marker="o")
        axis.set(xlabel=x, ylabel=y, xscale=scale)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if points is by_process:
            axis.plot(*zip(*by_pipe, strict=True), marker="o", color="grey")
            axis.legend(["annotate", "nlp.pipe"])
            axis.set_xticks([number for number, _ in points])
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
