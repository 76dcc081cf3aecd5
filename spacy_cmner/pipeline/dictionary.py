"""Term lists as a spaCy component: ``nlp.add_pipe("cmner_dictionary")``."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import SimpleFrozenList, ensure_path
from thinc.api import Config

from spacy_cmner.data.files import read_json_list
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.pipeline.annotate import ENTS, Alignment
from spacy_cmner.pipeline.boundaries import FindBoundaries
from spacy_cmner.pipeline.entity_data import Identity, identity
from spacy_cmner.pipeline.ruler import Ruler
from spacy_cmner.pipeline.saving import check_folder, loading, seal, seal_folder, unseal
from spacy_cmner.pipeline.term_lists import read_terms, write_terms
from spacy_cmner.pipeline.term_matcher import Entry, TermMatcher
from spacy_cmner.tokenizer import read_text, read_texts
from spacy_cmner.types import CharSpan

TERMS, STOP_TERMS = "terms.jsonl", "stop_terms.json"

DEFAULT_CONFIG = """
[dictionary]
match = "longest"
target = "ents"
overwrite = false
fold_width = true
fold_case = true
whole_words = true
boundaries = null
alignment_mode = "strict"
source = "dictionary"
"""

DEFAULTS = Config().from_str(DEFAULT_CONFIG)["dictionary"]


@Language.factory(
    "cmner_dictionary",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config=DEFAULTS,
)
def make_cmner_dictionary(
    nlp: Language,
    name: str,
    match: str,
    target: str,
    overwrite: bool,
    fold_width: bool,
    fold_case: bool,
    whole_words: bool,
    boundaries: FindBoundaries | None,
    alignment_mode: str,
    source: str,
) -> "Dictionary":
    """Construct the dictionary; see ``Dictionary``."""
    matcher = TermMatcher(
        match=match,
        fold_width=fold_width,
        fold_case=fold_case,
        whole_words=whole_words,
        boundaries=boundaries,
    )
    return Dictionary(
        matcher,
        name,
        target=target,
        overwrite=overwrite,
        alignment_mode=alignment_mode,
        source=source,
    )


class Dictionary(Ruler):
    """Finds the terms of typed lists.

    Before the recogniser, its entities are constraints that the recogniser keeps to; after it,
    they fill in what the recogniser left out, or go to a span group that ``cmner_merge`` weighs
    against it. Where a term has several types, ``doc.ents`` gets the one that was added first and
    a span group gets them all. The code of a term is the ``span.kb_id_`` of what it finds; an
    entity that was there before gets it, too, unless it has another.

    Without terms it warns (CM437), once, when it is to find some.

    matcher (TermMatcher): the terms and how they are matched.
    name (str): the component's name.
    target, overwrite, alignment_mode, source: see ``Ruler``.
    RAISES: CM401 for another alignment mode.
    """

    def __init__(
        self,
        matcher: TermMatcher,
        name: str = "cmner_dictionary",
        *,
        target: str = "ents",
        overwrite: bool = False,
        alignment_mode: str = "strict",
        source: str = "dictionary",
    ) -> None:
        super().__init__(
            name,
            target=target,
            overwrite=overwrite,
            alignment_mode=alignment_mode,
            source=source,
        )
        self.matcher = matcher
        self._has_warned = False

    def __len__(self) -> int:
        """The number of terms."""
        return len(self.matcher)

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of the terms."""
        return tuple(sorted({label for _, labels in self.matcher for label in labels}))

    def add_terms(self, terms: Iterable[Entry]) -> int:
        """Add terms, each with a type and perhaps a code, such as ``read_terms`` gives.

        terms (Iterable[Entry]): ``(term, type)`` or ``(term, type, code)``. A term that has a code
            for a type already keeps it, with a warning (CM438).
        RETURNS (int): how many were new.
        RAISES: CM414 for a term that is not text or empty, CM403 for such a type, CM420 for what is
            no such tuple.
        """
        return self.matcher.add(terms)

    def remove_terms(self, terms: Iterable[str], label: str | None = None) -> int:
        """Remove terms, or only one type of theirs.

        RETURNS (int): how many pairs of term and type were removed.
        RAISES: CM414 as ``add_terms``, CM420 for a string in the place of several.
        """
        return self.matcher.remove(terms, label)

    def add_stop_terms(self, terms: Iterable[str]) -> None:
        """Never find these terms, though they are in a list. RAISES: as ``remove_terms``."""
        self.matcher.stop(terms)

    def remove_stop_terms(self, terms: Iterable[str]) -> None:
        """Find these terms again. RAISES: as ``remove_terms``."""
        self.matcher.unstop(terms)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        terms: Sequence[Entry] = (),
        from_lists: Sequence[str | Path] = (),
        stop_terms: Sequence[str] = (),
        encoding: str = "utf-8",
    ) -> None:
        """Take the terms from ``[initialize.components.cmner_dictionary]`` instead of those it has.

        get_examples (Callable): not used: nothing is learnt.
        nlp (Optional[Language]): not used.
        terms (Sequence[Entry]): as for ``add_terms``, for example from
            ``{"@readers": "spacy-cmner.read_terms.v1", "path": "drugs.csv"}``.
        from_lists (Sequence[Path]): further term lists, see ``pipeline.term_lists``.
        stop_terms (Sequence[str]): terms that are never found.
        encoding (str): that of the lists in ``from_lists``.
        RAISES: as ``read_terms`` and ``add_terms``; CM420 for a path in the place of several.
        """
        if isinstance(from_lists, str | Path):  # else each of its characters is one
            expected = "a list of paths: put a single one into one"
            raise Messages.CM420.error(value=str(from_lists), expected=expected)
        listed = [term for path in from_lists for term in read_terms(path, encoding=encoding)]
        self.matcher.replace([*terms, *listed], stop_terms)

    def find(self, docs: Sequence[Doc]) -> list[list[CharSpan]]:
        """The terms in the texts of the documents."""
        if not (self.matcher or self._has_warned):
            self._has_warned = True
            warnings.warn(Messages.CM437.format(name=self.name), CmnerWarning, stacklevel=2)
        return self.matcher.find(read_texts(docs))

    def write(self, doc: Doc, found: list[CharSpan]) -> None:
        """Annotate a document with the terms found in it, and with their codes."""
        super().write(doc, found)
        if not (found and self.matcher.has_codes):
            return
        codes = self._find_codes(doc, found)
        for i, span in enumerate(doc.ents if self.target == ENTS else doc.spans[self.target]):
            code = codes.get(identity(span))
            if not code or span.kb_id:
                continue
            if self.target == ENTS:
                for token in span:  # of which doc.ents makes its spans anew
                    token.ent_kb_id_ = code
            else:
                span.kb_id_ = code
                doc.spans[self.target][i] = span  # which was a copy

    def _find_codes(self, doc: Doc, found: list[CharSpan]) -> dict[Identity, str]:
        text = read_text(doc)
        spans, dropped = Alignment(self.alignment_mode).align(doc, found)
        codes: dict[Identity, str] = {}
        lost = set(dropped)
        for span, term in zip(spans, (term for term in found if term not in lost), strict=True):
            if code := self.matcher.code(text[term.start : term.end], term.label):
                codes.setdefault(identity(span), code)
        return codes

    def to_bytes(self, *, exclude: Iterable[str] = SimpleFrozenList()) -> bytes:
        """The terms, codes and stop terms, with a checksum. All else is in the config."""
        terms = list(self.matcher)
        codes = [
            (term, label, code)
            for term, labels in terms
            for label in labels
            if (code := self.matcher.code(term, label))
        ]
        return seal(
            srsly.msgpack_dumps(
                {
                    "terms": terms,
                    "codes": codes,
                    "stop_terms": self.matcher.stop_terms,
                }
            )
        )

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "Dictionary":
        """Take the terms and stop terms of ``to_bytes`` instead of those it has.

        RAISES: CM421 if they are damaged.
        """
        with loading(f"The saved component '{self.name}'"):
            data: dict[str, Any] = srsly.msgpack_loads(unseal(bytes_data))
            terms = [(term, label) for term, labels in data["terms"] for label in labels]
            codes = data.get("codes", ())  # older ones have none
            self.matcher.replace([*terms, *codes], data["stop_terms"])
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()) -> None:
        """Write ``terms.jsonl``, itself a term list, ``stop_terms.json`` and the checksums of both
        to a folder."""
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        write_terms(folder / TERMS, self.matcher, self.matcher.code)
        srsly.write_json(folder / STOP_TERMS, self.matcher.stop_terms)
        seal_folder(folder, (TERMS, STOP_TERMS))

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "Dictionary":
        """Take the terms and stop terms of ``to_disk`` instead of those it has.

        RAISES: CM421 if a file is missing or damaged.
        """
        folder = ensure_path(path)
        with loading(folder):
            check_folder(folder)
            stop_terms = read_json_list(folder / STOP_TERMS)
            self.matcher.replace(read_terms(folder / TERMS), stop_terms)
        return self
