"""Reading files so that what is wrong with them is said with their name, and writing them whole or
not at all."""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacy_cmner.errors import Messages

# A number of too many digits is no JSONDecodeError, and brackets may be nested too deeply.
UNREADABLE_JSON = (ValueError, RecursionError)


def check_other(source: Path, out: Path) -> None:
    """RAISES (CmnerError): To write `out` would destroy what is read: they are the same."""
    if source.resolve() == out.resolve():
        raise Messages.CM157.error(out=out, source=source)


def check_outputs(outs: Iterable[Path | None], reads: Iterable[Path | None]) -> None:
    """RAISES (CmnerError): To write one would destroy what is read, or what is written, too."""
    taken = [path for path in reads if path is not None]
    for out in outs:
        if out is not None:
            for path in taken:
                check_other(path, out)
            taken.append(out)


def check_ending(out: Path, ending: str) -> None:
    """RAISES (CmnerError): A file of this kind would not be found by its ending, or replaces one of
    another kind."""
    if out.suffix.lower() != ending:
        raise Messages.CM139.error(out=out, ending=ending)


def check_apart(source: Path, out: Path) -> None:
    """RAISES (CmnerError): As `check_other`, or one lies in the other, so that what is written
    would be read, or replace a part of it."""
    check_other(source, out)
    read, written = source.resolve(), out.resolve()
    if read in written.parents or written in read.parents:
        raise Messages.CM157.error(out=out, source=source)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what then takes the place of a file at once.

    Whoever is killed on the way, or finds the disk full, leaves the old file as it was. What is no
    file, such as a pipe, is written to itself. A folder can be written like this, too, where there
    is none yet.

    RAISES (OSError): With the file's own name, where the system says the draft's, or none, as when
        a disk is full.
    """
    target = path.resolve()  # a link goes on to lead where it led
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not (target.is_file() or target.is_dir()):
        yield target
        return
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        if error.filename in (None, str(draft)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, errors: str = "strict") -> None:
    """Write a whole file in UTF-8 with Unix's line ends, see `replacing`.

    errors (str): What becomes of lone surrogates, as in `str.encode`.
    """
    with replacing(path) as draft:
        draft.write_bytes(text.encode("utf-8", errors))


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a whole file as it is, its line ends and a byte order mark included.

    path (Path): The file.
    encoding (str): Its encoding.
    RAISES (CmnerError): It does not exist, or is not in that encoding.
    """
    try:
        return path.read_bytes().decode(encoding)
    except (FileNotFoundError, IsADirectoryError):
        raise Messages.CM101.error(path=path) from None
    except UnicodeDecodeError as error:
        raise Messages.CM102.error(path=path, encoding=encoding, offset=error.start) from None
    except LookupError:
        raise Messages.CM114.error(encoding=encoding) from None


def read_lines(path: Path, encoding: str = "utf-8") -> list[str]:
    """Read the lines of a file, whether their ends are Unix's or Windows'.

    Unlike `str.splitlines` this leaves U+2028 and its like inside a line, where they may be data.

    RAISES (CmnerError): As `read_text`.
    """
    lines = read_text(path, encoding).removeprefix("\ufeff").split("\n")
    return [line.removesuffix("\r") for line in lines]


def read_json(path: Path, encoding: str = "utf-8") -> Any:
    """Read a whole JSON file.

    RAISES (CmnerError): As `read_text`, or it is empty or not JSON.
    """
    text = read_text(path, encoding).removeprefix("\ufeff")
    if not text.strip():
        raise Messages.CM165.error(path=path)
    try:
        return json.loads(text)
    except UNREADABLE_JSON as error:
        raise Messages.CM103.error(path=path, problem=error) from None


def read_json_list(path: Path, encoding: str = "utf-8") -> list[Any]:
    """Read a JSON file that holds a list.

    RAISES (CmnerError): As `read_json`, or it holds something else.
    """
    content = read_json(path, encoding)
    if not isinstance(content, list):
        raise Messages.CM104.error(
            path=path,
            found=f"a JSON {type(content).__name__}",
            expected="a JSON list of records; one object a line has the format 'jsonl'",
        )
    return content


def check_writable(*outs: Path | None) -> None:
    """Look before long work whether its results can be written, as by `replacing`, which makes the
    folders that are missing. None is a result that is not asked for.

    RAISES (OSError): One is a folder, or lies below what is none or must not be written to.
    """
    for out in filter(None, outs):
        target = out.resolve()
        folder = next(path for path in target.parents if path.exists())
        is_device = target.exists() and not target.is_file()  # which is written to itself
        if target.is_dir():
            code = errno.EISDIR
        elif not folder.is_dir():
            code = errno.ENOTDIR
        elif not (is_device or os.access(folder, os.W_OK)):
            code = errno.EACCES
        else:
            continue
        raise OSError(code, os.strerror(code), str(out))
