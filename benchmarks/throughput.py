"""Speed of recognition from str to doc.ents, beside spaCy's own ner and bare BiLSTMs.

    OMP_NUM_THREADS=1 python benchmarks/throughput.py MODEL --data corpus/cmeee/dev.spacy

Without MODEL the default model is compiled with random weights, without --data the shipped corpus
is read. The systems take turns on the same texts, so that a machine whose speed drifts is fair to
all of them.
"""

import argparse
import gc
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import spacy
import torch
from _measure import CHARACTERS, CORPUS, seconds
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.annotation.runner import annotate_items
from spacy_cmner.models.bilstm import build_bilstm_encoder
from spacy_cmner.models.compile import compile_pipeline
from spacy_cmner.types import EncodeModel, Rows

SENTENCE_LENGTH = 50
USUAL_WIDTH = 128  # units in each direction, of a BiLSTM that was not narrowed for speed
PASSES = 4  # over the texts, beside which the start of the processes is short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a pipeline: folder or package")
    parser.add_argument("--data", type=Path, default=CORPUS, help="gold texts (.spacy, .jsonl)")
    parser.add_argument("--texts", type=int, default=2500, help="how many are read")
    parser.add_argument("--rounds", type=int, default=3, help="times that each system reads them")
    parser.add_argument("--processes", type=int, default=2, help="as of `annotate -n`; 1: skip")
    args = parser.parse_args()
    gold = load_gold(args.data)
    labels = sorted({entity.label for text in gold for entity in text.gold.entities})
    texts = [text.text for text in gold][: args.texts]
    nlp = spacy.load(args.model) if args.model else compiled_default(labels)
    ner = spacy_ner(labels)
    print(f"{len(texts)} texts, {sum(map(len, texts)):,} characters, {args.data}")
    print(f"{args.model or 'default model, random weights'}, {torch.get_num_threads()} threads\n")
    throughput(nlp, ner, texts, args.rounds)
    if args.processes > 1:
        in_processes(nlp, ner, texts, args.rounds, args.processes)
    latency(nlp, ner, texts)
    with_rules(nlp, texts, args.rounds)


def compiled_default(labels: list[str]) -> Language:
    nlp = spacy.blank("zh", config=CHARACTERS)
    nlp.add_pipe("cmner")
    initialize(nlp, labels)
    return compile_pipeline(nlp)


def spacy_ner(labels: list[str]) -> Language:
    """spaCy's transition-based ner over HashEmbedCNN, as in its small pipelines."""
    nlp = spacy.blank("zh")
    nlp.add_pipe("ner")
    initialize(nlp, labels)
    return nlp


def initialize(nlp: Language, labels: list[str]) -> None:
    fix_random_seed(0)
    text = "症状" * len(labels)
    entities = [(2 * i, 2 * i + 2, label) for i, label in enumerate(labels)]
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc(text), {"entities": entities})])


def throughput(nlp: Language, ner: Language, texts: list[str], rounds: int) -> None:
    encoder, batches = encoder_input(nlp, texts)
    usual = build_bilstm_encoder(hidden_width=USUAL_WIDTH, depth=1)
    usual.initialize(X=batches[0])
    systems: dict[str, Callable[[], object]] = {
        "cmner, decoding = marginal": lambda: recognise(nlp, texts, "marginal", 0.3),
        "cmner, str to doc.ents": lambda: recognise(nlp, texts, "viterbi", 0.0),
        "spaCy ner, str to doc.ents": lambda: list(ner.pipe(texts)),
        "its BiLSTM, forward pass only": lambda: [encoder.predict(batch) for batch in batches],
        f"BiLSTM of {USUAL_WIDTH} units in float32": lambda: [usual.predict(b) for b in batches],
    }
    for run in systems.values():
        seconds(run)  # the first time compiles
    gc.freeze()
    compare(systems, "cmner, str to doc.ents", sum(map(len, texts)), rounds)


