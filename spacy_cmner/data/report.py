"""What became of each record and entity on its way, so that nothing is dropped silently."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import wasabi

from spacy_cmner.data.files import write_text
from spacy_cmner.data.records import Record
from spacy_cmner.errors import Message


class Outcome(str, Enum):
    """What was done where gold data could not be taken as it stands.

    FLATTENED: the entity is kept in `doc.spans`, but overlaps a chosen one in `doc.ents`.
    REPAIRED: kept after a mend that the finding names.
    DOUBTFUL: kept as it stands, though it is hardly meant so.
    MISALIGNED: left out, because its offsets and its text contradict each other.
    UNWANTED: left out because the options ask for other types.
    SKIPPED: left out for another reason.
    """

    FLATTENED = "flattened"
    REPAIRED = "repaired"
    DOUBTFUL = "doubtful"
    MISALIGNED = "misaligned"
    UNWANTED = "unwanted"
    SKIPPED = "skipped"


class Item(str, Enum):
    """What a finding is about. OTHER: annotation that no Record holds, such as relations."""

    RECORD = "record"
    ENTITY = "entity"
    OTHER = "other"


@dataclass(frozen=True)
class Finding:
    """One decision on one record or entity.

    number (int | None): The record's `number`.
    code (str): The message's code, the reason in one word.
    text (str): The whole message, with the value and the fix.
    """

    outcome: Outcome
    item: Item
    number: int | None
    code: str
    text: str


@dataclass
class Report:
    """Collects findings and counts while records pass from reader to DocBin.

    source (Path | None): Where the records come from.
    records (int): Records kept.
    entities (int): Entities kept, the flattened ones included.
    missing (int): Characters without annotation, see `Record.missing`.
    left_out (int): Good records that a subsample left out because it was asked to.
    """

    source: Path | None = None
    findings: list[Finding] = field(default_factory=list)
    records: int = 0
    entities: int = 0
    missing: int = 0
    left_out: int = 0

    def keep(self, record: Record) -> None:
        """Count a record that reached the output."""
        self.records += 1
        self.entities += len(record.entities)
        self.missing += len(record.missing)

    def add(
        self, outcome: Outcome, item: Item, message: Message, *, number: int | None, **values: Any
    ) -> None:
        """Note a decision; `values` fill the message, together with the record's number."""
        text = message.format(number=number, **values)
        self.findings.append(Finding(outcome, item, number, message.code, text))

    def count(self, outcome: Outcome, item: Item) -> int:
        """How many records or entities met that outcome."""
        return sum(f.outcome is outcome and f.item is item for f in self.findings)

    @property
    def problems(self) -> list[Finding]:
        """The findings that mean faulty data: neither nested gold nor other annotation does, nor
        what was not asked for."""
        return [
            f
            for f in self.findings
            if f.outcome not in (Outcome.FLATTENED, Outcome.UNWANTED) and f.item is not Item.OTHER
        ]

    def to_jsonl(self, path: Path) -> None:
        """Write a first line with the counts, then every finding, one JSON object a line."""
        counts = {
            "source": str(self.source),
            "records": self.records,
            "entities": self.entities,
            "missing": self.missing,
            "left_out": self.left_out,
        }
        rows = (counts, *map(asdict, self.findings))
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_text(path, "\n".join(lines) + "\n", errors="backslashreplace")

    def summary(self, max_lines: int = 20) -> str:
        """Render the counts as a table, then the findings, problems first.

        max_lines (int): How many findings to show of each outcome; the rest is counted.
        """
        parts = [self._table()]
        for outcome in reversed(Outcome):
            found = [f for f in self.findings if f.outcome is outcome]
            parts.extend(f"{outcome.value}: {f.text}" for f in found[:max_lines])
            if len(found) > max_lines:
                codes = ", ".join(f"{code} × {n}" for code, n in _codes(found))
                parts.append(f"{outcome.value}: … {len(found) - max_lines} more ({codes} in all)")
        if self.missing:
            parts.append(
                f"{self.missing} characters, where entities left out may lie, have no annotation."
            )
        if self.left_out:
            parts.append(f"{self.left_out} good records were left out, as the options ask.")
        return "\n".join(parts)

    def _table(self) -> str:
        kept = {Item.RECORD: self.records, Item.ENTITY: self.entities, Item.OTHER: 0}
        rows = [
            (item.value, kept[item], *(self.count(outcome, item) for outcome in Outcome))
            for item in Item
            if item is not Item.OTHER or any(f.item is item for f in self.findings)
        ]
        header = ("", "kept", *(outcome.value for outcome in Outcome))
        return wasabi.table(rows, header=header, divider=True, aligns=("l", *("r",) * 7))


def _codes(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    return Counter(f.code for f in findings).most_common()
