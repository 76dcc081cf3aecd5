"""Vectors of characters, character bigrams and words.

The paper starts from Char2Vec vectors trained on Gigaword, which few people have. So vectors can
come from two places: from the user's own file in a word2vec format, or from a skip-gram model
trained here on raw text.

Mikolov et al. (2013), "Distributed Representations of Words and Phrases and their
Compositionality" (skip-gram with negative sampling).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spacy_cmner.errors import Messages
from spacy_cmner.resources import store

KIND = "vectors"


@dataclass(frozen=True)
class Vectors:
    """Words in the order of their rows, most frequent first where counts are known.

    words (tuple[str, ...]): V distinct words: characters, character bigrams or words.
    vectors (np.ndarray): (V, D) float32.
    counts (np.ndarray | None): (V,) int64, how often each word occurred in the training text.
    """

    words: tuple[str, ...]
    vectors: np.ndarray
    counts: np.ndarray | None = None

    def __post_init__(self) -> None:
        n_words = len(self.words)
        n_counts = n_words if self.counts is None else len(self.counts)
        if self.vectors.ndim != 2 or len(self.vectors) != n_words or n_counts != n_words:
            raise Messages.CM220.error(words=n_words, shape=self.vectors.shape, counts=n_counts)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def dim(self) -> int:
        return self.vectors.shape[1]

    def save(
        self,
        path: Path,
        *,
        kind: str = KIND,
        half: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a resource file (see `store`).

        path (Path): Where to write.
        kind (str): What the file is to be: vectors, or a lexicon.
        half (bool): Store 16-bit floats: half the size, about three digits.
        metadata (Mapping[str, Any] | None): Where the vectors come from.
        RAISES (CmnerError): CM238 if a value is too large for 16 bits.
        """
        if half and np.abs(self.vectors).max(initial=0) > np.finfo(np.float16).max:
            raise Messages.CM238.error(value=np.abs(self.vectors).max())
        arrays = {
            "words": np.array(self.words),
            "vectors": self.vectors.astype(np.float16) if half else self.vectors,
        }
        if self.counts is not None:
            arrays["counts"] = self.counts
        store.save(path, kind, arrays, metadata)

    @classmethod
    def load(cls, path: Path, *, kind: str = KIND) -> "Vectors":
        """Read what `save` wrote.

        RAISES (CmnerError): as `store.load`, and CM220 if the arrays do not fit together.
        """
        arrays, _ = store.load(path, kind, ("words", "vectors"))
        return cls(
            tuple(arrays["words"].tolist()),
            arrays["vectors"].astype(np.float32),
            arrays.get("counts"),
        )

    def take(self, rows: Sequence[int] | np.ndarray) -> "Vectors":
        """Keep the given rows, in the given order."""
        return Vectors(
            tuple(self.words[row] for row in rows),
            self.vectors[rows],
            None if self.counts is None else self.counts[rows],
        )


def train_skipgram(
    sentences: Iterable[Sequence[str]],
    *,
    dim: int = 100,
    window: int = 5,
    min_count: int = 5,
    epochs: int = 5,
    max_words: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Vectors:
    """Train skip-gram vectors with negative sampling.

    One worker thread: with more, gensim's result depends on how the threads happened to run, and a
    resource that cannot be built again is a resource that cannot be trusted.

    sentences (Iterable[Sequence[str]]): Read `epochs` + 1 times, so not a generator.
    dim (int): Width D of the vectors.
    window (int): Largest distance between a word and its context word, in words.
    min_count (int): Words that occur less often get no vector.
    epochs (int): Passes over the sentences after the one that counts words.
    max_words (int | None): Keep only that many of the most frequent words.
    seed (int): The same sentences and seed give the same vectors.
    progress (bool): Show a progress bar per pass on stderr.
    RETURNS (Vectors): Most frequent word first, with counts.
    RAISES (CmnerError): CM205 without gensim, CM222 if no word occurs `min_count` times.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise Messages.CM205.error(library="gensim", task="train vectors") from error
    model = Word2Vec(
        vector_size=dim, window=window, min_count=min_count, sg=1, negative=5, workers=1, seed=seed
    )
    reader = _Passes(sentences, progress)
    model.build_vocab(reader)
    if not model.wv.index_to_key:
        raise Messages.CM222.error(min_count=min_count)
    model.train(reader, total_examples=model.corpus_count, epochs=epochs)
    words = tuple(model.wv.index_to_key)
    counts = np.array([model.wv.get_vecattr(word, "count") for word in words], dtype=np.int64)
    return Vectors(words, model.wv.vectors, counts).take(range(len(words))[:max_words])


class _Passes:
    """Sentences cut to the length gensim accepts (it drops the rest unsaid), with progress."""

    MAX_LENGTH = 10_000

    def __init__(self, sentences: Iterable[Sequence[str]], progress: bool) -> None:
        self.sentences = sentences
        self.progress = progress
        self.n_passes = 0
        self.n_sentences: int | None = None

    def __iter__(self) -> Iterator[Sequence[str]]:
        label = f"skip-gram, pass {self.n_passes}" if self.n_passes else "counting words"
        n_sentences = 0
        for sentence in tqdm(
            self.sentences, desc=label, total=self.n_sentences, disable=not self.progress
        ):
            n_sentences += 1
            for start in range(0, len(sentence), self.MAX_LENGTH):
                yield sentence[start : start + self.MAX_LENGTH]
        self.n_passes += 1
        self.n_sentences = n_sentences
