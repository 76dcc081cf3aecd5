"""Texts that systems disagree about, side by side: what figures cannot show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spacy_cmner.analysis.comparison import Systems, judged_predictions, select_gold
from spacy_cmner.analysis.errors import Verdict, judge
from spacy_cmner.analysis.gold import Entities, GoldText
from spacy_cmner.analysis.tables import Table, one_line
from spacy_cmner.data.records import Entity


@dataclass(frozen=True)
class Case:
    """A text, its gold entities and what each system has found.

    predicted (Dict[str, Entities]): by the name of the system.
    """

    text: GoldText
    gold: Entities
    predicted: dict[str, Entities]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where anyone sees an entity, in reading order, the longer first."""
        everyone = self.gold.union(*self.predicted.values())
        spans = {(entity.start, entity.end) for entity in everyone}
        return sorted(spans, key=lambda span: (span[0], -span[1]))

    def to_table(self) -> Table:
        """A row for each span and a column for each system: the types that it gives the span,
        with the verdict on those that are wrong."""
        columns = [_labels(self.gold)]
        for predicted in self.predicted.values():
            verdicts = {
                judgement.predicted: judgement.verdict
                for judgement in judge(self.gold, predicted)
                if judgement.predicted is not None
            }
            columns.append(_labels(predicted, verdicts))
        rows = [
            (
                f"{start}–{end}",
                *("/".join(column.get((start, end), "–")) for column in columns),
                one_line(self.text.text[start:end]),
            )
            for start, end in self.spans
        ]
        name = "" if self.text.id is None else f"{one_line(self.text.id)}: "
        title = f"{name}{one_line(self.text.text)}"
        return Table(title, ("span", "gold", *self.predicted, "surface"), rows)


def find_cases(texts: Sequence[GoldText], systems: Systems, *, flat: bool = False) -> list[Case]:
    """The texts in which the systems differ, or, of a single system, in which it errs.

    flat (bool): hold the systems against flat gold instead of all gold.
    """
    gold = select_gold(texts, flat=flat)
    judged = {name: judged_predictions(texts, found, flat=flat) for name, found in systems.items()}
    cases = []
    for i, text in enumerate(texts):
        predicted = {name: entities[i] for name, entities in judged.items()}
        answers = {*predicted.values()} if len(predicted) > 1 else {*predicted.values(), gold[i]}
        if len(answers) > 1:
            cases.append(Case(text, gold[i], predicted))
    return cases


def _labels(
    entities: Iterable[Entity], verdicts: dict[Entity, Verdict] | None = None
) -> dict[tuple[int, int], list[str]]:
    """The types by span, wrong ones with their verdict."""
    labels: dict[tuple[int, int], list[str]] = {}
    for entity in sorted(entities):
        verdict = (verdicts or {}).get(entity, Verdict.CORRECT)
        mark = "" if verdict is Verdict.CORRECT else f" ({verdict.value})"
        labels.setdefault((entity.start, entity.end), []).append(f"{entity.label}{mark}")
    return labels
