"""`python -m spacy cmner terms`: a term list from annotated texts."""

import json
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.analysis.gold import load_gold
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import errors_shown
from spacy_cmner.data.files import check_ending, check_other, check_writable, write_text
from spacy_cmner.supervision.terms import learn_terms


@cmner_cli.command("terms")
@errors_shown()
def terms_command(
    data: Annotated[Path, typer.Argument(help="Annotated texts (.spacy or .jsonl).")],
    out: Annotated[Path, typer.Argument(help="Term list to write (.jsonl).")],
    min_precision: Annotated[
        float,
        typer.Option(help="Least share of a term's further occurrences that are entities."),
    ] = 0.5,
    min_count: Annotated[int, typer.Option(min=1, help="It was an entity so often.")] = 1,
    min_length: Annotated[int, typer.Option(min=1, help="Characters of a term.")] = 2,
) -> None:
    """Collect the strings that are reliably entities, for the dictionary.

    Beside term and type stand the estimated precision and how often it was an entity.
    """
    check_ending(out, ".jsonl")
    check_other(data, out)
    check_writable(out)
    terms = learn_terms(
        load_gold(data),
        min_precision=min_precision,
        min_count=min_count,
        min_length=min_length,
    )
    rows = [
        {
            "term": term.text,
            "type": term.label,
            "precision": round(term.precision, 3),
            "count": term.count,
        }
        for term in terms
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    write_text(out, "".join(lines))
    msg.good(f"{out}: {len(terms)} terms")
