"""Emissions of the windows of documents, whichever texts the model itself reads.

Most models read the windows. One that listens to a component upstream, such as
``spacy.Tok2VecListener.v1`` or ``spacy-transformers.TransformerListener.v1``, only knows the
documents that this component has read: it gets these, and the windows are cut out of its emissions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Ragged

from spacy_cmner.errors import Messages
from spacy_cmner.models.crf_tagger import listens
from spacy_cmner.pipeline.reading import Window, chunk, gather
from spacy_cmner.tokenizer import token_sizes


def predict_emissions(
    model: Model[list[Doc], Ragged],
    docs: Sequence[Doc],
    windows: Iterable[Window],
    max_characters: int,
) -> Iterator[tuple[list[Window], Ragged]]:
    """Groups of windows (see ``reading.chunk``) with their emissions, one row a character.

    docs (Sequence[Doc]): the documents that the windows are of.
    RAISES: CM423 if the model listens to a component that has not read them.
    """
    if not listens(model):
        for group in chunk(windows, max_characters, Window.length):
            yield group, model.predict(gather(group))
    elif any(map(len, docs)):
        _check_read(docs)
        emissions = model.predict([*docs])
        rows = character_rows(docs)
        for group in chunk(windows, max_characters, Window.length):
            yield group, _cut_out(model, emissions, rows, group)[0]


def read_emissions(
    model: Model[list[Doc], Ragged],
    docs: Sequence[Doc],
    windows: Sequence[Window],
    is_train: bool,
) -> tuple[Ragged, Callable[[Ragged], object]]:
    """The emissions of all windows at once, and the callback for their gradient.

    docs (Sequence[Doc]): in training the batch that the components upstream were updated with.
    RAISES: CM423 as ``predict_emissions``, unless this is training.
    """
    if not listens(model):
        return model(gather(windows), is_train)
    if not is_train:
        _check_read(docs)
    emissions, backprop_docs = model([*docs], is_train)
    cut_out, backprop_windows = _cut_out(model, emissions, character_rows(docs), windows)
    return cut_out, lambda d_cut_out: backprop_docs(backprop_windows(d_cut_out))


def _check_read(docs: Sequence[Doc]) -> None:
    """A listener would take zeros for the vectors of a document that has none."""
    for doc in docs:
        is_read = doc.tensor.size or (doc.has_extension("trf_data") and doc._.trf_data)
        if len(doc) and not is_read:
            raise Messages.CM423.error(text=doc.text[:30])


def character_rows(docs: Sequence[Doc]) -> list[npt.NDArray[np.int32]]:
    """For each character of each text the row of its token, in the batch packed end to end.

    A blank between tokens goes with the token before it.
    """
    rows = []
    start = 0
    for doc in docs:
        numbers = np.arange(start, start + len(doc), dtype=np.int32)
        rows.append(np.repeat(numbers, token_sizes(doc)))
        start += len(doc)
    return rows


def _cut_out(
    model: Model,
    emissions: Ragged,
    rows: Sequence[npt.NDArray[np.int32]],
    windows: Sequence[Window],
) -> tuple[Ragged, Callable[[Ragged], Ragged]]:
    """The emissions of windows from those of the tokens of whole documents.

    A row is taken as often as its token has characters and windows overlap there.
    """
    return take_rows(
        model.ops, emissions, [rows[window.number][slice(*window.place)] for window in windows]
    )


def take_rows(
    ops: Ops, emissions: Ragged, parts: Sequence[npt.NDArray[np.integer]]
) -> tuple[Ragged, Callable[[Ragged], Ragged]]:
    """Sequences made of the rows of others.

    parts (Sequence[NDArray]): the numbers of the rows of each.
    RETURNS (Tuple[Ragged, Callable]): and what gives the gradient of the rows back; that of a row
        taken several times is the sum.
    """
    numbers: Any = np.concatenate(parts)
    index = ops.asarray1i(numbers)
    table: Any = emissions.dataXd

    def backprop(d_taken: Ragged) -> Ragged:
        d_rows: Any = d_taken.dataXd
        gradient = ops.alloc2f(*table.shape)
        ops.scatter_add(gradient, index, d_rows)
        return Ragged(gradient, emissions.lengths)

    return Ragged(table[index], ops.asarray1i([len(part) for part in parts])), backprop