def compare(
    systems: dict[str, Callable[[], object]], reference: str, characters: int, rounds: int
) -> None:
    """Let the systems take turns, and print the medians and how many times the reference's they
    are."""
    times: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, run in systems.items():
            times[name].append(seconds(run))
    first = statistics.median(times[reference])
    print(f"{'':<32}{'characters/s':>14}{reference.split(',')[0] + ' is':>16}")
    for name, measured in times.items():
        middle = statistics.median(measured)
        print(f"{name:<32}{characters / middle:>14,.0f}{middle / first:>15.2f}x")
    print()


def in_processes(
    nlp: Language, ner: Language, texts: list[str], rounds: int, n_process: int
) -> None:
    """The same with the processes of `cmner annotate`, their start included; ``nlp.pipe`` would
    spend its time on sending documents."""

    items = [SourceRecord(text) for text in texts * PASSES]
    recogniser: Any = nlp.get_pipe("cmner")
    recogniser.decoding = "viterbi"
    systems: dict[str, Callable[[], object]] = {
        f"cmner, {n_process} processes": lambda: list(annotate_items(nlp, items, n_process)),
        f"spaCy ner, {n_process} processes": lambda: list(annotate_items(ner, items, n_process)),
    }
    compare(systems, next(iter(systems)), PASSES * sum(map(len, texts)), rounds)


def recognise(nlp: Language, texts: list[str], decoding: str, threshold: float) -> None:
    recogniser: Any = nlp.get_pipe("cmner")
    recogniser.decoding, recogniser.threshold = decoding, threshold
    list(nlp.pipe(texts))


def encoder_input(nlp: Language, texts: list[str]) -> tuple[EncodeModel, list[Rows]]:
    """The pipeline's encoder, and what it reads of the texts, in batches of the pipeline's size."""
    recogniser: Any = nlp.get_pipe("cmner")
    embed, encoder = recogniser.model.get_ref("tok2vec").layers
    docs = [nlp.make_doc(text) for text in texts]
    starts = range(0, len(docs), nlp.batch_size)
    batches = [embed.predict(docs[start : start + nlp.batch_size]) for start in starts]
    return encoder, batches


def with_rules(nlp: Language, texts: list[str], rounds: int) -> None:
    """The same with rules before and after, each component added to those above it."""
    nlp.add_pipe("cmner_patterns", before="cmner")
    nlp.add_pipe("cmner_assertion")
    steps = {
        "cmner alone": ["cmner_patterns", "cmner_assertion"],
        "and cmner_patterns": ["cmner_assertion"],
        "and cmner_assertion": [],
    }
    compare(
        {name: partial(without, nlp, off, texts) for name, off in steps.items()},
        next(iter(steps)),
        sum(map(len, texts)),
        rounds,
    )


def without(nlp: Language, disabled: list[str], texts: list[str]) -> None:
    with nlp.select_pipes(disable=disabled):
        list(nlp.pipe(texts))


def latency(nlp: Language, ner: Language, texts: list[str], times: int = 300) -> None:
    """Milliseconds for one sentence alone."""
    joined = "".join(text.strip() for text in texts).replace("。", "，")
    pieces = [joined[i * SENTENCE_LENGTH :][:SENTENCE_LENGTH] for i in range(times)]
    pieces = [piece for piece in pieces if len(piece) == SENTENCE_LENGTH]
    print(f"{SENTENCE_LENGTH} characters, alone".ljust(32) + f"{'p50 ms':>14}{'p99 ms':>10}")
    for name, pipeline in (("cmner", nlp), ("spaCy ner", ner)):
        measured = [1000 * seconds(lambda: pipeline(piece)) for piece in pieces]  # noqa: B023
        middle, late = np.percentile(measured, [50, 99])
        print(f"{name:<32}{middle:>14.2f}{late:>10.2f}")
    print()


if __name__ == "__main__":
    main()
