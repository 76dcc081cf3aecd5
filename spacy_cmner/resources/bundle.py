"""The resources of characters and words that a model is built from, as one bundle.

Resources are needed once, at initialisation; a trained pipeline holds what it took from them.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from spacy_cmner.resources.components import ComponentTable
from spacy_cmner.resources.glyphs import GlyphTable
from spacy_cmner.resources.lexicon import Lexicon
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.resources.vectors import Vectors


class Resources:
    """Everything known about characters and words, each part read from its file when first used.

    glyphs, components, vectors, lexicon, bigrams (Optional[Path]): files written by
        `python -m spacy cmner resources`; None takes the file that ships.
    """

    def __init__(
        self,
        glyphs: Path | None = None,
        components: Path | None = None,
        vectors: Path | None = None,
        lexicon: Path | None = None,
        bigrams: Path | None = None,
    ) -> None:
        self._glyphs = glyphs
        self._components = components
        self._vectors = vectors
        self._lexicon = lexicon
        self._bigrams = bigrams

    @cached_property
    def glyphs(self) -> GlyphTable:
        """Images of each character in several fonts."""
        return GlyphTable.load(self._glyphs or shipped("glyphs"))

    @cached_property
    def components(self) -> ComponentTable:
        """The radical and the other parts of each character."""
        return ComponentTable.load(self._components or shipped("components"))

    @cached_property
    def vectors(self) -> Vectors:
        """Char2Vec: the pretrained vectors of characters."""
        return Vectors.load(self._vectors or shipped("char_vectors"))

    @cached_property
    def lexicon(self) -> Lexicon:
        """The domain words with their counts and vectors."""
        return Lexicon.load(self._lexicon or shipped("lexicon"))

    @cached_property
    def bigrams(self) -> Vectors:
        """Pretrained vectors of two characters in a row."""
        return Vectors.load(self._bigrams or shipped("bigram_vectors"))


def create_resources(
    glyphs: Path | None = None,
    components: Path | None = None,
    vectors: Path | None = None,
    lexicon: Path | None = None,
    bigrams: Path | None = None,
) -> Callable[[], Resources]:
    """Registered as `spacy-cmner.resources.v1`, for ``[initialize.components.cmner.resources]``.

    See ``Resources``. RETURNS (Callable): makes the bundle when called; no file is read before a
    model takes something from it.
    """

    def load() -> Resources:
        return Resources(glyphs, components, vectors, lexicon, bigrams)

    return load
