"""How far a run has got: a small file that is replaced as a whole."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.annotation.sinks import sync
from spacy_cmner.errors import Messages


@dataclass
class Checkpoint:
    """What of a source is in the output, and in the file of bad records.

    job (dict[str, Any]): What the run is: pipeline, source, format. Another one cannot go on here.
    read (int): Records read, the bad ones too.
    bad (int): Records that are in the side file.
    characters (int): Characters annotated.
    entities (int): Entities found.
    output (int): The position of the output.
    errors (int): The position of the side file.
    finished (bool): Whether the source has been read to its end.
    """

    job: dict[str, Any] = field(default_factory=dict)
    read: int = 0
    bad: int = 0
    characters: int = 0
    entities: int = 0
    output: int = 0
    errors: int = 0
    finished: bool = False

    def count(self, good: Sequence[SourceRecord], bad: Sequence[BadRecord]) -> None:
        """Add items that have been written."""
        self.read += len(good) + len(bad)
        self.bad += len(bad)
        self.characters += sum(len(record.text) for record in good)
        self.entities += sum(len(record.entities) for record in good)

    def add(self, other: "Checkpoint") -> None:
        """Add what another one has counted."""
        self.read += other.read
        self.bad += other.bad
        self.characters += other.characters
        self.entities += other.entities

    def save(self, path: Path) -> None:
        """Replace the file, so that it is always the old or the new one."""
        new = path.with_name(f"{path.name}.new")
        content = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        # in the name of a source that is not UTF-8 Python has surrogates, which are read again so
        new.write_bytes(content.encode("utf-8", "surrogatepass"))
        sync(new)
        new.replace(path)
        sync(path.parent)


def load_checkpoint(path: Path) -> Checkpoint:
    """RAISES (CmnerError): The file is not one that `Checkpoint.save` has written."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        raise Messages.CM148.error(path=path) from None
    if not isinstance(content, dict) or content.keys() != {f.name for f in fields(Checkpoint)}:
        raise Messages.CM148.error(path=path)
    return Checkpoint(**content)
