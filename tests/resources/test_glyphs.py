import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.resources.charset import default_characters, gb2312_characters
from spacy_cmner.resources.glyphs import (
    FontSpec,
    GlyphTable,
    contact_sheet,
    read_font_specs,
    render,
)
from spacy_cmner.resources.shipped import shipped

CHARS = "国癌疤肝月日一，Ag9"


@pytest.fixture(scope="module")
def table(song, hei):
    return render(CHARS, [song, hei])


@pytest.fixture(scope="module")
def shipped_table():
    return GlyphTable.load(shipped("glyphs"))


def test_images_are_drawn_once_a_character_in_order(table, song, hei):
    assert table.chars == tuple(CHARS)
    assert table.fonts == ("NotoSerifSC-Regular", "NotoSansSC-Regular")
    assert table.images.shape == (len(CHARS), 2, 24, 24)
    assert table.images.dtype == np.uint8
    repeated = render("肝肝癌", [hei])
    assert repeated.chars == ("肝", "癌")
    np.testing.assert_array_equal(repeated.images[1, 0], table.images[table.rows["癌"], 1])


def test_all_images_differ(table):
    flat = table.images.reshape(-1, 24 * 24)
    assert len(np.unique(flat, axis=0)) == len(flat)


def test_a_full_character_is_centred_and_upright(table):
    for image in table.images[table.rows["国"]].astype(float):
        rows, columns = np.nonzero(image > 64)
        assert abs(rows.min() - (23 - rows.max())) <= 2
        assert abs(columns.min() - (23 - columns.max())) <= 2
        assert rows.max() - rows.min() >= 18
    one = table.images[table.rows["一"], 0]
    assert 8 <= np.argmax(one.sum(axis=1)) <= 14  # a level stroke at half height
    comma = table.images[table.rows["，"], 0]
    assert comma[12:].sum() > 0
    assert comma[:12].sum() == 0  # below the middle: the baseline is kept


@pytest.mark.parametrize("size", [13, 24, 40])
def test_no_ink_is_cut_off(song, size):
    """A canvas with room all round shows the same ink."""
    chars = "国鼹囊懿W—jÅ"
    images = render(chars, [song], size=size).images[:, 0]
    ink = images.reshape(len(chars), -1).astype(float).sum(axis=1) / size**2
    ample = render(chars, [song], size=4 * size).images[:, 0]
    ample_ink = ample.reshape(len(chars), -1).astype(float).sum(axis=1) / (4 * size) ** 2
    np.testing.assert_allclose(ink, ample_ink, rtol=0.25)


def test_what_is_wider_than_the_image_is_made_smaller(hei):
    def length_and_thickness(image):
        length = np.count_nonzero(image.any(axis=0))
        return length, image.sum() / 255 / length

    dash, two_em_dash = render("—⸺", [hei]).images[:, 0].astype(float)
    assert length_and_thickness(two_em_dash)[0] >= 22
    assert length_and_thickness(two_em_dash)[1] < 0.7 * length_and_thickness(dash)[1]


def test_slices_of_a_font_are_merged(small_fonts, hei):
    slices = FontSpec("hei", tuple(sorted(small_fonts.glob("*.woff2"))))
    merged = render("国肝药，A ", [slices])
    whole = render("国肝药，A ", [hei])
    difference = np.abs(merged.images.astype(int) - whole.images)
    assert difference.mean() < 4  # subsetting drops hints
    assert merged.images[5].max() == 0  # a blank is drawn, and empty


def test_lacking_characters_come_from_the_first_font(small_fonts, song, table):
    slices = FontSpec("slices", tuple(sorted(small_fonts.glob("*.woff2"))))
    with pytest.warns(CmnerWarning, match=r"CM209.*slices lacks 2 of 3 characters \(癌 疤\)"):
        mixed = render("癌肝疤", [song, slices])
    np.testing.assert_array_equal(mixed.images[0, 0], mixed.images[0, 1])
    np.testing.assert_array_equal(mixed.images[0, 0], table.images[table.rows["癌"], 0])
    assert (mixed.images[1, 0] != mixed.images[1, 1]).any()


