"""What annotated windows say of their emissions: the loss of the flat reading, and of the insides
of entities where others are looked for there."""

from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Ragged

from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.models.crf_tagger import loss_and_gradient
from spacy_cmner.models.evidence import Evidence
from spacy_cmner.pipeline.emissions import take_rows
from spacy_cmner.pipeline.evidence import pack
from spacy_cmner.pipeline.marks import Target
from spacy_cmner.pipeline.nesting import inside_targets, read_gold
from spacy_cmner.pipeline.reading import Window
from spacy_cmner.types import TextRange


def compute_loss(
    model: Model[list[Doc], Ragged],
    scheme: TagScheme,
    windows: Sequence[Window],
    emissions: Ragged,
    targets: Sequence[Target],
    evidence: Sequence[Evidence],
    *,
    nested_in: Set[str],
    references: Sequence[Doc],
) -> tuple[float, Ragged]:
    """The loss of the windows of documents, a mean over these, and the gradient of their emissions.
    Those of the model's parameters are added to it.

    emissions (Ragged): of the windows, packed.
    targets (Sequence[Target]): the flat annotation of each document.
    evidence (Sequence[Evidence]): that on each document; empty if none is asked for.
    nested_in (Set[str]): the types inside whose entities others are looked for.
    references (Sequence[Doc]): the annotated documents.
    """
    allowed = [target.encode(scheme) for target in targets]
    parts = [allowed[window.number][slice(*window.place)] for window in windows]
    tags = np.concatenate([np.zeros((0, scheme.n_tags), dtype=np.bool_), *parts])
    found = _pack(evidence, ((window.number, window.place) for window in windows))
    loss, gradient = loss_and_gradient(model, emissions, scheme, tags, found)
    if not nested_in:
        return loss, gradient
    gold = [read_gold(reference) for reference in references]
    inside, tags, places = inside_targets(scheme, nested_in, windows, targets, gold)
    if not inside.spans:
        return loss, gradient
    characters, backprop = take_rows(model.ops, emissions, inside.rows)
    inner_loss, d_characters = loss_and_gradient(
        model,
        characters,
        scheme,
        tags,
        _pack(evidence, places),
        possible=inside.possible,
        n_sequences=len(windows),
    )
    d_emissions: Any = backprop(d_characters).dataXd
    return loss + inner_loss, Ragged(gradient.dataXd + d_emissions, gradient.lengths)


def _pack(evidence: Sequence[Evidence], places: Iterable[tuple[int, TextRange]]) -> Evidence | None:
    """The evidence on pieces of documents; None if none is asked for."""
    return pack((evidence[number], place) for number, place in places) if evidence else None
