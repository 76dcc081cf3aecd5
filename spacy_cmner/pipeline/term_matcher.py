"""Typed terms found in the characters of a text."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from threading import RLock
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spacy_cmner.automaton import Automaton, Ints, Matches
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.pipeline.boundaries import FindBoundaries
from spacy_cmner.pipeline.folding import Folding
from spacy_cmner.pipeline.garbage import no_collection
from spacy_cmner.tokenizer import replace_surrogates
from spacy_cmner.types import CharSpan

MATCH_MODES = ("longest", "all")

Bools = npt.NDArray[np.bool_]

# A term, a label and perhaps a code.
Entry: TypeAlias = tuple[str, str] | tuple[str, str, str]


class Index(NamedTuple):
    """What a search needs of the terms, and never changes.

    labels (List[Tuple[str, ...]]): (V,) those of each of the automaton's words.
    """

    automaton: Automaton
    labels: list[tuple[str, ...]]


class TermMatcher:
    """Finds terms; they can be added and removed at any time, while other threads search, too: a
    search has all that a call has changed, or nothing of it.

    match (str): "longest" finds terms that do not overlap, longer ones before shorter ones and
        then from left to right; "all" finds every term everywhere.
    fold_width, fold_case (bool): what ``Folding`` makes equal in terms and texts.
    whole_words (bool): a term with a Latin letter or a digit at its edge is not found where
        another one follows there: no CT in ACTH, no 维生素B in 维生素B12.
    boundaries (Optional[FindBoundaries]): terms are found only between word boundaries.
    RAISES: CM413 for another way to match.
    """

    def __init__(
        self,
        *,
        match: str = "longest",
        fold_width: bool = True,
        fold_case: bool = True,
        whole_words: bool = True,
        boundaries: FindBoundaries | None = None,
    ) -> None:
        _check_match(match)
        self.match = match
        self.whole_words = whole_words
        self.boundaries = boundaries
        self._folding = Folding(fold_width, fold_case)
        # Folded term → the term as it was first given, and its labels in the order given.
        self._terms: dict[str, tuple[str, list[str]]] = {}
        # By folded term and label, of those that have one.
        self._codes: dict[tuple[str, str], str] = {}
        self._stop_terms: dict[str, str] = {}
        self._index: Index | None = None  # until the next search
        self._lock = RLock()  # held to change the terms, and to read all of them

    def __len__(self) -> int:
        """The number of terms."""
        return len(self._terms)

    def __iter__(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The terms with their labels."""
        with self._lock:
            terms = [(term, tuple(labels)) for term, labels in self._terms.values()]
        yield from terms

    @property
    def stop_terms(self) -> list[str]:
        """The terms that are never found."""
        return list(self._stop_terms.values())

    @property
    def has_codes(self) -> bool:
        """Whether any term has a code."""
        return bool(self._codes)

    def code(self, term: str, label: str) -> str:
        """The code of a term for a label; empty where there is none."""
        return self._codes.get((self.fold(term), label), "")

    def add(self, terms: Iterable[Entry]) -> int:
        """Add terms, each with a label and perhaps a code, where an empty one is none. Of two codes
        for one term and label the first stays, with a warning (CM438).

        RETURNS (int): how many of them were new.
        RAISES: CM414 for a term that is not text or empty, CM403 for such a label, CM420 for a code
            that is not text and for what is no such entry; no term is added then.
        """
        with no_collection():
            checked = [
                (self._check(term), _check_label(label), _check_code(*code))
                for term, label, *code in _entries(terms)
            ]
        added = 0
        refused: list[str] = []
        with self._lock, no_collection():
            self._index = None
            for term, label, code in checked:
                key = self.fold(term)
                _, labels = self._terms.setdefault(key, (term, []))
                if label not in labels:
                    labels.append(label)
                    added += 1
                if code:
                    kept = self._codes.setdefault((key, label), code)
                    if kept != code:
                        refused.append(f"{term}, {label}: {kept}, not {code}")
        if refused:
            message = Messages.CM438.format(n=len(refused), examples="; ".join(refused[:5]))
            warnings.warn(message, CmnerWarning, stacklevel=2)
        return added

    def remove(self, terms: Iterable[str], label: str | None = None) -> int:
        """Remove terms.

        label (Optional[str]): remove only this type of theirs.
        RETURNS (int): how many pairs of term and label were removed.
        RAISES: CM414, as ``add``; CM420 for a string in the place of several.
        """
        removed = 0
        keys = self._keys(terms)
        with self._lock:
            self._index = None
            for key in keys:
                term, labels = self._terms.pop(key, (key, []))
                kept = [] if label is None else [other for other in labels if other != label]
                removed += len(labels) - len(kept)
                for other in set(labels).difference(kept):
                    self._codes.pop((key, other), None)
                if kept:
                    self._terms[key] = (term, kept)
        return removed

    def stop(self, terms: Iterable[str]) -> None:
        """Never find these terms, whether or not they are in a list.

        RAISES: CM414, as ``add``; CM420 for a string in the place of several.
        """
        keys = self._keys(terms)
        with self._lock:
            self._index = None
            self._stop_terms.update(keys)

    def unstop(self, terms: Iterable[str]) -> None:
        """Find these terms again. RAISES: as ``stop``."""
        keys = self._keys(terms)
        with self._lock:
            self._index = None
            for key in keys:
                self._stop_terms.pop(key, None)

    def replace(self, terms: Iterable[Entry], stop_terms: Iterable[str] = ()) -> None:
        """Have these terms and stop terms instead; if one is refused, all stay as they are.

        RAISES: as ``add`` and ``stop``.
        """
        new = copy(self)
        for held in (new._terms, new._codes, new._stop_terms):
            held.clear()
        new.add(terms)
        new.stop(stop_terms)
        with self._lock:
            self._index = None
            self._terms, self._codes, self._stop_terms = new._terms, new._codes, new._stop_terms

    def clear(self) -> None:
        """Forget all terms and stop terms."""
        self.replace(())

    def fold(self, text: str) -> str:
        """A text as it is compared; its length stays the same."""
        return replace_surrogates(text).translate(self._folding)

    def __call__(self, text: str) -> list[CharSpan]:
        """The terms in a text, one span for each of their labels, in the order of the text."""
        return self.find([text])[0]

    def find(self, texts: Sequence[str]) -> list[list[CharSpan]]:
        """The terms in each of several texts: far faster than one by one.

        RAISES: CM413 if ``match`` has been changed to what is no way to match.
        """
        _check_match(self.match)  # anyone may have changed it
        automaton, labels = self._index or self._build()
        folded = [self.fold(text) for text in texts]
        origins = np.cumsum([0, *map(len, texts)])
        matches = automaton(folded)
        matches = _take(matches, np.lexsort((-matches.ends, matches.starts)))
        owners = np.searchsorted(origins, matches.starts, side="right") - 1
        kept = np.flatnonzero(self._accept(texts, folded, matches, owners))
        if self.match == "longest":
            kept = np.sort(kept[_longest(_take(matches, kept), int(origins[-1]))])
        matches, owners = _take(matches, kept), owners[kept]
        columns = owners, matches.words, *(matches[1:] - origins[owners])
        found: list[list[CharSpan]] = [[] for _ in texts]
        for owner, word, start, end in zip(*(column.tolist() for column in columns), strict=True):
            found[owner] += [CharSpan(start, end, label) for label in labels[word]]
        return found

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            held = {name: dict(getattr(self, name)) for name in ("_terms", "_codes", "_stop_terms")}
        return {**self.__dict__, **held, "_index": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=RLock())

    def _build(self) -> Index:
        with self._lock, no_collection():
            if self._index is None:
                terms = [term for term in self._terms if term not in self._stop_terms]
                labels = [tuple(self._terms[term][1]) for term in terms]
                self._index = Index(Automaton(terms), labels)
            return self._index

    def _accept(
        self, texts: Sequence[str], folded: Sequence[str], matches: Matches, owners: Ints
    ) -> Bools:
        """Which matches may stand where they do. owners (Ints): (M,) the numbers of their texts."""
        accepted = np.ones(len(matches.words), dtype=np.bool_)
        # A text has one more place for a boundary than it has characters.
        before, behind = matches.starts + owners, matches.ends + owners
        if self.whole_words and accepted.any():
            latin = _latin_or_digit("\0".join(folded))
            for places in (before, behind):
                accepted &= ~(latin[places] & latin[places + 1])
        if self.boundaries is not None and accepted.any():
            needed = set(owners[accepted].tolist())
            boundaries = np.concatenate(
                [
                    self.boundaries(text) if number in needed else np.zeros(len(text) + 1, np.bool_)
                    for number, text in enumerate(texts)
                ]
            )
            accepted &= boundaries[before] & boundaries[behind]
        return accepted

    def _keys(self, terms: Iterable[str]) -> dict[str, str]:
        """Folded term → the term as given, without blanks at its edges."""
        return {self.fold(term): term for term in map(self._check, _several(terms))}

    @staticmethod
    def _check(term: str) -> str:
        if not isinstance(term, str) or not term.strip():
            raise Messages.CM414.error(value=term)
        return replace_surrogates(term.strip())


