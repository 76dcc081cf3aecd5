"""How well negation, uncertainty, family and past history are found.

    python benchmarks/assertion.py [CASES.jsonl] [--errors]

The texts of the tests were written for this; their entities are given, and what counts is each
attribute of each entity. docs/assertion.md says when each part was written, and which of them the
rules were corrected on.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import srsly
from _measure import ROOT
from spacy.scorer import PRFScore

from spacy_cmner.pipeline.context import ContextRules
from spacy_cmner.pipeline.triggers import ATTRIBUTES, read_triggers
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.types import TextRange

CASES = ROOT / "tests" / "pipeline" / "assertion.jsonl"
# So many characters on either side of a wrong entity are printed.
AROUND = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="?", type=Path, default=CASES)
    parser.add_argument("--errors", action="store_true", help="print what is wrong")
    args = parser.parse_args()

    rules = ContextRules(read_triggers(shipped("triggers")))
    by_split: dict[str, list[dict]] = {}
    for case in srsly.read_jsonl(args.cases):
        by_split.setdefault(case.get("split", "all"), []).append(case)
    for split, cases in by_split.items():
        scores, wrong = score_cases(rules, cases)
        n_entities = sum(len(case["entities"]) for case in cases)
        print(f"{split}: {len(cases)} texts, {n_entities} entities")
        print(f"{'':12}{'P':>8}{'R':>8}{'F1':>8}{'gold':>8}")
        for attribute, score in scores.items():
            values = (score.precision, score.recall, score.fscore)
            row = "".join(f"{100 * value:8.1f}" for value in values)
            print(f"{attribute:12}{row}{score.tp + score.fn:8}")
        if args.errors:
            print("\n".join(wrong))


def score_cases(
    rules: ContextRules, cases: Iterable[dict]
) -> tuple[dict[str, PRFScore], list[str]]:
    """The score of each attribute, and a line for each entity that has a wrong one."""
    scores = {attribute: PRFScore() for attribute in ATTRIBUTES}
    wrong = []
    for case in cases:
        text = case["text"]
        places = [TextRange(entity["start"], entity["end"]) for entity in case["entities"]]
        for place, entity, found in zip(places, case["entities"], rules(text, places), strict=True):
            gold = set(entity["attributes"])
            for attribute, score in scores.items():
                score.score_set({attribute} & found.keys(), {attribute} & gold)
            if gold != found.keys():
                before, after = text[: place.start][-AROUND:], text[place.end :][:AROUND]
                shown = f"{before}《{text[place.start : place.end]}》{after}".replace("\n", "⏎")
                said = [f"{name} ({text[slice(*found[name])]})" for name in sorted(found)]
                wrong.append(f"{shown}\n    {said}, should be {sorted(gold)}")
    return scores, wrong


if __name__ == "__main__":
    main()
