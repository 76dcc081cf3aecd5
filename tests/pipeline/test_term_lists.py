import pytest

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.term_lists import Term, read_terms, write_terms


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("dru.txt", "\ufeff青霉素\r\n\n头孢 \t17\n", [("青霉素", "dru"), ("头孢", "dru")]),
        ("a.csv", '青霉素,dru,J01\n"a,b",dis\n', [("青霉素", "dru"), ("a,b", "dis")]),
        ("a.csv", "code,Type,Term\n1,dru,青霉素\n\n", [("青霉素", "dru")]),
        ("a.csv", "\n\nterm,label\n青霉素,dru\n", [("青霉素", "dru")]),
        ("a.csv", "编码,名称,类别\n1,青霉素,dru\n", [("青霉素", "dru")]),
        ("a.csv", '术语,term\n"7""骨折",dis', [("术语", "term"), ('7"骨折', "dis")]),
        (
            "a.jsonl",
            '{"term": "黄连", "type": ["dru", "ite"]}\n\n{"term": "咳", "type": "sym"}',
            [("黄连", "dru"), ("黄连", "ite"), ("咳", "sym")],
        ),
        ("a.txt", "", []),
        ("a.csv", "", []),
    ],
)
def test_reads(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf8")
    assert read_terms(tmp_path / name) == [Term(*pair) for pair in expected]


def test_a_given_type_wins(tmp_path):
    (tmp_path / "a.csv").write_text("青霉素,dru\n", encoding="utf8")
    assert read_terms(tmp_path / "a.csv", label="X") == [("青霉素", "X")]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", "青霉素,dru\n头孢\n", 2),
        ("a.csv", "青霉素,dru\n,dru\n", 2),
        ("a.csv", "青霉素, \n", 1),
        ("a.csv", '青霉素,dru\n肺炎,"dis\n哮喘,dis\n', 2),
        ("a.csv", '青霉素,dru\n\n"肺炎,dis\n"哮喘,dis\n', 3),
        ("a.csv", '"青霉素,dru\n' + "肺炎,dis\n" * 30_000, 1),
        ("a.jsonl", '{"term": "咳"}\n', 1),
        ("a.jsonl", '{"term": "咳", "type": "sym"}\n{"term": "咳", "type": []}', 2),
        ("a.jsonl", '{"term": 3, "type": "sym"}', 1),
        ("a.jsonl", '["咳", "sym"]', 1),
        ("a.jsonl", "咳,sym", 1),
    ],
)
def test_a_bad_line_is_named(tmp_path, name, content, line):
    (tmp_path / name).write_text(content, encoding="utf8")
    with pytest.raises(CmnerError, match=rf"CM411.*{name}, line {line}:"):
        read_terms(tmp_path / name)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(CmnerError, match="CM410"):
        read_terms(tmp_path / "a.xlsx")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        read_terms(tmp_path / "a.txt")


def test_written_lists_are_read_back(tmp_path):
    write_terms(tmp_path / "a.jsonl", [("咳\u2028\n嗽\0", ["sym", "dis"]), ("𠮷", ["bod"])])
    assert read_terms(tmp_path / "a.jsonl") == [
        ("咳\u2028\n嗽\0", "sym"),
        ("咳\u2028\n嗽\0", "dis"),
        ("𠮷", "bod"),
    ]
