"""CMeEE as CBLUE publishes it: a JSON list of texts with entities whose end is inclusive.

Zhang et al. 2022, "CBLUE: A Chinese Biomedical Language Understanding Evaluation Benchmark".
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_cmner.data.checks import RawSpan, checked_record, keys_of, span_of_object, wrong_shape
from spacy_cmner.data.files import read_json_list
from spacy_cmner.data.records import Record
from spacy_cmner.data.report import Item, Outcome, Report
from spacy_cmner.errors import Messages


def read_cmeee(path: Path, report: Report, *, encoding: str = "utf-8") -> Iterator[Record]:
    """Read `[{"text", "entities": [{"start_idx", "end_idx", "type", "entity"}]}]`.

    An entity whose offsets do not give its own text is left out and reported; so are records
    without an `entities` list, as in the test set.

    RAISES (CmnerError): The file is missing, in another encoding, or not a JSON list.
    """
    for number, item in enumerate(read_json_list(path, encoding)):
        problem = wrong_shape(item, ("text",))
        if problem:
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM120, number=number, problem=problem)
        elif not isinstance(item.get("entities"), list):
            missing = f"entities; {keys_of(item)}"
            report.add(Outcome.SKIPPED, Item.RECORD, Messages.CM121, number=number, missing=missing)
        else:
            spans = [_span(entity) for entity in item["entities"]]
            record = checked_record(item.get("text"), spans, report, number=number)
            if record is not None:
                yield record


def _span(entity: Any) -> RawSpan:
    span = span_of_object(
        entity, start=["start_idx"], end=["end_idx"], label=["type"], surface=["entity"]
    )
    return replace(span, end=span.end + 1) if type(span.end) is int else span
