"""The corpus reader of our configs: gold documents from DocBins, read once."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_cmner.data.corpus import load_docs
from spacy_cmner.errors import Messages
from spacy_cmner.tokenizer import read_text


class CorpusReader:
    """Gives training examples from a .spacy file, or from all those in a folder, so that what
    `python -m spacy cmner annotate` wrote can stand beside annotated texts.

    Unlike `spacy.Corpus.v1` it keeps the documents: `spacy train` asks for the development set at
    each evaluation, and unpacking it takes longer than predicting it.

    path (str | Path): A DocBin made by `python -m spacy cmner convert`, or a folder of them, which
        are read in the order of their names, those of inner folders too.
    limit (int): Read this many documents at most; 0 reads all.
    RAISES (CmnerError): CM175 for a negative limit.
    """

    def __init__(self, path: str | Path, limit: int = 0) -> None:
        if limit < 0:
            raise Messages.CM175.error(limit=limit)
        self.path = Path(path)
        self.limit = limit
        self._docs: list[Doc] = []

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Each gold document beside a fresh one of the pipeline's tokenizer.

        RAISES (CmnerError): As `load_docs`, or there is no document.
        """
        if not self._docs or self._docs[0].vocab is not nlp.vocab:
            docs = load_docs(self.path, nlp.vocab, user_data=False)
            self._docs = list(islice(docs, self.limit or None))
            if not self._docs:
                raise Messages.CM119.error(path=self.path)
        for doc in self._docs:
            yield Example(nlp.tokenizer(read_text(doc)), doc)


def create_corpus_reader(
    path: str | Path | None, limit: int = 0
) -> Callable[[Language], Iterator[Example]]:
    """Registered as the reader `spacy-cmner.corpus.v1`; see `CorpusReader`.

    RAISES (CmnerError): No path was given, or a negative limit.
    """
    if path is None:
        raise Messages.CM115.error()
    return CorpusReader(path, limit)
