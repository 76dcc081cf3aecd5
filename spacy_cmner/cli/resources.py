"""`python -m spacy cmner resources …`: build and look at what is known of each character."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm
from wasabi import msg

from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import errors_shown
from spacy_cmner.data.files import check_ending, check_outputs, check_writable, replacing
from spacy_cmner.errors import Messages
from spacy_cmner.resources import charset
from spacy_cmner.resources.components import build_components
from spacy_cmner.resources.glyphs import (
    FontSpec,
    GlyphTable,
    contact_sheet,
    read_font_specs,
    render,
)
from spacy_cmner.resources.raw_text import stream_lines
from spacy_cmner.resources.shipped import shipped

resources_cli = typer.Typer(
    name="resources",
    help="Build glyphs, components, vectors and lexicons of characters and words.",
    no_args_is_help=True,
)
cmner_cli.add_typer(resources_cli)

SHIPPED_FONTS = shipped("fonts")
SHIPPED_GLYPHS = shipped("glyphs")
Texts = Annotated[
    list[Path] | None,
    typer.Option(
        "--text", help="Add the characters of this text file; may be repeated.", exists=True
    ),
]
MinCount = Annotated[
    int, typer.Option("--min-count", help="How often a character of the texts must occur.", min=1)
]


def not_empty(value: str) -> str:
    """RAISES: typer.BadParameter if nothing was given."""
    if not value:
        raise typer.BadParameter("is empty; give at least one character")
    return value


@resources_cli.command("glyphs")
@errors_shown()
def glyphs_command(
    output: Annotated[Path, typer.Argument(help="Where to write the glyph table (.npz).")],
    font: Annotated[
        list[Path] | None,
        typer.Option("--font", help="A font file; may be repeated. The first stands in."),
    ] = None,
    fonts: Annotated[
        Path, typer.Option("--fonts", help="A description of fonts, where no --font is given.")
    ] = SHIPPED_FONTS,
    font_dir: Annotated[
        Path, typer.Option("--font-dir", help="Where the fonts of the description are.")
    ] = Path(),
    size: Annotated[int, typer.Option("--size", help="Pixels in height and width.")] = 24,
    text: Texts = None,
    min_count: MinCount = 1,
) -> None:
    """Draw the characters in several fonts."""
    check_outputs([output], [*(text or []), *(font or [fonts])])
    check_ending(output, ".npz")
    check_writable(output)
    specs: list[Path | FontSpec] = list(font or read_font_specs(fonts, font_dir))
    chars = _characters(text or [], min_count)
    table = render(chars, specs, size=size, progress=lambda cs: tqdm(cs, unit="char"))
    table.save(output)
    kilobytes = output.stat().st_size // 1000
    msg.good(
        f"{len(table.chars)} characters in {len(table.fonts)} fonts: {output} ({kilobytes} kB)"
    )


@resources_cli.command("contact-sheet")
@errors_shown()
def contact_sheet_command(
    output: Annotated[Path, typer.Argument(help="Where to write the picture (.png).")],
    chars: Annotated[
        str, typer.Argument(help="The characters to show, for example 癌肝肾.", callback=not_empty)
    ],
    table: Annotated[Path, typer.Option("--table", help="A glyph table.")] = SHIPPED_GLYPHS,
    scale: Annotated[int, typer.Option("--scale", help="Enlarge the images.", min=1)] = 2,
) -> None:
    """Show characters, a row each, in all fonts of a table, a column each."""
    check_outputs([output], [table])
    check_writable(output)
    glyphs = GlyphTable.load(table)
    sheet = contact_sheet(glyphs, chars, scale=scale)
    from PIL import Image  # `contact_sheet` has said so where it is not installed

    try:
        with replacing(output) as draft:
            sheet.save(draft, Image.registered_extensions().get(output.suffix.lower()))
    except (KeyError, ValueError):  # of Pillow, for an ending that it does not know or only reads
        raise Messages.CM513.error(path=output) from None
    msg.good(f"{output}: {', '.join(glyphs.fonts)}")


@resources_cli.command("components")
@errors_shown()
def components_command(
    output: Annotated[Path, typer.Argument(help="Where to write the component table (.npz).")],
    unicode_data: Annotated[
        Path, typer.Option("--unicode-data", help="The folder of Unihan_IRGSources.txt[.bz2].")
    ] = Path("/usr/share/unicode"),
    cjk_decomp: Annotated[
        Path, typer.Option("--cjk-decomp", help="The file cjk-decomp.txt[.bz2].")
    ] = Path("cjk-decomp.txt"),
    k: Annotated[
        int | None, typer.Option("--k", help="Most parts of a character; default all.")
    ] = None,
    text: Texts = None,
    min_count: MinCount = 1,
) -> None:
    """Take the characters to pieces, the radical first."""
    check_outputs([output], [cjk_decomp, *(text or [])])
    check_ending(output, ".npz")
    check_writable(output)
    chars = _characters(text or [], min_count)
    table = build_components(chars, unicode_data=unicode_data, cjk_decomp=cjk_decomp)
    if k is not None:
        table = table.with_k(k)
    table.save(output)
    msg.good(f"{len(table.chars)} characters of {len(table.parts) - 1} parts: {output}")
    msg.table(table.lengths(), header=("parts", "characters"), aligns=("r", "r"))


def _characters(texts: list[Path], min_count: int) -> list[str]:
    """The standard characters and those of the texts, each once."""
    lines = stream_lines(texts) if texts else ()
    extra = charset.frequent_characters(lines, min_count=min_count)
    return list(dict.fromkeys([*charset.default_characters(), *extra]))
