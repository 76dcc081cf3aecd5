import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.resources.charset import (
    ascii_characters,
    default_characters,
    frequent_characters,
    gb2312_characters,
    is_hanzi,
)


def test_gb2312_is_complete():
    characters = gb2312_characters()
    assert len(characters) == len(set(characters)) == 7445
    hanzi = [char for char in characters if is_hanzi(char)]
    assert len(hanzi) == 6763
    assert (hanzi[0], hanzi[-1]) == ("啊", "齄")
    assert {"α", "。", "℃", "Ａ", "Ⅲ"} <= set(characters)


def test_default_characters_hold_the_standards_and_more():
    characters = default_characters()
    assert len(characters) == len(set(characters))
    assert characters[:95] == ascii_characters()
    assert set(gb2312_characters()) < set(characters)


def test_frequent_characters_are_counted_over_all_texts():
    assert frequent_characters(["癌癌疤", "癌 疤\t", "𠮷"], min_count=2) == ["疤", "癌"]
    assert frequent_characters(["𠮷"]) == ["𠮷"]


@given(st.lists(st.text(st.characters(categories=None))))
def test_only_visible_characters_of_the_texts(texts):
    characters = frequent_characters(texts)
    assert characters == sorted(set(characters))
    for char in set("".join(texts)):
        invisible = char.isspace() or unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}
        assert (char in characters) is not invisible


def test_hanzi_of_every_plane():
    assert all(map(is_hanzi, "一癌㐂𠮷豈"))
    assert not any(map(is_hanzi, "aＡ，⺼ア가😀\ud800\0"))
