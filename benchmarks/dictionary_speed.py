"""How long a dictionary of 100,000 terms takes to load, and how fast it finds them.

    python benchmarks/dictionary_speed.py [--terms 100000] [--characters 1000000]

Terms and text are made of random common characters; one in ten words of the text is a term. The
rows: reading the list and building the automaton; finding terms in the characters; the whole
component, which also makes the spans; the same with word boundaries checked by jieba.
"""

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import spacy
from _measure import CHARACTERS, shortest

from spacy_cmner.pipeline.term_lists import read_terms, write_terms

COMMON = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
DOCUMENT = 500
REPEATS = 3


def word(rng: random.Random) -> str:
    return "".join(rng.choices(COMMON, k=rng.randint(2, 8)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=1_000_000)
    args = parser.parse_args()

    rng = random.Random(0)
    terms = list({word(rng): None for _ in range(args.terms)})
    parts, size = [], 0
    while size < args.characters:
        parts.append(rng.choice(terms) if rng.random() < 0.1 else word(rng))
        size += len(parts[-1])
    text = "".join(parts)
    texts = [text[start : start + DOCUMENT] for start in range(0, len(text), DOCUMENT)]

    nlp = spacy.blank("zh", config=CHARACTERS)
    dictionary: Any = nlp.add_pipe("cmner_dictionary")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "terms.jsonl"
        write_terms(path, ((term, ["X"]) for term in terms))

        def load() -> None:
            dictionary.matcher.clear()
            dictionary.add_terms(read_terms(path))
            dictionary.matcher("")

        print(f"load {len(terms)} terms: {shortest(load, REPEATS):.2f} s")

    docs = [nlp.make_doc(text) for text in texts]
    n_found = sum(len(dictionary.matcher(text)) for text in texts)
    print(f"found {n_found} terms in {len(text)} characters")
    boundaries = {"@misc": "spacy-cmner.word_boundaries.v1", "tool": "jieba"}
    checked: Any = nlp.create_pipe("cmner_dictionary", config={"boundaries": boundaries})
    checked.add_terms((term, label) for term, labels in dictionary.matcher for label in labels)
    checked.matcher(texts[0])
    for name, run in {
        "matcher": lambda: [dictionary.matcher(text) for text in texts],
        "component": lambda: list(dictionary.pipe([doc.copy() for doc in docs])),
        "matcher with jieba": lambda: [checked.matcher(text) for text in texts],
    }.items():
        print(f"{name}: {len(text) / shortest(run, REPEATS) / 1e6:.2f} million characters/s")


if __name__ == "__main__":
    main()
