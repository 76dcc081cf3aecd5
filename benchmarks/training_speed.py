"""Seconds of training: models beside each other, and the representation per type or occurrence.

    python benchmarks/training_speed.py --data corpus/cmeee/train.spacy --steps 40

Without --data the shipped corpus is used. The models take turns on the same batches, so that a
machine whose speed drifts is fair to all of them; an epoch is the measured time a character times
the characters of the data.
"""

import argparse
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from _measure import ROOT, seconds, shipped_corpus
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import fix_random_seed

from spacy_cmner.data.corpus import load_docs
from spacy_cmner.data.reader import CorpusReader
from spacy_cmner.layers.local_global import LocalGlobal
from spacy_cmner.models.local_global import build_local_global_embed, build_module, read_codes
from spacy_cmner.resources.bundle import Resources

CONFIGS = ["bilstm_crf", "local_global", "contextual"]
MAX_LENGTH = 250  # of texts in a padded batch, in characters; longer ones would be mostly padding
PAPER_EPOCH = 1025  # seconds on a GTX 3090, the paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a .spacy file of gold documents")
    parser.add_argument("--steps", type=int, default=30, help="measured batches")
    parser.add_argument("--batch", type=int, default=10, help="documents of a batch")
    parser.add_argument("--configs", nargs="*", default=CONFIGS, help="names in configs/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = args.data or shipped_corpus(Path(folder))
        print(f"{data}, {torch.get_num_threads()} threads, {args.steps} steps\n")
        if args.configs:
            epoch_times(data, args.configs, args.steps, args.batch)
            print()
        representation_times(data, max(args.steps // 6, 3))


def epoch_times(data: Path, names: list[str], steps: int, batch: int) -> None:
    """Time whole training steps of each model and scale them to an epoch."""
    pipelines = {}
    for name in names:
        fix_random_seed(0)
        config = load_config(ROOT / "configs" / f"{name}.cfg")
        nlp = load_model_from_config(config, auto_fill=True)
        nlp.batch_size = batch
        reader = CorpusReader(data)
        optimizer = nlp.initialize(partial(reader, nlp))
        pipelines[name] = (nlp, optimizer, list(reader(nlp)))
    spent = dict.fromkeys(names, 0.0)
    n_examples = len(pipelines[names[0]][2])
    total = sum(len(example.reference) for example in pipelines[names[0]][2])
    order = random.Random(0).sample(range(n_examples), n_examples)
    batches = [order[i : i + batch] for i in range(0, n_examples, batch)][: steps + 2]
    characters = 0
    for step, rows in enumerate(batches):
        for name, (nlp, optimizer, examples) in pipelines.items():
            fresh = [Example(nlp.make_doc(examples[i].text), examples[i].reference) for i in rows]
            taken = seconds(partial(nlp.update, fresh, drop=0.5, sgd=optimizer))
            if step >= 2:  # the first steps compile
                spent[name] += taken
        if step >= 2:
            characters += sum(len(pipelines[names[0]][2][i].reference) for i in rows)
    print(f"{'model':<20}{'characters/s':>14}{'s/epoch':>10}{'ratio':>8}   paper: {PAPER_EPOCH} s")
    for name in names:
        epoch = spent[name] / characters * total
        ratio = spent[name] / spent[names[0]]
        print(f"{name:<20}{characters / spent[name]:>14,.0f}{epoch:>10.0f}{ratio:>8.2f}")


def representation_times(data: Path, steps: int) -> None:
    """Time the local/global representation, forward and backward: per occurrence, per type, and
    per occurrence of the padded batch, which is what a model over ``(B, L)`` inputs computes."""
    resources = Resources()
    module, _ = build_module(build_local_global_embed().attrs, resources)
    docs = [doc for doc in load_docs(data, Vocab()) if len(doc) <= MAX_LENGTH]
    print(
        f"{'batch':>6}{'characters':>12}{'types':>7}{'occurrence':>13}{'type':>10}{'ratio':>8}"
        f"{'padded':>13}{'ratio':>8}"
    )
    for batch in (10, 32, 128):
        sums = [0.0, 0.0, 0.0]
        n_codes = n_types = 0
        for step in range(steps):
            chosen = docs[step * batch : (step + 1) * batch]
            codes = read_codes(chosen, torch.device("cpu"))
            n_codes += len(codes)
            n_types += len(codes.unique())
            longest = max(map(len, chosen))
            padded = torch.cat([codes, codes.new_zeros(longest * len(chosen) - len(codes))])
            for i, run in enumerate(
                (
                    lambda codes=codes: per_occurrence(module, codes),
                    lambda codes=codes: module(codes),
                    lambda padded=padded: per_occurrence(module, padded),
                )
            ):
                sums[i] += seconds(partial(forward_backward, run))
        occurrence, per_type, with_padding = (1000 * total / steps for total in sums)
        print(
            f"{batch:>6}{n_codes:>12,}{n_types:>7,}{occurrence:>10.1f} ms{per_type:>7.1f} ms"
            f"{occurrence / per_type:>8.1f}{with_padding:>10.1f} ms{with_padding / per_type:>8.1f}"
        )


def per_occurrence(module: LocalGlobal, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return module.encode_types(module.find_rows(codes))


def forward_backward(run: Callable) -> None:
    rows, error = run()
    (rows.sum() + error.sum()).backward()


if __name__ == "__main__":
    main()
