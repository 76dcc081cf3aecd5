"""Documents as the model reads them: windows of single characters, a bounded number at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_cmner.pipeline.windows import split_windows
from spacy_cmner.tokenizer import CharDocs, char_doc, read_texts
from spacy_cmner.types import CharSpan, TextRange

Item = TypeVar("Item")


class Window(NamedTuple):
    """A piece of a document.

    number (int): of the document in its batch.
    place (TextRange): the characters of the document's text.
    text (str): these characters.
    doc (Doc): the same, one a token.
    """

    number: int
    place: TextRange
    text: str
    doc: Doc

    def length(self) -> int:
        """The number of its characters."""
        return len(self.text)


def read_windows(
    vocab: Vocab, docs: Sequence[Doc], keep: Sequence[Sequence[CharSpan]], max_length: int
) -> Iterator[Window]:
    """The windows of a batch in order, each made when it is asked for.

    vocab (Vocab): of the windows.
    docs (Sequence[Doc]): of any tokenization.
    keep (Sequence[Sequence[CharSpan]]): for each document the spans that no window may cut.
    max_length (int): see ``split_windows``.
    """
    texts = read_texts(docs)
    for number, (doc, text, spans) in enumerate(zip(docs, texts, keep, strict=True)):
        places = split_windows(text, max_length, keep=[(span.start, span.end) for span in spans])
        if places == [(0, len(text))] and len(doc) == len(text):
            yield Window(number, places[0], text, doc)
        else:
            for place in places:
                piece = text[place.start : place.end]
                yield Window(number, place, piece, char_doc(vocab, piece))


def gather(windows: Sequence[Window]) -> CharDocs:
    """Windows as a model takes them."""
    return CharDocs([window.doc for window in windows], [window.text for window in windows])


def chunk(
    items: Iterable[Item], max_size: int, size: Callable[[Item], int], max_items: int | None = None
) -> Iterator[list[Item]]:
    """Group items, in their order and as they come, so that no group of several is larger than
    ``max_size``, and none has more than ``max_items``."""
    group: list[Item] = []
    total = 0
    for item in items:
        if group and (total + size(item) > max_size or len(group) == max_items):
            yield group
            group, total = [], 0
        group.append(item)
        total += size(item)
    if group:
        yield group
