"""Saved components notice what has happened to their files.

A flipped bit in a weight or a term would change what is found without a word, so the folder of a
component holds the checksums of its files, as `sha256sum` writes them, and bytes hold one too.
Pipelines from before there were checksums have none, and are loaded without.
"""

import gc
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import srsly

from spacy_cmner.data.checksums import verify_checksums, write_checksums
from spacy_cmner.errors import DAMAGE, CmnerError, Messages

CHECKSUMS = "SHA256SUMS"


@contextmanager
def loading(place: object) -> Iterator[None]:
    """Turn what goes wrong while a component is loaded into a message that names its place.

    RAISES: CM421.
    """
    collects = gc.isenabled()
    try:
        yield
    except DAMAGE as error:
        reason = error if isinstance(error, CmnerError) else f"{type(error).__name__}: {error}"
        raise Messages.CM421.error(place=place, reason=reason) from error
    finally:
        if collects:
            gc.enable()  # srsly switches it off, and not on again where it fails


def seal_folder(folder: Path, names: Iterable[str]) -> None:
    """Write the checksums of those files that are there."""
    present = [name for name in names if (folder / name).is_file()]
    write_checksums(folder, present, folder / CHECKSUMS)


def check_folder(folder: Path) -> None:
    """RAISES: CM110 if a file has changed since, or is gone; CM111 for a damaged list."""
    if (folder / CHECKSUMS).is_file():
        verify_checksums(folder, folder / CHECKSUMS)


def seal(data: bytes) -> bytes:
    """Bytes with their checksum."""
    return srsly.msgpack_dumps({"data": data, "sha256": hashlib.sha256(data).digest()})


def unseal(sealed: bytes) -> bytes:
    """What was sealed; bytes without a seal come back as they are.

    RAISES (ValueError): They are damaged.
    """
    message = srsly.msgpack_loads(sealed)
    if not isinstance(message, dict) or message.keys() != {"data", "sha256"}:
        return sealed
    if hashlib.sha256(message["data"]).digest() != message["sha256"]:
        raise ValueError("the checksum does not match")
    return message["data"]
