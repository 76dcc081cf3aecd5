"""Vector files in the formats of the word2vec tool: text, with or without a header, and binary.

Published Chinese vectors (gigaword_chn.all.a2b.uni.ite50.vec, ctb.50d.vec, sgns.*, *.bin) come in
these formats, often from mirrors that cut them short, so every fault is named with its place.
"""

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from spacy_cmner.errors import Messages
from spacy_cmner.resources.vectors import Vectors

_FLOAT = np.dtype("<f4")
_HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})\s*")
_NUMBERS = re.compile(rb"[-+.eEnaif\d\s]+")
_MAX_WORD_BYTES = 1024


def load_word2vec(path: Path, max_words: int | None = None) -> Vectors:
    """Read a vector file; whether it is gzipped, binary or has a header is seen from its content.

    path (Path): A text file with a word and its values in each line, blanks or tabs between them,
        after an optional line with the number of words and the width; or a binary file of the
        word2vec tool.
    max_words (int | None): Stop after that many rows: such files begin with the frequent words.
    RETURNS (Vectors): Without counts. Of a word given twice, the first vector.
    RAISES (CmnerError): CM230 for a file without vectors, CM231 for one cut short, CM232 for a row
        of another width, CM224 for text that is not UTF-8, CM234 for values that are not finite
        numbers, CM235 for a header that promises fewer rows than there are, CM236 for a binary row
        that begins with no word.
    """
    data = bytearray()
    words: dict[str, None] = {}
    try:
        with _open(path) as file:
            dim, rows = _find_rows(path, file)
            for n_rows, (word, row) in enumerate(rows, start=1):
                if word not in words:
                    words[word] = None
                    data += row
                if n_rows == max_words:
                    break
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Messages.CM231.error(path=path, place=f"the gzip stream: {error}") from error
    vectors = np.frombuffer(data, dtype=_FLOAT).reshape(-1, dim).astype(np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        word = list(words)[int(np.argmin(finite))]
        raise Messages.CM234.error(path=path, place=f"the word {word!r}", problem="nan or inf")
    return Vectors(tuple(words), vectors)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if is_gzip else path.open("rb")


def _find_rows(path: Path, file: BinaryIO) -> tuple[int, Iterator[tuple[str, bytes]]]:
    """Find the width of the vectors and how to read the rows."""
    first = file.readline().removeprefix(BOM_UTF8)
    header = _HEADER.fullmatch(first)
    n_rows, dim = map(int, header.groups()) if header else (None, len(first.split()) - 1)
    if dim < 1 or n_rows == 0:
        raise Messages.CM230.error(path=path)
    if n_rows is None:
        file.seek(0)
        return dim, _text_rows(path, file, dim, n_rows=None)
    start = file.tell()
    ahead = file.read(_MAX_WORD_BYTES + _FLOAT.itemsize * dim).replace(b"\t", b" ")
    file.seek(start)
    values = ahead.partition(b" ")[2][: _FLOAT.itemsize * dim]
    if b"\0" not in values and _NUMBERS.fullmatch(values.partition(b"\n")[0]):
        return dim, _text_rows(path, file, dim, n_rows)
    return dim, _binary_rows(path, file, dim, n_rows)


def _text_rows(
    path: Path, file: BinaryIO, dim: int, n_rows: int | None
) -> Iterator[tuple[str, bytes]]:
    n_read = 0
    for number, line in enumerate(file, start=1 if n_rows is None else 2):
        if not line.strip():
            continue
        try:
            word, *values = line.decode("utf8").strip(" \t\r\n\ufeff").replace("\t", " ").split(" ")
        except UnicodeDecodeError as error:
            raise Messages.CM224.error(path=path, line=number, problem=error) from error
        if len(values) < dim and not line.endswith(b"\n"):
            raise Messages.CM231.error(path=path, place=f"line {number}")
        if len(values) != dim:
            raise Messages.CM232.error(path=path, line=number, found=len(values), dim=dim)
        if n_read == n_rows:
            raise Messages.CM235.error(path=path, rows=n_rows, place=f"line {number - 1}")
        try:
            yield word, np.array(values, dtype=_FLOAT).tobytes()
        except ValueError as error:
            raise Messages.CM234.error(path=path, place=f"line {number}", problem=error) from error
        n_read += 1
    if n_rows is not None and n_read < n_rows:
        raise Messages.CM231.error(path=path, place=f"row {n_read} of {n_rows}")


def _binary_rows(path: Path, file: BinaryIO, dim: int, n_rows: int) -> Iterator[tuple[str, bytes]]:
    for number in range(1, n_rows + 1):
        word = bytearray()
        while (byte := file.read(1)) not in (b" ", b"") and len(word) < _MAX_WORD_BYTES:
            word += byte
        row = file.read(_FLOAT.itemsize * dim)
        if len(row) < _FLOAT.itemsize * dim:
            raise Messages.CM231.error(path=path, place=f"row {number} of {n_rows}")
        try:
            yield word.lstrip(b"\n").decode("utf8"), row  # the C tool ends each row with \n
        except UnicodeDecodeError as error:
            raise Messages.CM236.error(path=path, row=number, dim=dim, problem=error) from error
    if file.read().strip():
        raise Messages.CM235.error(path=path, rows=n_rows, place="the last of them")
