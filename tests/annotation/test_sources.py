"""What is read from each kind of file, and what becomes of what cannot be read."""

import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.annotation.sources import Layout, Source
from spacy_cmner.errors import CmnerError

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1)


def read(path: Path, **layout) -> list:
    return list(Source(path, Layout(**layout)))


def read_texts(path: Path, **layout) -> list[str]:
    items = read(path, **layout)
    assert all(isinstance(item, SourceRecord) for item in items), items
    return [item.text for item in items]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sources")


@given(texts)
def test_jsonl_gives_any_text_back(folder, values):
    path = folder / "any.jsonl"
    path.write_bytes("".join(f"{json.dumps({'text': t})}\n" for t in values).encode())
    assert read_texts(path) == values


@given(texts)
def test_lines_of_txt_are_texts(folder, values):
    path = folder / "any.txt"
    path.write_bytes("\n".join(values).encode())
    lines = "\n".join(values).removeprefix("\ufeff").split("\n")
    expected = [(i, line.removesuffix("\r")) for i, line in enumerate(lines, 1) if line.strip()]
    assert [(item.number, item.text) for item in read(path)] == expected


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_file_of_nothing_but_a_mark_has_no_record(tmp_path, name):
    (tmp_path / name).write_bytes("\ufeff".encode())
    assert read(tmp_path / name) == []


def test_txt_with_a_mark_and_windows_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff一\r\n\r\n二".encode())
    assert [(item.number, item.text) for item in read(path)] == [(1, "一"), (3, "二")]


