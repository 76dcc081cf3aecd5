"""What a character looks like: grey images of it in several fonts.

Characters that share a part look alike and often mean alike; different fonts and scripts stress
different parts of a character. Building the images needs font files and Pillow; using a table
needs neither.

Reference: Meng et al. (2019), Glyce: Glyph-vectors for Chinese Character Representations.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn
from zipfile import ZIP_LZMA

import numpy as np

from spacy_cmner.errors import DAMAGE, CmnerError, CmnerWarning, Messages
from spacy_cmner.resources import store

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

KIND = "glyphs"
GREY_STEP = 17  # 255 / 15: sixteen grey levels, from 0 (paper) to 255 (ink)
EM = 23 / 24  # of the height of an image: leaves room for the soft edges of the ink
# Characters that fill their em square evenly: the middle of their ink is the middle of the em.
FULL_CHARACTERS = "国圆图团园围田目日回"


@dataclass(frozen=True)
class FontSpec:
    """One font, in one file or cut into many.

    name (str): the name in the table, for example "song".
    files (tuple[Path, ...]): TrueType, OpenType or WOFF2; for each character the first file that
        has it is used.
    index (int): the face in a collection (.ttc).
    origin (dict[str, str]): family, copyright, licence and source, for the metadata of a table.
    """

    name: str
    files: tuple[Path, ...]
    index: int = 0
    origin: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GlyphTable:
    """Images of characters in several fonts.

    On disk an image has four bits a pixel; in memory eight, with the same sixteen grey levels.

    chars (tuple[str, ...]): C characters.
    fonts (tuple[str, ...]): F font names.
    images (ndarray): (C, F, H, W) uint8, 0 for paper, 255 for ink.
    metadata (dict[str, Any]): where the images come from.
    """

    chars: tuple[str, ...]
    fonts: tuple[str, ...]
    images: np.ndarray
    metadata: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each character."""
        return {char: row for row, char in enumerate(self.chars)}

    def save(self, path: Path | str) -> None:
        """Write the table, rounded to sixteen grey levels; the same table gives the same bytes.

        path (Path | str): where to write.
        """
        arrays = {
            "chars": np.array([ord(char) for char in self.chars], dtype="<u4"),
            "fonts": np.array(self.fonts, dtype=np.str_),
            "shape": np.array(self.images.shape, dtype="<i8"),
            "images": _pack(self.images),
        }
        store.save(path, KIND, arrays, self.metadata, compression=ZIP_LZMA)

    @classmethod
    def load(cls, path: Path | str) -> "GlyphTable":
        """Read a table.

        path (Path | str): a file that `save` wrote.
        RETURNS (GlyphTable): the table.
        RAISES (CmnerError): CM201 to CM204, see `store.load`.
        """
        arrays, metadata = store.load(path, KIND, ("chars", "fonts", "images", "shape"))
        return cls(
            chars=tuple(map(chr, arrays["chars"].tolist())),
            fonts=tuple(arrays["fonts"].tolist()),
            images=_unpack(arrays["images"], tuple(arrays["shape"].tolist())),
            metadata=metadata,
        )


def read_font_specs(path: Path | str, font_dir: Path | str) -> list[FontSpec]:
    """Read a description of fonts, in the form of the shipped `fonts.json`.

    path (Path | str): a JSON list of objects with "name", "files" (names or glob patterns below
        `font_dir`), and optionally "index" and anything that says where the font is from.
    font_dir (Path | str): where the fonts were fetched to.
    RETURNS (list[FontSpec]): the fonts, in the order of the file.
    RAISES (CmnerError): CM206 for a pattern without a file, CM208 for a faulty description.
    """
    try:
        records = json.loads(Path(path).read_text(encoding="utf8"))
        return [_read_font_spec(record, Path(font_dir)) for record in records]
    except CmnerError:
        raise
    except DAMAGE as error:
        raise Messages.CM208.error(path=path, reason=repr(error)) from error