def test_the_next_font_stands_in_for_the_first(small_fonts, song):
    slices = FontSpec("slices", tuple(sorted(small_fonts.glob("*.woff2"))))
    with pytest.warns(CmnerWarning, match=r"CM209.*slices lacks 1 of 2"):
        mixed = render("癌肝", [slices, song])
    assert mixed.images[0, 0].max() > 0


def test_unknown_characters_are_empty_and_reported(song, hei):
    with pytest.warns(CmnerWarning, match=r"CM210.*2 characters \(😀 \U00013000\)"):
        table = render("肝😀\U00013000", [song, hei])
    assert table.images[1:].max() == 0
    assert table.images[0].max() == 255


def test_many_lacking_characters_are_not_all_listed(song):
    hieroglyphs = [chr(0x13000 + i) for i in range(200)]
    with pytest.warns(CmnerWarning, match=r"200 characters") as caught:
        render(hieroglyphs, [song])
    assert len(str(caught[0].message)) < 200


def test_hostile_characters(song):
    with pytest.warns(CmnerWarning, match="CM210"):
        table = render(["\0", "\ud800", "\ufeff", "\U0010ffff"], [song])
    assert table.images.max() == 0


def test_no_characters(song):
    assert render("", [song]).images.shape == (0, 1, 24, 24)


def test_missing_font(tmp_path):
    with pytest.raises(CmnerError, match=r"CM206.*nowhere\.ttf"):
        render("肝", [tmp_path / "nowhere.ttf"])


def test_a_file_that_is_no_font(tmp_path, song):
    (tmp_path / "text.ttf").write_text("肝", encoding="utf8")
    with pytest.raises(CmnerError, match=r"CM207.*text\.ttf"):
        render("肝", [tmp_path / "text.ttf"])
    (tmp_path / "half.otf").write_bytes(song.read_bytes()[:1000])
    with pytest.raises(CmnerError, match=r"CM207.*half\.otf"):
        render("肝", [tmp_path / "half.otf"])


def test_a_face_that_is_not_there(song):
    with pytest.raises(CmnerError, match=r"CM207.*face 9"):
        render("肝", [FontSpec("song", (song,), index=9)])


def test_no_font_the_same_twice_and_too_small(song):
    for fonts, size in [([], 24), ([song, song], 24), ([song], 3)]:
        with pytest.raises(CmnerError, match="CM211"):
            render("肝", fonts, size=size)


def test_pillow_is_asked_for(song, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.ImageFont", None)
    with pytest.raises(CmnerError, match=r"CM205.*PIL.*pip install 'spacy-cmner\[resources\]'"):
        render("肝", [song])


def test_a_table_loads_without_pillow(shipped_table, monkeypatch):
    for module in ("PIL", "PIL.Image", "fontTools", "fontTools.ttLib"):
        monkeypatch.setitem(sys.modules, module, None)
    assert GlyphTable.load(shipped("glyphs")).chars == shipped_table.chars


def test_round_trip_keeps_sixteen_levels(table, tmp_path):
    table.save(tmp_path / "glyphs.npz")
    loaded = GlyphTable.load(tmp_path / "glyphs.npz")
    assert (loaded.chars, loaded.fonts) == (table.chars, table.fonts)
    assert np.abs(loaded.images.astype(int) - table.images).max() <= 8
    assert set(np.unique(loaded.images)) <= set(range(0, 256, 17))
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "glyphs.npz").read_bytes()


