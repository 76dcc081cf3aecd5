import bz2

import numpy as np
import pytest

from spacy_cmner.errors import CmnerError
from spacy_cmner.resources.charset import default_characters, gb2312_characters, is_hanzi
from spacy_cmner.resources.components import ComponentTable, build_components
from spacy_cmner.resources.shipped import shipped

# A few records in the forms of the Unicode Character Database and of cjk-decomp.
RADICAL_STROKES = {
    "肝": "130.3",
    "肉": "130.0",
    "朋": "74.4",
    "月": "74.0",
    "期": "74.8",
    "癌": "104.12",
    "疒": "104.0",
    "品": "30.6",
    "口": "30.0",
    "榀": "75.9",
    "木": "75.0",
    "森": "75.8",
    "山": "46.0",
    "江": "85.3",
    "水": "85.0",
    "氵": "85.0",
    "沓": "85.4",
    "语": "149'.7",
    "言": "149.0",
    "讠": "149'.0",
    "丁": "1.1",
    "一": "1.0",
    "王": "96.-1",
    "皇": "106.4 96.5",
    "白": "106.0",
    "我": "62.3",
    "戈": "62.0",
}
RADICALS = """# number; radical; ideograph
1; 2F00; 4E00
30; 2F1D; 53E3
46; 2F2D; 5C71
62; 2F3D; 6208
74; 2F49; 6708
75; 2F4A; 6728
85; 2F54; 6C34
96; 2F5F; 7389
104; 2F67; 7592
106; 2F69; 767D
130; 2F81; 8089
149; 2F94; 8A00
149'; 2EC8; 8BA0
"""
EQUIVALENT = """2EA1       ; 6C35  # CJK RADICAL WATER ONE
2F94..2F94 ; 8A00
"""
DECOMPOSITION = """肝:a(月,干)
朋:ra(月)
期:a(其,月)
癌:stl(疒,嵒)
嵒:d(品,山)
品:r3tr(口)
榀:a(木,品)
森:r3tr(木)
江:a(⺡,工)
沓:d(水,日)
语:a(讠,10001)
10001:d(五,口)
丁:d/t(㇐,㇚)
皇:d(白,王)
我:lock(手,㇂)
工:lock(二,㇑)
"""


@pytest.fixture(params=["", ".bz2"], ids=["plain", "compressed"])
def sources(request, tmp_path):
    records = [f"U+{ord(char):04X}\tkRSUnicode\t{value}" for char, value in RADICAL_STROKES.items()]
    unihan = "\n".join(["# Unihan", "U+809D\tkTotalStrokes\t7", *records, ""])
    files = {
        "Unihan_IRGSources": unihan,
        "CJKRadicals": RADICALS,
        "EquivalentUnifiedIdeograph": EQUIVALENT,
    }
    for name, text in files.items():
        content = text.encode("utf8")
        packed = bz2.compress(content) if request.param else content
        (tmp_path / f"{name}.txt{request.param}").write_bytes(packed)
    (tmp_path / "cjk-decomp.txt").write_text(DECOMPOSITION, encoding="utf8")
    return {"unicode_data": tmp_path, "cjk_decomp": tmp_path / "cjk-decomp.txt"}


@pytest.mark.parametrize("there", ["cjk-decomp.txt", "cjk-decomp.txt.bz2"])
@pytest.mark.parametrize("named", ["cjk-decomp.txt", "cjk-decomp.txt.bz2"])
def test_the_decomposition_may_be_compressed_and_named_either_way(sources, tmp_path, named, there):
    plain = sources["cjk_decomp"]
    if there != plain.name:
        (tmp_path / there).write_bytes(bz2.compress(plain.read_bytes()))
        plain.unlink()
    table = build_components(["癌"], unicode_data=tmp_path, cjk_decomp=tmp_path / named)
    assert table.parts_of("癌") == ("疒", "口", "口", "口", "山")


def test_the_ending_may_be_in_capitals(sources, tmp_path):
    packed = tmp_path / "DECOMP.TXT.BZ2"
    packed.write_bytes(bz2.compress(DECOMPOSITION.encode("utf8")))
    table = build_components(["肝"], unicode_data=tmp_path, cjk_decomp=packed)
    assert table.parts_of("肝") == ("⺼", "干")


@pytest.mark.parametrize("named", ["nowhere.txt", "nowhere.txt.bz2"])
def test_what_is_missing_is_named_once(sources, named):
    with pytest.raises(CmnerError, match=r"no \S*nowhere\.txt, nor \S*nowhere\.txt\.bz2\. "):
        build_components(["癌"], **{**sources, "cjk_decomp": sources["cjk_decomp"].parent / named})


@pytest.fixture(scope="module")
def shipped_table():
    return ComponentTable.load(shipped("components"))