def render(
    chars: Iterable[str],
    fonts: Sequence[Path | str | FontSpec],
    *,
    size: int = 24,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> GlyphTable:
    """Draw characters in fonts.

    All characters of a font stand on one baseline, each in the middle of its advance width, in
    the em square as the font's designer drew it, 23/24 of the image in height. Ink that would
    leave the image (in handwriting) is moved inside, or made smaller when it is larger than the
    image; nothing is cut off.

    A character that a font lacks gets the image of the first font that has it, and one that no
    font has gets an empty image; a warning (CM209, CM210) tells how many and which.

    chars (Iterable[str]): the characters; repeated ones are drawn once.
    fonts (Sequence[Path | str | FontSpec]): the fonts; the first also stands in for the others.
    size (int): height and width of an image in pixels.
    progress (Callable[[Sequence[str]], Iterable[str]]): wraps the characters, to show progress.
    RETURNS (GlyphTable): the images.
    RAISES (CmnerError): CM205 without Pillow or fontTools, CM206 for a missing font file, CM207
        for an unreadable one, CM211 for no font, a name given twice or an impossible size.
    """
    chars = tuple(dict.fromkeys(chars))
    specs = [font if isinstance(font, FontSpec) else _spec_of_file(font) for font in fonts]
    names = tuple(spec.name for spec in specs)
    if not specs or len(set(names)) < len(names) or size < 4:
        raise Messages.CM211.error(names=", ".join(names) or "none", size=size)
    pens = [_Pen(spec, size) for spec in specs]

    images = np.zeros((len(chars), len(pens), size, size), dtype=np.uint8)
    lacking: dict[str, list[str]] = {name: [] for name in names}
    unknown: list[str] = []
    for row, char in enumerate(progress(chars)):
        able = [pen for pen in pens if pen.has(char)]
        if not able:
            unknown.append(char)
            continue
        fallback = able[0].draw(char)
        for column, pen in enumerate(pens):
            if pen is able[0] or not pen.has(char):
                images[row, column] = fallback
            else:
                images[row, column] = pen.draw(char)
            if not pen.has(char):
                lacking[pen.spec.name].append(char)

    for name, missing in lacking.items():
        if missing:
            text = Messages.CM209.format(
                font=name, count=len(missing), total=len(chars), examples=_examples(missing)
            )
            warn(text, CmnerWarning, stacklevel=2)
    if unknown:
        text = Messages.CM210.format(count=len(unknown), examples=_examples(unknown))
        warn(text, CmnerWarning, stacklevel=2)
    origin = {spec.name: spec.origin for spec in specs if spec.origin}
    return GlyphTable(chars, names, images, {"fonts": origin})


def contact_sheet(table: GlyphTable, chars: Iterable[str], *, scale: int = 2) -> "Image":
    """One picture of characters, a row each, in all fonts, a column each: for the eye to check.

    table (GlyphTable): the images.
    chars (Iterable[str]): which characters to show.
    scale (int): how many pixels a pixel of an image becomes in height and width.
    RETURNS (Image): black on white, with a grey line between the images.
    RAISES (CmnerError): CM205 without Pillow, CM212 for a character that the table lacks.
    """
    image_module = _require("PIL.Image", "draw a contact sheet")
    chars = list(chars)
    missing = [char for char in chars if char not in table.rows]
    if missing:
        raise Messages.CM212.error(examples=_examples(missing))
    images = table.images[[table.rows[char] for char in chars]]  # (n, F, H, W)
    images = 255 - images.repeat(scale, axis=2).repeat(scale, axis=3)
    framed = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=192)
    n, fonts, height, width = framed.shape
    return image_module.fromarray(
        framed.transpose(0, 2, 1, 3).reshape(n * height, fonts * width)  # (n·H, F·W)
    )