def _check_match(match: str) -> None:
    if match not in MATCH_MODES:
        raise Messages.CM413.error(value=match, allowed=", ".join(MATCH_MODES))


def _several(terms: Iterable[str]) -> Iterable[str]:
    if isinstance(terms, str):  # else each of its characters is one
        raise Messages.CM420.error(
            value=terms, expected="a list of terms: put a single one into one"
        )
    return terms


def _entries(terms: Iterable[Entry]) -> Iterator[Entry]:
    for entry in terms:
        if isinstance(entry, str) or not isinstance(entry, Sequence) or len(entry) not in (2, 3):
            expected = "a pair: give each term with its label, and with a code if it has one"
            raise Messages.CM420.error(value=entry, expected=expected)
        yield entry


def _check_label(label: str) -> str:
    if not isinstance(label, str) or not label.strip():
        raise Messages.CM403.error(value=label)
    return replace_surrogates(label.strip())


def _check_code(code: str = "") -> str:
    if not isinstance(code, str):
        raise Messages.CM420.error(value=code, expected="a code: give a string")
    return replace_surrogates(code.strip())


def _take(matches: Matches, rows: Bools | Ints) -> Matches:
    return Matches(*(column[rows] for column in matches))


def _latin_or_digit(text: str) -> Bools:
    """(length + 2,) whether a character is an ASCII letter or digit; nothing lies around them."""
    codes = np.frombuffer(f"\0{text}\0".encode("utf-32-le"), dtype="<u4")
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    lower = codes | 0x20
    return digit | ((lower >= ord("a")) & (lower <= ord("z")))


def _longest(matches: Matches, length: int) -> Ints:
    """The matches that stay if the longest are taken first. As none placed is shorter than the
    next one, that one is free if both of its ends are."""
    sizes = matches.ends - matches.starts
    order = np.lexsort((matches.starts, -sizes))
    starts, ends = matches.starts.tolist(), matches.ends.tolist()
    taken = bytearray(length)
    kept = []
    for match in order.tolist():
        start, end = starts[match], ends[match]
        if not (taken[start] or taken[end - 1]):
            taken[start:end] = b"\1" * (end - start)
            kept.append(match)
    return np.array(kept, dtype=np.int64)
