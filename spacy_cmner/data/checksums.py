"""Are the files of a folder those that an experiment was made with?

`spacy project assets` prints a wrong checksum, but ends without an error.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from spacy_cmner.data.files import read_lines, write_text
from spacy_cmner.errors import Messages

_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>.+)")


def verify_checksums(folder: Path, sums: Path) -> list[str]:
    """Compare files with the list that `sha256sum` writes.

    folder (Path): The folder that the list's names start from.
    sums (Path): The list.
    RETURNS (list[str]): The names, all found and unchanged.
    RAISES (CmnerError): A file is missing or differs, or the list cannot be read or is empty; it
        names all such files.
    """
    names: list[str] = []
    wrong = []
    for number, line in enumerate(read_lines(sums), start=1):
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Messages.CM111.error(path=sums, line=number)
        path = folder / match["name"]
        names.append(match["name"])
        if not path.is_file():
            wrong.append(f"{path} is missing")
        elif sha256(path) != match["digest"].lower():
            wrong.append(f"{path} is another file")
    if not names:
        raise Messages.CM117.error(path=sums)
    if wrong:
        raise Messages.CM110.error(path=sums, wrong="; ".join(wrong))
    return names


def write_checksums(folder: Path, names: Iterable[str], sums: Path) -> None:
    """Write the list that `verify_checksums` and `sha256sum --check` read.

    names (Iterable[str]): Files of the folder.
    """
    lines = (f"{sha256(folder / name)}  {name}\n" for name in names)
    write_text(sums, "".join(lines))


def sha256(path: Path) -> str:
    """The checksum of a file of any size, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