@given(
    levels=arrays(
        np.uint8,
        st.tuples(st.integers(0, 3), *[st.integers(1, 5)] * 3),
        elements=st.integers(0, 15),
    )
)
def test_any_image_of_sixteen_levels_survives(levels, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "levels.npz"
    chars = tuple("癌\U00020bb7\ud800"[: len(levels)])
    fonts = tuple("abcde"[: levels.shape[1]])
    GlyphTable(chars, fonts, levels * 17).save(path)
    loaded = GlyphTable.load(path)
    np.testing.assert_array_equal(loaded.images, levels * 17)
    assert (loaded.chars, loaded.fonts) == (chars, fonts)


def test_two_builds_give_the_same_bytes(song, hei, tmp_path):
    for name in ("one.npz", "two.npz"):
        render(CHARS, [song, hei]).save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_shipped_table_covers_the_character_set(shipped_table):
    assert shipped_table.chars == tuple(default_characters())
    assert set(gb2312_characters()) <= set(shipped_table.chars)
    assert shipped_table.images.shape == (len(shipped_table.chars), 6, 24, 24)
    inked = shipped_table.images.reshape(len(shipped_table.chars), 6, -1).max(axis=2) > 100
    assert {shipped_table.chars[row] for row in np.nonzero(~inked.all(axis=1))[0]} == {
        " ",
        "\u3000",
    }
    assert shipped("glyphs").stat().st_size < 6_000_000


def test_shipped_fonts_differ_and_song_is_song(shipped_table, song):
    sample = "癌疤瘟疫脑肝肾肺药酸"
    rows = [shipped_table.rows[char] for char in sample]
    images = shipped_table.images[rows].reshape(len(sample), 6, -1)
    for char in images:
        assert len(np.unique(char, axis=0)) == 6
    fresh = render(sample, [song]).images.reshape(len(sample), -1)
    for drawn, stored in zip(fresh, images[:, 0], strict=True):
        assert np.corrcoef(drawn, stored)[0, 1] > 0.9


def test_shipped_licences_are_there(shipped_table):
    records = json.loads(shipped("fonts").read_text(encoding="utf8"))
    assert shipped_table.fonts == tuple(record["name"] for record in records)
    for record in records:
        text = (shipped("fonts").parent / record["licence_file"]).read_text(encoding="utf8")
        assert "SIL OPEN FONT LICENSE Version 1.1" in text
        assert shipped_table.metadata["fonts"][record["name"]]["copyright"] == record["copyright"]


def test_font_description(tmp_path, small_fonts, song):
    description = tmp_path / "fonts.json"
    records = [{"name": "hei", "files": ["slice-*.woff2"], "licence": "OFL-1.1"}]
    description.write_text(json.dumps(records), encoding="utf8")
    (spec,) = read_font_specs(description, small_fonts)
    assert [path.name for path in spec.files] == [f"slice-{i}.woff2" for i in range(3)]
    assert render("肝", [spec]).metadata["fonts"] == {"hei": {"licence": "OFL-1.1"}}
    with pytest.raises(CmnerError, match=r"CM206.*slice-\*"):
        read_font_specs(description, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}}",
        b"[1]",
        b'{"name": "song"}',
        b'[{"name": "song"}]',
        b'[{"name": "song", "files": [""]}]',
        b'[{"name": "song", "files": ["/fonts/song.ttf"]}]',
        b"\xff",
    ],
)
def test_faulty_font_description(tmp_path, content):
    path = tmp_path / "fonts.json"
    path.write_bytes(content)
    with pytest.raises(CmnerError, match=r"CM208.*fonts\.json"):
        read_font_specs(path, Path())


def test_contact_sheet(table):
    sheet = contact_sheet(table, "癌肝", scale=2)
    assert sheet.size == (2 * 49, 2 * 49)  # F·(W+1), n·(H+1)
    pixels = np.asarray(sheet)
    np.testing.assert_array_equal(pixels[49:97:2, 49:97:2], 255 - table.images[table.rows["肝"], 1])
    with pytest.raises(CmnerError, match=r"CM212.*魑"):
        contact_sheet(table, "癌魑")
