from pathlib import Path

import numpy as np
import pylopdf_fonts_zh_cn
import pytest
from PIL import Image
from typer.testing import CliRunner

from spacy_cmner.cli import cmner_cli
from spacy_cmner.resources import charset
from spacy_cmner.resources.components import ComponentTable
from spacy_cmner.resources.glyphs import GlyphTable
from spacy_cmner.resources.shipped import shipped

FONTS = Path(pylopdf_fonts_zh_cn.__file__).parent
HEI = FONTS / "NotoSansSC-Regular.otf"


def invoke(*arguments):
    return CliRunner().invoke(cmner_cli, ["resources", *map(str, arguments)])


@pytest.fixture
def few_characters(monkeypatch):
    monkeypatch.setattr(charset, "default_characters", lambda: list("癌肝"))


@pytest.mark.usefixtures("few_characters")
def test_glyphs_of_own_fonts_and_texts(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("肾肾 肺\n肾", encoding="utf8")
    output = tmp_path / "glyphs.npz"
    options = ["--font", HEI, "--size", 16, "--text", text, "--min-count", 2]
    result = invoke("glyphs", output, *options)
    assert result.exit_code == 0, result.output
    table = GlyphTable.load(output)
    assert table.chars == tuple("癌肝肾")
    assert table.fonts == ("NotoSansSC-Regular",)
    assert table.images.shape == (3, 1, 16, 16)


@pytest.mark.usefixtures("few_characters")
def test_glyphs_of_a_description(tmp_path):
    description = tmp_path / "fonts.json"
    description.write_text('[{"name": "hei", "files": ["*Sans*.otf"]}]', encoding="utf8")
    output = tmp_path / "glyphs.npz"
    result = invoke("glyphs", output, "--fonts", description, "--font-dir", FONTS)
    assert result.exit_code == 0, result.output
    assert GlyphTable.load(output).fonts == ("hei",)


@pytest.mark.parametrize(
    "command",
    [
        ["vectors"],
        ["lexicon"],
        ["import-vectors"],
        ["glyphs", "--text"],
        ["components", "--text"],
    ],
)
def test_a_text_that_stands_where_the_output_must_stays(tmp_path, command):
    texts = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for text in texts:
        text.write_text("患者发热三天", encoding="utf8")
    result = invoke(command[0], texts[0], *command[1:], texts[1])
    assert result.exit_code == 1 and "CM139" in result.output
    assert {text.read_text(encoding="utf8") for text in texts} == {"患者发热三天"}


def test_missing_fonts_are_named(tmp_path):
    result = invoke("glyphs", tmp_path / "glyphs.npz", "--font-dir", tmp_path)
    assert result.exit_code == 1
    assert "CM206" in result.output
    assert "NotoSerifCJK-Regular.ttc" in result.output
    assert not (tmp_path / "glyphs.npz").exists()


def test_contact_sheet(tmp_path):
    result = invoke("contact-sheet", tmp_path / "sheet.png", "癌肝", "--scale", 1)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    table = GlyphTable.load(shipped("glyphs"))
    np.testing.assert_array_equal(pixels[:24, :24], 255 - table.images[table.rows["癌"], 0])


@pytest.mark.usefixtures("few_characters")
def test_components(tmp_path):
    files = {
        "Unihan_IRGSources": "U+764C\tkRSUnicode\t104.12\nU+809D\tkRSUnicode\t130.3\n"
        "U+7592\tkRSUnicode\t104.0\nU+8089\tkRSUnicode\t130.0\n",
        "CJKRadicals": "104; 2F67; 7592\n130; 2F81; 8089\n",
        "EquivalentUnifiedIdeograph": "2F67; 7592\n",
        "cjk-decomp": "癌:stl(疒,嵒)\n肝:a(月,干)\n嵒:d(品,山)\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf8")
    sources = ["--unicode-data", tmp_path, "--cjk-decomp", tmp_path / "cjk-decomp.txt"]
    result = invoke("components", tmp_path / "components.npz", *sources, "--k", 2)
    assert result.exit_code == 0, result.output
    table = ComponentTable.load(tmp_path / "components.npz")
    assert table.parts_of("癌") == ("疒", "品")
    assert table.parts_of("肝") == ("⺼", "干")


@pytest.mark.parametrize(
    "name, chars, code, message",
    [
        ("癌.foo", "癌", 1, "CM513"),
        ("癌.psd", "癌", 1, "CM513"),  # which Pillow only reads
        ("癌.png", "", 2, "at least one"),
    ],
)
def test_contact_sheets_that_cannot_be(tmp_path, name, chars, code, message):
    result = invoke("contact-sheet", tmp_path / name, chars)
    assert result.exit_code == code
    assert message in " ".join(result.output.split())
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("command", ["glyphs", "components"])
def test_texts_that_are_no_text(tmp_path, command):
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe")
    fonts = ("--font", HEI) if command == "glyphs" else ()
    result = invoke(command, tmp_path / "out.npz", "--text", tmp_path / "a.bin", *fonts)
    assert result.exit_code == 1
    assert "CM224" in result.output


@pytest.mark.parametrize("command", ["glyphs", "components"])
def test_texts_are_not_written_over(tmp_path, command):
    (tmp_path / "a.txt").write_text("癌", "utf-8")
    result = invoke(command, tmp_path / "a.txt", "--text", tmp_path / "a.txt")
    assert result.exit_code == 1
    assert "CM157" in result.output
    assert (tmp_path / "a.txt").read_text("utf-8") == "癌"
