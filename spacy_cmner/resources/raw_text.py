"""Raw text files as sentences of characters, of character bigrams or of words.

Texts gathered from many places hold more than prose: table rows, dumped records, dialogue tags. A
line is therefore cut into runs wherever two or more structural marks follow each other (`', '`,
`]}`, `>: `) or a control character or an escaped line break stands; a run without a Chinese
character is dropped. Single marks are left alone, so prose keeps its commas and colons.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from spacy_cmner.errors import Messages

_STRUCTURE = re.compile(
    r"""(?: \\[nrt]                         # an escaped line break or tab
          | [\s'"\[\]{}<>,:;|\\_]{2,}       # two or more structural marks
          | [^\S ]                          # white space other than the blank
          | [\x00-\x1f\x7f\ufeff]           # control characters and the byte order mark
        )+""",
    re.VERBOSE,
)
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]")


def text_files(paths: Sequence[Path]) -> list[Path]:
    """List the given files and, in sorted order, every .txt file below the given folders.

    RAISES (CmnerError): CM223 if there is none.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not found:
        raise Messages.CM223.error(paths=", ".join(map(str, paths)))
    return found


def stream_lines(paths: Sequence[Path], progress: str | None = None) -> Iterator[str]:
    """Read UTF-8 lines of files and folders; a byte order mark at the start of a file is no text.

    progress (str | None): The label of a progress bar over bytes; None shows none.
    RAISES (CmnerError): CM223 if no file is found, CM224 for a line that is not UTF-8.
    """
    files = text_files(paths)
    n_bytes = sum(path.stat().st_size for path in files)
    with tqdm(
        total=n_bytes, desc=progress, unit="B", unit_scale=True, disable=progress is None
    ) as bar:
        for path in files:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    text = line.removeprefix(BOM_UTF8) if number == 1 else line
                    try:
                        yield text.decode("utf8")
                    except UnicodeDecodeError as error:
                        raise Messages.CM224.error(path=path, line=number, problem=error) from error
                    bar.update(len(line))


def split_runs(line: str) -> Iterator[str]:
    """Cut a line into its runs of Chinese text (see the top of the module)."""
    for run in _STRUCTURE.split(line):
        if _CHINESE.search(run):
            yield run.strip()


def characters(line: str) -> Iterator[str]:
    """One sentence of characters per run: a string is a sequence of its characters."""
    return split_runs(line)


def bigrams(line: str) -> Iterator[list[str]]:
    """One sentence of overlapping character bigrams per run."""
    for run in split_runs(line):
        yield [run[start : start + 2] for start in range(len(run) - 1)]


def words(line: str) -> Iterator[list[str]]:
    """One sentence per line of segmented text: words with blanks between them."""
    yield line.split()


@dataclass(frozen=True)
class Sentences:
    """The sentences of text files, read from disk on every pass, so that any size will do.

    paths (Sequence[Path]): UTF-8 text files and folders of .txt files, one paragraph a line.
    split (Callable[[str], Iterable[Sequence[str]]]): `characters`, `bigrams` or `words`.
    """

    paths: Sequence[Path]
    split: Callable[[str], Iterable[Sequence[str]]]

    def __iter__(self) -> Iterator[Sequence[str]]:
        for line in stream_lines(self.paths):
            yield from self.split(line)