def test_a_folder_of_txt_has_a_text_a_file(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.txt").write_bytes("\ufeff一\r\n二\n".encode())
    (tmp_path / "a.txt").touch()
    (tmp_path / "notes.md").touch()
    items = read(tmp_path)
    assert [(item.id, item.text) for item in items] == [("a", ""), ("b/1", "一\r\n二\n")]


def test_csv_keeps_its_other_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffno,note,ward\r\n1,"头痛，\n""重""",外科\r\n\r\n2,,x\r\n'.encode())
    first, second = read(path, text="note", id="no")
    assert (first.id, first.text, first.meta) == ("1", '头痛，\n"重"', {"ward": "外科"})
    assert (second.id, second.text, second.number) == ("2", "", 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_csv_with_a_mark_and_a_header_in_quotes(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text('"id","text"\r\n"n1","发热。"\r\n', encoding=encoding, newline="")
    [item] = read(path, encoding=encoding.removesuffix("-sig"))
    assert (item.id, item.text, item.meta) == ("n1", "发热。", {})


def test_csv_columns_without_a_name_get_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",text,,id\n0,发热,x,n1\n", encoding="utf-8")
    [item] = read(path)
    assert (item.id, item.text, item.meta) == ("n1", "发热", {"column 1": "0", "column 3": "x"})


def test_csv_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,a,a\n发热,1,2\n", encoding="utf-8")
    with pytest.raises(CmnerError, match=r"CM158.*a\.csv.*2 columns are named 'a'"):
        read(path)


def test_csv_rows_that_do_not_fit_are_bad(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes("text\tid\n一\n二\t2\n三\t3\t4\n".encode() + "四".encode()[:2] + b"\t5\n")
    kinds = [type(item) for item in read(path)]
    assert kinds == [BadRecord, SourceRecord, BadRecord, BadRecord]


def test_parquet_columns(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    table = {"note": ["头痛", None] * 500, "id": list(range(1000)), "score": [0.5, None] * 500}
    parquet.write_table(pyarrow.table(table), path, row_group_size=300)
    source = Source(path, Layout(text="note"))
    items = list(source)
    assert [item.number for item in items] == list(range(1, 1001))
    assert (items[998].text, items[998].id, items[998].meta) == ("头痛", "998", {"score": 0.5})
    assert isinstance(items[999], BadRecord) and "'note' is None" in items[999].reason
    assert source.done == source.total


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_a_column_of_names_that_was_asked_for_may_not_be_missing(tmp_path, ending):
    path, columns = tmp_path / f"a.{ending}", {"no": ["7"], "text": ["头痛"]}
    if ending == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
    else:
        mark = {"csv": ",", "tsv": "\t"}[ending]
        path.write_text(f"no{mark}text\n7{mark}头痛\n", encoding="utf-8")
    with pytest.raises(CmnerError, match=r"CM142.*no column 'No'.* holds the names.*: no, text"):
        Source(path, Layout(id="No"))
    [named], [other] = read(path, id="no"), read(path)
    assert (named.id, named.meta) == ("7", {})
    assert (other.id, other.meta) == (None, {"no": "7"})


def test_a_damaged_parquet_file_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(CmnerError, match=r"CM143.*a\.parquet"):
        read(path)


def test_a_map_of_parquet_has_no_nan(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    maps = pyarrow.array([[("na", float("nan")), ("k", 4.5)]], pyarrow.map_("string", "double"))
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"text": ["头痛"], "values": maps})
    pytest.importorskip("pyarrow.parquet").write_table(table, path)
    [record] = read(path)
    assert record.meta == {"values": [["na", None], ["k", 4.5]]}


def test_parquet_that_rows_cannot_be_made_of_is_named(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts, days = pyarrow.array(["头痛", "发热"]), pyarrow.array([0, 4_000_000], pyarrow.date32())
    two = pyarrow.Table.from_arrays([texts, texts], names=["text", "text"])
    parquet.write_table(two, tmp_path / "two.parquet")
    with pytest.raises(CmnerError, match=r"CM143.*two\.parquet.*2 columns are named 'text'"):
        Source(tmp_path / "two.parquet")
    parquet.write_table(pyarrow.table({"text": texts, "day": days}), tmp_path / "late.parquet")
    with pytest.raises(CmnerError, match=r"CM143.*late\.parquet.*date value out of range"):
        read(tmp_path / "late.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(CmnerError, match=r"CM144.*spacy-cmner\[parquet\]"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_missing_column_is_named_with_those_there(tmp_path, name):
    path = tmp_path / name
    if name == "a.csv":
        path.write_text("note,ward\n一,二\n")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"note": ["一"], "ward": ["二"]})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    with pytest.raises(CmnerError, match=r"CM142.*'text'.*note, ward"):
        Source(path)


def test_each_file_of_a_folder_is_looked_at_before_any_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("text\n一\n")
    (tmp_path / "b.csv").write_text("note\n一\n")
    with pytest.raises(CmnerError, match=r"CM142.*b\.csv"):
        Source(tmp_path)


@pytest.mark.parametrize(
    ("name", "header", "found"),
    [
        ("a.csv", "id;病历;科室", "';'"),
        ("a.csv", '"id";"病历"', "';'"),
        ("a.csv", "id\t病历", r"'\\t'"),
        ("a.csv", "id|病历", r"'\|'"),
        ("a.tsv", "id,病历", "','"),
    ],
)
def test_another_separator_is_named(tmp_path, name, header, found):
    path = tmp_path / name
    path.write_text(f"{header}\n1;头痛\n", encoding="utf-8")
    with pytest.raises(CmnerError, match=rf"CM170.*{name}.* by {found} .*\.csv .*\.tsv"):
        Source(path, Layout(text="病历"))


def test_another_separator_in_the_name_of_the_column_or_beside_the_right_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text;note\n头痛;两天\n", encoding="utf-8")
    assert read_texts(path, text="text;note") == ["头痛;两天"]
    path.write_text("id,note;1\n", encoding="utf-8")
    with pytest.raises(CmnerError, match=r"CM142.*id, note;1"):
        Source(path)


@pytest.mark.parametrize("content", ["", "\ufeff", "\r\n\n"])
def test_an_empty_csv_is_named(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8", newline="")
    with pytest.raises(CmnerError, match=r"CM165.*a\.csv is empty"):
        Source(path)


def test_blank_lines_above_the_header_of_a_csv_are_passed_over(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n\r\ntext\n头痛\n", encoding="utf-8", newline="")
    assert [(item.number, item.text) for item in read(path)] == [(1, "头痛")]


def test_files_of_a_folder_follow_each_other(tmp_path):
    for name in ("b", "a"):
        lines = [json.dumps({"text": f"{name}{i}"}) for i in range(2)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    source = Source(tmp_path)
    assert [item.text for item in source] == ["a0", "a1", "b0", "b1"]
    assert source.done == source.total == sum(f.stat().st_size for f in tmp_path.iterdir())


def test_bytes_of_another_encoding_are_one_bad_record(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("一\n".encode() + "发热\n".encode("gb18030") + "二".encode())
    items = read(path)
    assert [type(item) for item in items] == [SourceRecord, BadRecord, SourceRecord]
    assert "not utf-8" in items[1].reason and "--encoding gb18030" in items[1].reason
    path.write_bytes("头痛\n发热".encode("gb18030"))
    assert read_texts(path, encoding="gb18030") == ["头痛", "发热"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_a_header_of_another_encoding_is_refused(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text("id,病历\n1,头痛\n", encoding=encoding)
    with pytest.raises(CmnerError, match=r"CM168.*a\.csv is not utf-8.*--encoding gb18030"):
        Source(path, Layout(text="病历"))
    path.write_text("id,text\n1,头痛\n", encoding="utf-8")
    with pytest.raises(CmnerError, match=r"CM168.*a\.csv is not utf-16"):
        Source(path, Layout(encoding="utf-16"))


@pytest.mark.parametrize("text", ["病历", "text"])
def test_jsonl_of_another_encoding_says_so(tmp_path, text):
    """Whether the name of the text is no longer found, the line no longer JSON, or neither."""
    path = tmp_path / "a.jsonl"
    lines = [f'{{"{text}": "{value}"}}' for value in ("发热", "淺\\\\表")]
    path.write_text("\n".join(lines), encoding="gb18030")
    reasons = [item.reason for item in read(path, text=text)]
    assert len(reasons) == 2
    assert all("CM169" in each and "--encoding gb18030" in each for each in reasons)


@pytest.mark.parametrize("name, line", [("a.txt", "{}"), ("a.jsonl", '{{"text": "{}"}}')])
def test_a_line_without_end_takes_bounded_memory(tmp_path, monkeypatch, name, line):
    monkeypatch.setattr("spacy_cmner.annotation.sources._OTHER_FIELDS", 30)
    path = tmp_path / name
    path.write_text("\n".join(line.format(text) for text in ("二" * 9, "一" * 10_000, "三")))
    items = read(path, max_length=9)
    assert [type(item) for item in items] == [SourceRecord, BadRecord, SourceRecord]
    assert items[2].number == 3


def test_of_json_that_is_cut_the_length_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_cmner.annotation.sources._OTHER_FIELDS", 30)
    path = tmp_path / "images.jsonl"
    path.write_text(json.dumps({"text": "a", "image": "b" * 200}) + '\n{"text": "b"}\n')
    cut, good = read(path, max_length=5)
    assert "CM120] Record 1: its line is longer than 90 characters" in cut.reason
    assert good.text == "b"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_whole_file_that_is_too_long_is_bad(tmp_path, mark):
    (tmp_path / "a.txt").write_text(mark + "一" * 10, encoding="utf-8")
    [item] = read(tmp_path, max_length=9)
    assert isinstance(item, BadRecord) and "more than 9" in item.reason
    assert read_texts(tmp_path, max_length=10) == ["一" * 10]


def test_deep_json_is_one_bad_record(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("[" * 100_000 + '\n{"text": "一"}\n')
    bad, good = read(path)
    assert isinstance(bad, BadRecord) and good.text == "一"


def test_what_cannot_be_a_source_is_refused(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        Source(tmp_path / "none.txt")
    with pytest.raises(CmnerError, match="CM140"):
        Source(tmp_path)
    (tmp_path / "a.doc").touch()
    with pytest.raises(CmnerError, match="CM140"):
        Source(tmp_path / "a.doc")
    (tmp_path / "a.txt").touch()
    for encoding in ("utf8000", "undefined"):
        with pytest.raises(CmnerError, match=f"CM114.*{encoding}"):
            Source(tmp_path / "a.txt", Layout(encoding=encoding))
    (tmp_path / "a.csv").touch()
    with pytest.raises(CmnerError, match=r"CM141.*\.csv, \.txt"):
        Source(tmp_path)


def test_a_quote_that_is_never_closed_is_one_bad_record_with_its_reason(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text\n"一\n二\n三\n')
    [item] = read(path)
    assert isinstance(item, BadRecord) and "never closed" in item.reason
    path.write_text('text\n"一"二\n三\n')
    bad, good = read(path)
    assert isinstance(bad, BadRecord) and good.text == "三"
    path.write_text('"text\n一\n')
    with pytest.raises(CmnerError, match="CM158"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_what_is_not_utf_16_or_32_is_a_bad_record(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes("头痛\n发热".encode(encoding))
    assert read_texts(path, encoding=encoding) == ["头痛", "发热"]
    path.write_bytes("头痛\n发热".encode(encoding)[:-1])
    good, bad = read(path, encoding=encoding)
    assert good.text == "头痛" and isinstance(bad, BadRecord)
    path.write_bytes("头痛\n发热。".encode())
    [item] = read(path, encoding=encoding)
    assert isinstance(item, BadRecord) and encoding in item.reason


def test_hidden_files_are_passed_over_and_endings_in_capitals_are_not(tmp_path):
    for name in ("a.txt", "B.TXT", ".~lock.txt", ".checkpoints/a.txt", "folder.txt/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert sorted(read_texts(tmp_path)) == ["B.TXT", "a.txt", "folder.txt/c.txt"]
    assert read_texts(tmp_path / "B.TXT") == ["B.TXT"]


PACKED = {
    "a.txt": "头痛\n发热\n",
    "a.jsonl": '{"text": "头痛"}\n\n{"text": "发热"}\n',
    "a.csv": "id,text\n1,头痛\n2,发热\n",
    "a.tsv": "text\tid\n头痛\t1\n发热\t2\n",
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_packed_files_are_read_as_they_are_without(tmp_path, name, encoding):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / name).write_text(PACKED[name], encoding=encoding)
    packed = tmp_path / f"{name}.GZ"
    packed.write_bytes(gzip.compress(PACKED[name].encode(encoding)))
    encoding = encoding.removesuffix("-sig")
    source = Source(packed, Layout(encoding=encoding))
    plain = read(tmp_path / "plain" / name, encoding=encoding)
    assert [(i.number, i.text, i.id) for i in source] == [(i.number, i.text, i.id) for i in plain]
    assert source.done == source.total == packed.stat().st_size


def test_packed_and_plain_files_of_one_kind_make_a_folder(tmp_path):
    (tmp_path / "b.txt").write_text("头痛")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("发热".encode()))
    assert [(item.id, item.text) for item in read(tmp_path)] == [("a", "发热"), ("b", "头痛")]
    (tmp_path / "c.parquet.gz").touch()
    assert len(read(tmp_path)) == 2
    with pytest.raises(CmnerError, match="CM140"):
        Source(tmp_path / "c.parquet.gz")


def test_a_packed_file_that_was_cut_or_damaged_is_one_bad_record(tmp_path):
    lines = [f"第{n}人头痛" for n in range(9999)]
    whole = gzip.compress("\n".join(lines).encode())
    for place, data in enumerate((whole[:-9], whole[:500] + b"no" + whole[502:], b"plain")):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "a.txt.gz").write_bytes(data)
        *good, bad = read(folder / "a.txt.gz")
        assert [item.text for item in good] == lines[: len(good)]
        assert isinstance(bad, BadRecord) and bad.number == len(good) + 1
        assert "CM178" in bad.reason and "unpacked" in bad.reason


def test_whole_numbers_with_a_point_are_names_without_it(tmp_path):
    """As pandas writes a column of integers in which one is missing."""
    path = tmp_path / "a.jsonl"
    ids = ("7.0", "null", "1e400", "0.5")
    path.write_text("".join(f'{{"text": "一", "id": {id}}}\n' for id in ids))
    assert [item.id for item in read(path)] == ["7", None, None, "0.5"]


def test_texts_and_names_in_one_column_are_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(CmnerError, match=r"CM177.*'note'"):
        Source(tmp_path / "a.txt", Layout(text="note", id="note"))
    (tmp_path / "a.jsonl").write_text('{"id": "一"}')
    assert read_texts(tmp_path / "a.jsonl", text="id") == ["一"]


def test_numbers_that_json_does_not_have_are_missing(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "一", "id": NaN, "x": [1, {"y": Infinity}], "z": 1e999}\n')
    [item] = read(path)
    assert (item.id, item.meta) == (None, {"x": [1, {"y": None}], "z": None})
