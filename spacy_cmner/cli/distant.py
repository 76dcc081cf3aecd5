"""`python -m spacy cmner distant`: texts annotated in part by term lists."""

from pathlib import Path
from typing import Annotated

import typer
from spacy.vocab import Vocab

from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import (
    EncodingOption,
    TextColumnOption,
    TextsArgument,
    errors_shown,
    read_source,
    write_annotated,
)
from spacy_cmner.data.files import check_apart, check_ending, check_outputs, check_writable
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.term_lists import read_terms
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.supervision.distant import PUNCTUATION, Outside, annotate_by_terms


@cmner_cli.command("distant")
@errors_shown()
def distant_command(
    source: TextsArgument,
    out: Annotated[Path, typer.Argument(help="DocBin to write (.spacy).")],
    lists: Annotated[
        list[Path], typer.Option("--terms", "-t", help="Typed term list; may be given again.")
    ],
    outside: Annotated[
        Path | None,
        typer.Option(help="List (.txt) of strings that no entity holds, beside punctuation."),
    ] = None,
    distance: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="In sentences with terms, characters further away from them are outside.",
        ),
    ] = None,
    text_column: TextColumnOption = "text",
    encoding: EncodingOption = "utf-8",
    terms_encoding: Annotated[str, typer.Option(help="Encoding of all lists.")] = "utf-8",
) -> None:
    """Annotate texts by term lists: terms are entities, punctuation is outside, the rest missing.

    `spacy train` reads the result; the recogniser sums over what is missing.
    """
    check_ending(out, ".spacy")
    check_apart(source, out)
    check_outputs([out], [outside, *lists])
    check_writable(out)
    vocab = Vocab()
    matcher = TermMatcher()
    terms = [term for path in lists for term in read_terms(path, encoding=terms_encoding)]
    if not terms:
        raise Messages.CM439.error(paths=", ".join(map(str, lists)))
    matcher.add(terms)
    no_entities = [] if outside is None else read_terms(outside, encoding=terms_encoding)
    stop = [term.text for term in no_entities]
    rule = Outside((*PUNCTUATION, *stop), distance)
    records = read_source(Source(source, Layout(text=text_column, encoding=encoding)))
    docs = (annotate_by_terms(vocab, record.text, matcher, rule) for record in records)
    write_annotated(docs, out)
