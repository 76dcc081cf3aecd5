"""The resource files that come with the package, ready made."""

from importlib.resources import files
from pathlib import Path

SHIPPED = {
    "glyphs": "glyphs.npz",
    "components": "components.npz",
    "char_vectors": "char_vectors.npz",
    "bigram_vectors": "bigram_vectors.npz",
    "lexicon": "lexicon.npz",
    "terms": "thuocl_medical.txt",
    "charset": "charset.txt",
    "fonts": "fonts.json",
    "licences": "licences",
    "triggers": "triggers.jsonl",
}


def shipped(name: str) -> Path:
    """The path of a shipped resource.

    name (str): a key of `SHIPPED`.
    RETURNS (Path): the file, or folder, in the installed package.
    """
    return Path(str(files("spacy_cmner"))) / "assets" / SHIPPED[name]
