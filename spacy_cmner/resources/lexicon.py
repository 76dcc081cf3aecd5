"""The domain dictionary D and the global representation of characters.

A character takes part in many words of a domain. All words of D that hold it fall into four sets by
its place in them, and each set becomes the mean of its word vectors, weighted by word counts. No
sentence is needed for that, so the result is a table.

Global representation of "A local and global character representation enhanced model for Chinese
medical named entity recognition": skip-gram with window 4, words of fewer than 5 occurrences
removed. Ma et al. (2020), "Simplify the Usage of Lexicon in Chinese NER", has the same four sets,
but over the words matched in one sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spacy_cmner.automaton import Automaton
from spacy_cmner.errors import Messages
from spacy_cmner.resources.vectors import Vectors, train_skipgram

KIND = "lexicon"
BEGIN, MIDDLE, END, SINGLE = range(4)
MAX_WORD_LENGTH = 10


@dataclass(frozen=True)
class Lexicon:
    """The words of a domain with their counts and vectors.

    vectors (Vectors): The V words of D, with counts, by which their vectors are weighted.
    RAISES: CM227 without counts, CM237 for one below 1.
    """

    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.counts is None:
            raise Messages.CM227.error(words=len(self.vectors))
        for word, count in zip(self.vectors.words, self.counts.tolist(), strict=True):
            if not count >= 1:
                raise Messages.CM237.error(word=word, count=count)

    @property
    def counts(self) -> np.ndarray:
        """How often each word occurred: (V,) int64."""
        return np.asarray(self.vectors.counts)

    def save(
        self, path: Path, *, half: bool = False, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Write a resource file (see `Vectors.save`)."""
        self.vectors.save(path, kind=KIND, half=half, metadata=metadata)

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        """Read what `save` wrote (see `Vectors.load`)."""
        return cls(Vectors.load(path, kind=KIND))

    def char_table(self, chars: Sequence[str]) -> np.ndarray:
        """Compute the count-weighted mean word vector per character and place.

        A character that stands in a word several times counts once for each of its places. The work
        is linear in the characters of D.

        chars (Sequence[str]): C distinct characters.
        RETURNS (np.ndarray): (C, 4, D) float32, the places in the order begin, middle, end, single;
            zeros where no word has the character in that place.
        """
        row_of = {char: row for row, char in enumerate(chars)}
        found = [
            (row_of[char], word_row, position == 0, position == len(word) - 1)
            for word_row, word in enumerate(self.vectors.words)
            for position, char in enumerate(word)
            if char in row_of
        ]
        characters, rows, is_first, is_last = np.array(found, dtype=np.int64).reshape(-1, 4).T
        slots = 4 * characters + places_in_words(is_first > 0, is_last > 0)
        weights = np.asarray(self.vectors.counts, dtype=np.float64)[rows]
        n_slots = 4 * len(row_of)
        totals = np.bincount(slots, weights, n_slots)
        sums = [
            np.bincount(slots, weights * column[rows], n_slots) for column in self.vectors.vectors.T
        ]
        means = np.stack(sums, axis=1) / np.where(totals > 0, totals, 1)[:, None]
        return means.reshape(len(row_of), 4, self.vectors.dim).astype(np.float32)


def places_in_words(is_first: np.ndarray, is_last: np.ndarray) -> np.ndarray:
    """The places of characters in words: begin 0, middle 1, end 2, alone 3.

    is_first, is_last (np.ndarray): (P,) bool, whether each is the first, the last of its word.
    RETURNS (np.ndarray): (P,) int64.
    """
    places = np.full(len(is_first), MIDDLE, dtype=np.int64)
    places[is_last] = END
    places[is_first] = BEGIN
    places[is_first & is_last] = SINGLE
    return places


def is_dictionary_word(word: str) -> bool:
    """Tell whether a segmented word belongs into D.

    Words of up to 10 characters with at least one letter (Chinese characters are letters): longer
    ones are segmentation faults, the others are numbers and punctuation.
    """
    return len(word) <= MAX_WORD_LENGTH and any(map(str.isalpha, word))


def build_lexicon(
    sentences: Iterable[Sequence[str]],
    *,
    dim: int = 50,
    window: int = 4,
    min_count: int = 5,
    epochs: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> Lexicon:
    """Train word vectors on segmented text and keep the words that belong into D.

    Numbers and punctuation are context in training, and leave only afterwards.

    sentences (Iterable[Sequence[str]]): Words; read `epochs` + 1 times, so not a generator.
    dim (int): Width D of the vectors.
    window (int): Largest distance between a word and its context word, in words.
    min_count (int): Words that occur less often are no part of D.
    epochs (int): Passes over the sentences after the one that counts words.
    seed (int): The same sentences and seed give the same lexicon.
    progress (bool): Show progress bars on stderr.
    RETURNS (Lexicon): Most frequent word first.
    RAISES (CmnerError): CM205 without gensim, CM222 if no word occurs `min_count` times.
    """
    vectors = train_skipgram(
        sentences,
        dim=dim,
        window=window,
        min_count=min_count,
        epochs=epochs,
        seed=seed,
        progress=progress,
    )
    return Lexicon(_take_dictionary_words(vectors))


def _take_dictionary_words(vectors: Vectors) -> Vectors:
    return vectors.take([row for row, word in enumerate(vectors.words) if is_dictionary_word(word)])


def import_lexicon(vectors: Vectors, texts: Iterable[str] = ()) -> Lexicon:
    """Take the words that belong into D from vectors that come without counts.

    vectors (Vectors): As `load_word2vec` gives them.
    texts (Iterable[str]): Where words are counted, also those inside of longer ones. A word counts
        one more than it occurs, so that none weighs nothing; without texts all weigh alike.
    RETURNS (Lexicon): Most frequent word first.
    RAISES (CmnerError): CM239 if no word belongs into D.
    """
    kept = _take_dictionary_words(vectors)
    if not len(kept):
        raise Messages.CM239.error(words=len(vectors))
    find = Automaton(kept.words)
    counts = np.ones(len(kept), dtype=np.int64)
    for text in texts:
        np.add.at(counts, find([text]).words, 1)
    counted = Vectors(kept.words, kept.vectors, counts)
    return Lexicon(counted.take(np.argsort(-counts, kind="stable")))