class _Pen:
    """Draws the characters of one font at one size."""

    def __init__(self, spec: FontSpec, size: int) -> None:
        self.spec = spec
        self.size = size
        self._image = _require("PIL.Image", "draw glyphs")
        self._draw = _require("PIL.ImageDraw", "draw glyphs")
        self._face_of: dict[int, FreeTypeFont] = {}
        for path in spec.files:
            face = _open_face(path, spec.index, size * EM)
            for code in _code_points(path, spec.index):
                self._face_of.setdefault(code, face)
        self._baseline = self._find_baseline()

    def has(self, char: str) -> bool:
        return ord(char) in self._face_of

    def draw(self, char: str) -> np.ndarray:
        """(H, W) uint8"""
        size = self.size
        face = self._face_of[ord(char)]
        canvas, ink = self._draw_loosely(char, face)
        extent = max(ink[2] - ink[0], ink[3] - ink[1])
        if extent > size:
            smaller = face.font_variant(size=face.size * size / (extent + 1))
            canvas, ink = self._draw_loosely(char, smaller)
        left = min(max(size, ink[2] - size), ink[0])
        top = min(max(size, ink[3] - size), ink[1])
        return np.asarray(canvas.crop((left, top, left + size, top + size)))

    def _draw_loosely(
        self, char: str, face: "FreeTypeFont"
    ) -> tuple["Image", tuple[int, int, int, int]]:
        """The character in the middle of a canvas with an empty square on every side of it, and
        the left, top, right and bottom of its ink there."""
        canvas = self._image.new("L", (3 * self.size, 3 * self.size))
        place = (round(1.5 * self.size - face.getlength(char) / 2), self.size + self._baseline)
        self._draw.Draw(canvas).text(place, char, fill=255, font=face, anchor="ls")
        middle = (self.size, self.size, 2 * self.size, 2 * self.size)
        return canvas, canvas.getbbox() or middle  # a blank has no ink

    def _find_baseline(self) -> int:
        """The baseline, in pixels from the top, that puts full characters in the middle.

        Measured, because the ascents that fonts declare are for line spacing and differ by up to
        a third of the em between fonts with the same em square.
        """
        middles = []
        for char in filter(self.has, FULL_CHARACTERS):
            _, top, _, bottom = self._face_of[ord(char)].getbbox(char, anchor="ls")
            middles.append((top + bottom) / 2)
        if not middles:
            return round(0.86 * self.size)  # where the em square of most Chinese fonts has it
        return round(self.size / 2 - float(np.median(middles)))


def _open_face(path: Path, index: int, size: float) -> "FreeTypeFont":
    image_font = _require("PIL.ImageFont", "draw glyphs")
    if not path.is_file():
        raise Messages.CM206.error(path=path)
    try:
        return image_font.truetype(str(path), size, index, layout_engine=image_font.Layout.BASIC)
    except (OSError, ValueError) as error:
        raise Messages.CM207.error(path=path, index=index, reason=error) from error


def _code_points(path: Path, index: int) -> set[int]:
    """The code points that a font file has a glyph for, by its own table, not by its looks."""
    tt_lib = _require("fontTools.ttLib", "read which characters a font has")
    try:
        with tt_lib.TTFont(path, fontNumber=index, lazy=True) as font:
            return set(font.getBestCmap() or ())
    except (OSError, KeyError, ValueError, tt_lib.TTLibError) as error:
        raise Messages.CM207.error(path=path, index=index, reason=error) from error
    except ImportError as error:  # WOFF2 needs brotli
        raise Messages.CM205.error(library="brotli", task=f"read {path}") from error


def _require(module: str, task: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise Messages.CM205.error(library=module.partition(".")[0], task=task) from error


def _spec_of_file(path: Path | str) -> FontSpec:
    path = Path(path)
    return FontSpec(name=path.stem, files=(path,))


def _read_font_spec(record: dict[str, Any], font_dir: Path) -> FontSpec:
    files: list[Path] = []
    for pattern in record["files"]:
        found = sorted(font_dir.glob(pattern))
        if not found:
            raise Messages.CM206.error(path=font_dir / pattern)
        files.extend(found)
    origin = {k: v for k, v in record.items() if k not in ("name", "files", "index")}
    return FontSpec(record["name"], tuple(files), record.get("index", 0), origin)


def _examples(chars: Sequence[str], limit: int = 10) -> str:
    shown = " ".join(chars[:limit])
    return shown if len(chars) <= limit else f"{shown} …"


def _pack(images: np.ndarray) -> np.ndarray:
    """Two pixels a byte, the first in the high half. (C, F, H, W) -> (⌈C·F·H·W / 2⌉,)"""
    levels = np.rint(images.reshape(-1) / GREY_STEP).astype(np.uint8)
    levels = np.pad(levels, (0, levels.size % 2))
    return levels[0::2] << 4 | levels[1::2]


def _unpack(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(⌈C·F·H·W / 2⌉,) -> (C, F, H, W)"""
    levels = np.stack([packed >> 4, packed & 0x0F], axis=1).reshape(-1)
    return (levels[: math.prod(shape)] * GREY_STEP).reshape(shape)
