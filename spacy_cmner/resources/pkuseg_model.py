"""pkuseg's `default` model, which PyPI has although nobody would look for it there.

spacy-pkuseg downloads its models from GitHub. The source distribution of the abandoned `pkuseg`
package contains one, so wherever pip works a model can be had. The package itself is never built.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, cast

from spacy_cmner.data.checksums import sha256
from spacy_cmner.errors import Messages
from spacy_cmner.resources.segment import import_pkuseg

SDIST = "pkuseg-0.0.25.tar.gz"
SHA256 = "dd012bf93689721c9574bc2b2ba98fb4ac22790cec0af354a78e217828b81e91"
MEMBERS = "pkuseg-0.0.25/pkuseg/models/default"


def default_model_dir() -> Path:
    """Where `load_segmenter` looks for the model: $PKUSEG_HOME/default or ~/.pkuseg/default."""
    return Path(import_pkuseg().config.pkuseg_home) / "default"


def unpack_pkuseg_model(target: Path | None = None, archive: Path | None = None) -> Path:
    """Fetch and unpack pkuseg's `default` model (about 170 MB).

    Its features come as a pickle, which can run any code: it is opened only if the archive has the
    known checksum, and written as msgpack, which needs no such trust.

    target (Path | None): The folder for the model; by default where `load_segmenter` looks.
    archive (Path | None): pkuseg-0.0.25.tar.gz, if it is there already; else pip downloads it.
    RETURNS (Path): The folder.
    RAISES (CmnerError): CM228 if pip cannot fetch it, CM229 for another archive, CM205 without
        spacy-pkuseg.
    """
    feature_extractor = import_pkuseg().FeatureExtractor
    target = target or default_model_dir()
    with tempfile.TemporaryDirectory() as folder:
        archive = archive or _download(Path(folder))
        if sha256(archive) != SHA256:
            raise Messages.CM229.error(path=archive, expected=SHA256)
        with tarfile.open(archive) as tar:
            for name in ("features.pkl", "weights.npz"):
                member = cast(IO[bytes], tar.extractfile(f"{MEMBERS}/{name}"))
                Path(folder, name).write_bytes(member.read())
        target.mkdir(parents=True, exist_ok=True)
        feature_extractor.load(folder).save(target)
        shutil.copyfile(Path(folder, "weights.npz"), target / "weights.npz")
    return target


def _download(folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"pkuseg==0.0.25 --hash=sha256:{SHA256}\n", encoding="utf8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--no-binary", ":all:", "--no-build-isolation"]  # asked for metadata, not built
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Messages.CM228.error(reason=result.stderr.strip() or f"pip exits {result.returncode}")
    return folder / SDIST
