"""How the time and the memory of recognition grow with the text, the processes and the labels.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py MODEL --data dev.spacy --plot scaling.png

Without MODEL the default model is compiled with random weights, without --data the shipped corpus
is read. Each length is measured in a process of its own, whose peak of memory is its own, too.
Each time is the shortest of several rounds.
"""

import argparse
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import spacy
from _measure import CORPUS, peak_memory, shortest
from spacy.language import Language
from throughput import compiled_default

from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.analysis.plots import check_picture, create_figure
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.runner import annotate_items

LENGTHS = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 1_800_000)
LABELS = (1, 3, 9, 27, 81)
MIN_CHARACTERS = 20_000
RANDOM = "default model, random weights"

Points = list[tuple[int, float]]

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a pipeline: folder or package")
    parser.add_argument("--data", type=Path, default=CORPUS, help="gold texts (.spacy, .jsonl)")
    parser.add_argument("--texts", type=int, default=2500, help="how many are read")
    parser.add_argument("--repeats", type=int, default=1, help="times that they are read")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--longest", type=int, default=max(LENGTHS), help="of a document")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--plot", type=Path, help="PNG file (needs matplotlib)")
    args = parser.parse_args()
    if args.plot:
        check_picture(args.plot)
    texts = [text.text for text in load_gold(args.data)][: args.texts]
    texts *= args.repeats
    nlp = spacy.load(args.model) if args.model else compiled_default(["sym", "dis", "bod"])
    name = Path(args.model).name if args.model else RANDOM
    print(f"{name}; {os.cpu_count()} cores\n")

    source = "".join(texts)
    source *= args.longest // len(source) + 1
    print(f"{'characters in one document':<28}{'seconds':>14}{'peak MB':>10}{'MB':>10}")
    by_length, by_memory = [], []
    for length in [length for length in LENGTHS if length <= args.longest]:
        spent, peak, size = apart(lambda: read_one(nlp, source[:length], args.rounds))  # noqa: B023
        print(f"{length:<28,}{spent:>14.4f}{peak:>10,.0f}{size:>10,.0f}")
        by_length.append((length, spent))
        by_memory.append((length, peak))
    print("Of the second figure in MB, the document itself takes the most: without recognition.\n")

    by_process, by_pipe = [], []
    records = [SourceRecord(text) for text in texts]
    characters = sum(map(len, texts))
    print(f"{'n_process':<28}{'characters/s':>14}{'nlp.pipe':>10}")
    for number in args.processes:
        runs: list[Callable[[], object]] = [
            lambda: list(annotate_items(nlp, records, number)),  # noqa: B023
            lambda: list(nlp.pipe(texts, n_process=number)),  # noqa: B023
        ]
        speed, piped = (characters / shortest(run, args.rounds) for run in runs)
        print(f"{number:<28}{speed:>14,.0f}{piped:>10,.0f}")
        by_process.append((number, speed))
        by_pipe.append((number, piped))

    by_label = []
    print(f"\n{'labels':<28}{'characters/s':>14}")
    for number in LABELS:
        random = compiled_default([f"label{i}" for i in range(number)])
        few = texts[: len(texts) // (5 * args.repeats)]
        list(random.pipe(few[:20]))
        spent = shortest(lambda: list(random.pipe(few)), args.rounds)  # noqa: B023
        speed = sum(map(len, few)) / spent
        print(f"{number:<28}{speed:>14,.0f}")
        by_label.append((number, speed))
    if args.plot:
        plot(args.plot, name, by_length, by_memory, by_process, by_pipe, by_label)


def read_one(nlp: Language, text: str, rounds: int) -> tuple[float, float, float]:
    """Seconds, and the peak of memory in MB with and without recognition."""
    nlp.max_length = max(nlp.max_length, len(text))
    doc = nlp.make_doc(text)
    size = peak_memory()
    del doc
    nlp(text[:1000])
    times = max(MIN_CHARACTERS // len(text), 1)
    spent = shortest(lambda: [nlp(text) for _ in range(times)], rounds) / times
    return spent, peak_memory(), size


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
    name: str,
    by_length: Points,
    by_memory: Points,
    by_process: Points,
    by_pipe: Points,
    by_label: Points,
) -> None:
    """Four panels, each with the pipeline it is of; time over length beside a line of slope 1."""
    figure = create_figure(9, 6.5)
    (length, memory), (processes, labels) = figure.subplots(2, 2)
    longest, spent = by_length[-1]
    linear = [(each, spent * each / longest) for each, _ in by_length]
    draw(length, {"measured": by_length}, title=name, xscale="log", yscale="log")
    length.plot(*zip(*linear, strict=True), "k--", linewidth=1, label="linear")
    length.legend()
    length.set(xlabel="characters in one document", ylabel="seconds")
    draw(memory, {"": by_memory}, title=name, xscale="log")
    memory.set(xlabel="characters in one document", ylabel="peak memory, MB")
    draw(processes, {"annotate": by_process, "nlp.pipe": by_pipe}, title=name)
    processes.set(xlabel="n_process", ylabel="characters/s")
    processes.set_xticks([number for number, _ in by_process])
    draw(labels, {"": by_label}, title=RANDOM, xscale="log")
    labels.set(xlabel="labels", ylabel="characters/s")
    labels.set_xticks([number for number, _ in by_label], [f"{n}" for n, _ in by_label])
    labels.minorticks_off()
    figure.savefig(path, dpi=110)


def draw(axes: "Axes", lines: dict[str, Points], **settings: str) -> None:
    """Lines by name; what is no logarithm begins at 0 and has room above."""
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(**settings)
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, 1.1 * max(y for points in lines.values() for _, y in points))
        axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend()


if __name__ == "__main__":
    main()
