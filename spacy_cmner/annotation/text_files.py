"""Text files, packed or not, of which no byte can end a run."""

import codecs
import gzip
import zlib
from pathlib import Path
from typing import Any, TextIO

from spacy_cmner.tokenizer import replace_surrogates

# What reading raises where a packed file is damaged or was cut.
BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)

_SURROGATES = "spacy_cmner.surrogates"


def open_text(path: Path, encoding: str, newline: str) -> TextIO:
    """Open for reading, a .gz file by gzip. Bytes that are not in the encoding become lone
    surrogates: see ``has_undecoded``."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rt", encoding=encoding, errors=_SURROGATES, newline=newline)


def position(stream: TextIO) -> int:
    """About how many bytes of the file have been read, packed as they are."""
    buffer: Any = stream.buffer
    return getattr(buffer, "fileobj", buffer).tell()


def has_undecoded(text: str) -> bool:
    """Whether there are lone surrogates, which are no characters."""
    return replace_surrogates(text) != text


def _as_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not in the encoding become lone surrogates: a bad record, not the end of the
    run. Python's ``surrogateescape`` does so with bytes above 127 only, which UTF-16 has not."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_SURROGATES, _as_surrogates)
