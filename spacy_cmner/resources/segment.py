"""Word segmentation, needed only to build the domain lexicon.

The paper segments with pkuseg's `medicine` model. Its weights must be downloaded from GitHub by
the user; the weaker `default` model is part of pkuseg's source distribution on PyPI
(see `pkuseg_model`); jieba needs no model but knows the least of medicine. Terms the user
names are kept whole whatever the segmenter.

Luo et al. (2019), "PKUSEG: A Toolkit for Multi-Domain Chinese Word Segmentation".
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from spacy_cmner.data.files import replacing
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.resources.raw_text import split_runs, stream_lines

MIN_TERM_LENGTH = 3
PKUSEG_PREFERENCE = ("medicine", "default")


class TermSplitter:
    """Splits text at a user's terms, the longest term first from left to right.

    pkuseg has a user dictionary of its own, but it takes everything up to where the longest
    candidate fails: with the terms 急性 and 急性白血病 it cuts 急性白天 into 急性白 and 天.

    terms (Iterable[str]): Terms of three or more characters. Shorter ones are ignored, for they do
        more harm than good: 复发 would break 反复发作, and segmenters know most of them anyway.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self.terms = {term for term in terms if len(term) >= MIN_TERM_LENGTH}
        lengths: dict[str, set[int]] = {}
        for term in self.terms:
            lengths.setdefault(term[0], set()).add(len(term))
        self._lengths = {first: sorted(sizes, reverse=True) for first, sizes in lengths.items()}

    def __call__(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield the parts of the text, in order, each with whether it is a term."""
        rest = start = 0
        while start < len(text):
            length = self._term_length(text, start)
            if not length:
                start += 1
                continue
            if rest < start:
                yield text[rest:start], False
            yield text[start : start + length], True
            rest = start = start + length
        if rest < len(text):
            yield text[rest:], False

    def _term_length(self, text: str, start: int) -> int:
        for length in self._lengths.get(text[start], ()):
            if text[start : start + length] in self.terms:
                return length
        return 0


@dataclass(frozen=True)
class Segmenter:
    """Cuts text into words; `name` says by which tool and model."""

    name: str
    cut: Callable[[str], Iterable[str]]
    split_terms: TermSplitter

    def __call__(self, text: str) -> list[str]:
        """Cut a text into words without the white space between them."""
        words: list[str] = []
        for part, is_term in self.split_terms(text):
            words += [part] if is_term else [word for word in self.cut(part) if word.strip()]
        return words


def read_words(paths: Sequence[Path]) -> list[str]:
    """Read term lists: UTF-8, one term a line, in the first of the columns between tabs.

    RAISES (CmnerError): CM223 for a folder without any, CM224 for a line that is not UTF-8.
    """
    terms = [line.split("\t")[0].strip() for path in paths for line in stream_lines([path])]
    return list(dict.fromkeys(filter(None, terms)))


def load_segmenter(model_dir: Path | None = None, terms: Iterable[str] = ()) -> Segmenter:
    """Choose the best segmenter there is.

    With no folder named, pkuseg's home ($PKUSEG_HOME or ~/.pkuseg) is searched for its `medicine`
    and then its `default` model; with neither there, jieba is used and a warning says so.

    model_dir (Path | None): A folder with a pkuseg model.
    terms (Iterable[str]): Terms to keep whole.
    RAISES (CmnerError): CM225 if the folder holds no model, CM205 if a package is missing.
    """
    split_terms = TermSplitter(terms)
    home = import_pkuseg().config.pkuseg_home
    candidates = [model_dir] if model_dir else [Path(home, name) for name in PKUSEG_PREFERENCE]
    for candidate in candidates:
        if (candidate / "weights.npz").is_file():
            return Segmenter(f"pkuseg {candidate.name}", _load_pkuseg(candidate), split_terms)
    if model_dir:
        raise Messages.CM225.error(path=model_dir)
    warnings.warn(Messages.CM226.format(home=home), CmnerWarning, stacklevel=2)
    return Segmenter("jieba", load_jieba(), split_terms)


def import_pkuseg() -> ModuleType:
    """Import spacy-pkuseg, which only builders of resources have."""
    try:
        import spacy_pkuseg
    except ImportError as error:
        raise Messages.CM205.error(library="spacy-pkuseg", task="segment text") from error
    return spacy_pkuseg


def _load_pkuseg(model_dir: Path) -> Callable[[str], list[str]]:
    spacy_pkuseg = import_pkuseg()
    segmenter = spacy_pkuseg.pkuseg(model_name=str(model_dir.resolve()))
    words = model_dir / f"{model_dir.name}_dict.pkl"
    if words.is_file():  # pkuseg itself uses a model's own dictionary only after downloading it
        segmenter.postprocesser.other_words |= spacy_pkuseg.Postprocesser(
            None, [str(words)]
        ).other_words
    return segmenter.cut


def load_jieba() -> Callable[[str], list[str]]:
    """Load jieba, whose dictionary is part of it. RAISES: CM205 if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its source holds invalid escapes
            import jieba
    except ImportError as error:
        raise Messages.CM205.error(library="jieba", task="segment text") from error
    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer().lcut


def segment_files(
    paths: Sequence[Path], segmenter: Segmenter, target: Path, *, progress: bool = False
) -> None:
    """Write the runs of text files as lines of words with blanks between them.

    paths (Sequence[Path]): UTF-8 text files and folders of .txt files, one paragraph a line.
    segmenter (Segmenter): What cuts the runs into words.
    target (Path): The file to write.
    progress (bool): Show a progress bar on stderr.
    """
    with replacing(target) as draft, draft.open("w", encoding="utf8", newline="\n") as file:
        for line in stream_lines(paths, progress=segmenter.name if progress else None):
            for run in split_runs(line):
                file.write(" ".join(segmenter(run)) + "\n")