@pytest.mark.parametrize(
    ("char", "parts"),
    [
        ("肝", "⺼干"),  # drawn with 月, yet flesh
        ("肉", "⺼"),
        ("期", "月其"),  # the radical first, though it stands on the right
        ("朋", "月月"),  # what is there twice is listed twice
        ("森", "木木木"),
        ("江", "水工"),  # ⺡ is a form of 水; 工 is not taken apart to strokes
        ("沓", "水日"),
        ("丁", "一"),  # a single stroke is no part
        ("皇", "白玉"),  # 王 is a form of 玉, and the first radical of two counts
        ("我", "戈手㇂"),  # the radical is hidden in the drawing
    ],
)
def test_radical_first(sources, char, parts):
    table = build_components(RADICAL_STROKES, **sources)
    assert table.parts_of(char) == tuple(parts)


def test_a_part_of_one_character_is_taken_apart_the_largest_first(sources):
    table = build_components(["癌", "榀", "语"], **sources)
    assert table.parts_of("癌") == ("疒", "品", "山")  # 嵒 is rare, 品 is shared
    assert table.parts_of("榀") == ("木", "品")
    assert table.parts_of("语") == ("讠", "五", "口")
    alone = build_components(["癌"], **sources)
    assert alone.parts_of("癌") == ("疒", "口", "口", "口", "山")


@pytest.mark.parametrize(
    ("chars", "part"),
    [
        ("aZＡéā", "<latin>"),
        ("09９Ⅲ①〇½", "<digit>"),
        ("，。.-（…", "<punctuation>"),
        ("α℃+＋ア 😀\0\ud800\ufeff", "<other>"),
        ("謝", "<other>"),  # a hanzi that the sources do not know
    ],
)
def test_other_characters_have_one_part_of_their_class(sources, chars, part):
    table = build_components(chars, **sources)
    assert {table.parts_of(char) for char in chars} == {(part,)}


def test_ids_are_padded_and_the_most_frequent_part_comes_first(sources):
    table = build_components(["肝", "，", "口", "品", "品"], **sources)
    assert table.chars == ("肝", "，", "口", "品")
    assert table.parts[:2] == ("", "口")
    assert table.ids.shape == (4, 3)
    assert table.ids[2].tolist() == [1, 0, 0]
    assert table.lengths() == {1: 2, 2: 1, 3: 1}


def test_no_characters(sources):
    table = build_components("", **sources)
    assert (table.chars, table.parts, table.ids.shape) == ((), ("",), (0, 1))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_k(shipped_table, k):
    table = shipped_table.with_k(k)
    assert table.ids.shape == (len(table.chars), k)
    assert (table.ids[:, 0] > 0).all()
    width = min(k, shipped_table.ids.shape[1])
    np.testing.assert_array_equal(table.ids[:, :width], shipped_table.ids[:, :width])
    assert not table.ids[:, width:].any()


def test_k_below_one_is_refused(shipped_table):
    with pytest.raises(CmnerError, match=r"CM213.*k is 0"):
        shipped_table.with_k(0)


def test_missing_and_faulty_sources_are_named(sources, tmp_path):
    with pytest.raises(CmnerError, match=r"CM214.*nowhere\.txt"):
        build_components("肝", **{**sources, "cjk_decomp": tmp_path / "nowhere.txt"})
    (tmp_path / "cjk-decomp.txt").write_text("肝 = 月 + 干", encoding="utf8")
    with pytest.raises(CmnerError, match=r"CM215.*cjk-decomp\.txt"):
        build_components("肝", **sources)


def test_round_trip_and_same_bytes(sources, tmp_path):
    table = build_components(RADICAL_STROKES, **sources)
    table.save(tmp_path / "one.npz")
    build_components(RADICAL_STROKES, **sources).save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = ComponentTable.load(tmp_path / "one.npz")
    assert (loaded.chars, loaded.parts) == (table.chars, table.parts)
    np.testing.assert_array_equal(loaded.ids, table.ids)
    assert loaded.metadata["format"] == "components"


def test_shipped_table_covers_the_character_set(shipped_table):
    assert shipped_table.chars == tuple(default_characters())
    hanzi = [char for char in gb2312_characters() if is_hanzi(char)]
    assert len(hanzi) == 6763
    assert all(not shipped_table.parts_of(char)[0].startswith("<") for char in hanzi)
    assert shipped_table.ids.max() < len(shipped_table.parts)
    assert (shipped_table.ids[:, 0] > 0).all()


def test_shipped_table_tells_flesh_from_moon(shipped_table):
    first = {char: shipped_table.parts_of(char)[0] for char in shipped_table.chars}
    assert {first[char] for char in "肝脑肾肺胃肠胸腹膨"} == {"⺼"}
    assert {first[char] for char in "朋期朗望"} == {"月"}
    assert {first[char] for char in "癌疤瘟疫病症"} == {"疒"}
    assert {first[char] for char in "江酒泪"} == {"水", "酉"}
    assert shipped_table.parts_of("癌") == ("疒", "品", "山")


def test_few_characters_share_all_parts(shipped_table):
    """Parts identify a hanzi almost always; the rest differ by place (怠 怡) or stroke (大 太)."""
    hanzi = [row for char, row in shipped_table.rows.items() if is_hanzi(char)]
    distinct = np.unique(shipped_table.ids[hanzi], axis=0)
    assert len(distinct) > 0.96 * len(hanzi)
    with_four = np.unique(shipped_table.with_k(4).ids[hanzi], axis=0)
    assert len(with_four) > 0.96 * len(hanzi)
