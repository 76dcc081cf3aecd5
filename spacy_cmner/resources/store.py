"""One file format for every resource: arrays and where they came from.

Resource files are shipped, checked into releases and compared by checksum, so the same content
always gives the same bytes. A file is an ordinary `.npz` (`numpy.load` opens it) with one more
member, `metadata.json`; nothing in it is pickled.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spacy_cmner.data.files import replacing
from spacy_cmner.errors import DAMAGE, Messages

FORMAT_VERSION = 1
METADATA = "metadata.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can name


def save(
    path: Path | str,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any] | None = None,
    *,
    compression: int = zipfile.ZIP_DEFLATED,
) -> None:
    """Write a resource file; the same content gives the same bytes.

    path (Path | str): where to write; missing folders are made, an existing file is replaced.
    kind (str): what the file holds, for example "glyphs"; `load` asks for it again.
    arrays (Mapping[str, ndarray]): the content, by name; no object arrays.
    metadata (Mapping[str, Any] | None): anything JSON can say of it: source, command, licence.
    compression (int): a method of `zipfile`; `ZIP_LZMA` takes longer and makes smaller files.
    """
    path = Path(path)
    header = {"format": kind, "version": FORMAT_VERSION, **(metadata or {})}
    with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        text = json.dumps(header, ensure_ascii=False, indent=1, sort_keys=True)
        archive.writestr(_entry(METADATA, compression), text.encode("utf8"), compresslevel=9)
        for name in sorted(arrays):
            with archive.open(_entry(f"{name}.npy", compression), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)


def load(
    path: Path | str, kind: str, names: Sequence[str] = ()
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a resource file that `save` wrote.

    path (Path | str): the file.
    kind (str): the kind it must hold.
    names (Sequence[str]): arrays that it must have.
    RETURNS (tuple[dict[str, ndarray], dict[str, Any]]): the arrays by name, and the metadata.
    RAISES (CmnerError): CM201 for no file, CM202 for a truncated or foreign one, or one without
        these arrays, CM203 for another kind, CM204 for a format of a later release.
    """
    path = Path(path)
    if not path.is_file():
        raise Messages.CM201.error(path=path, kind=kind)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            metadata = json.loads(archive[METADATA])
            arrays = {name: archive[name] for name in archive.files if name != METADATA}
            found, version = metadata["format"], metadata["version"]
    except DAMAGE as error:
        raise Messages.CM202.error(path=path, kind=kind, reason=error) from error
    if found != kind:
        raise Messages.CM203.error(path=path, kind=kind, found=found)
    if version != FORMAT_VERSION:
        raise Messages.CM204.error(path=path, version=version, supported=FORMAT_VERSION)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise Messages.CM202.error(path=path, kind=kind, reason=f"it has no {', '.join(missing)}")
    return arrays, metadata


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.compress_type = compression
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = 0o644 << 16
    return entry
