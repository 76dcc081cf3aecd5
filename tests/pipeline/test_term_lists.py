import pytest
from spacy.cli._util import app
from spacy.vocab import Vocab
from typer.testing import CliRunner

import spacy_cmner.cli  # noqa: F401  (registers its commands on spaCy's)
from spacy_cmner.data.corpus import load_docbin
from spacy_cmner.errors import CmnerError, CmnerWarning
from spacy_cmner.pipeline.term_lists import Term, read_terms, write_terms


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("dru.txt", "\ufeff青霉素\r\n\n头孢 \t17\n", [("青霉素", "dru"), ("头孢", "dru")]),
        ("a.csv", '青霉素,dru,J01\n"a,b",dis\n', [("青霉素", "dru"), ("a,b", "dis")]),
        ("a.csv", "code,Type,Term\n1,dru,青霉素\n\n", [("青霉素", "dru", "1")]),
        ("a.csv", "\n\nterm,label\n青霉素,dru\n", [("青霉素", "dru")]),
        ("a.csv", "编码,名称,类别\n1,青霉素,dru\n", [("青霉素", "dru", "1")]),
        ("a.csv", "术语名称,分类\n青霉素,dru\n", [("青霉素", "dru")]),
        ("a.csv", "Category,Name\ndru,青霉素\n", [("青霉素", "dru")]),
        (
            "a.csv",
            "id,分类编码,分类名称,药品代码, 药品名称 \n1,X,dru, J01 ,青霉素\n2,X,dru\t,,头孢",
            [("青霉素", "dru", "J01"), ("头孢", "dru")],
        ),
        (
            "a.csv",
            "term,type,id\n青霉素,dru,J01\n头孢,dru\n",
            [("青霉素", "dru", "J01"), ("头孢", "dru")],
        ),
        ("a.csv", '术语,term\n"7""骨折",dis', [("术语", "term"), ('7"骨折', "dis")]),
        (
            "a.jsonl",
            '{"term": "黄连", "type": ["dru", "ite"]}\n\n{"term": "咳", "type": "sym"}',
            [("黄连", "dru"), ("黄连", "ite"), ("咳", "sym")],
        ),
        (
            "a.jsonl",
            '{"term": "心梗", "type": "dis", "id": "I21"}\n'
            '{"term": "咳", "type": "sym", "id": null}\n'
            '{"term": "热", "type": ["sym", "dis"], "id": 50}',
            [("心梗", "dis", "I21"), ("咳", "sym"), ("热", "sym", "50"), ("热", "dis", "50")],
        ),
        (
            "a.csv",
            "商品名,ICD-10,通用名,类型\n泰诺,R50,对乙酰氨基酚,dru\n",
            [("对乙酰氨基酚", "dru", "R50")],
        ),
        ("a.csv", "商品名,药品通用名,类型\n泰诺,对乙酰氨基酚,dru\n", [("对乙酰氨基酚", "dru")]),
        (
            "a.csv",
            "科室编码,科室名称,诊断编码,诊断名称,类型\n03,儿科,J18,肺炎,dis\n",
            [("肺炎", "dis", "J18")],
        ),
        ("a.csv", "英文名称,中文名,类型\nAspirin,阿司匹林,dru\n", [("阿司匹林", "dru")]),
        ("a.csv", "科室编码,科室名称,类型\n03,儿科,dep\n", [("儿科", "dep", "03")]),
        ("a.csv", "序号,症状名,类型\n1,头痛,sym\n", [("头痛", "sym")]),
        ("a.csv", "实体,类型\n头痛,sym\n", [("头痛", "sym")]),
        (
            "a.csv",
            "名称,类型\n肺炎,dis\n,\n , \n哮喘,dis\n,,,\n",
            [("肺炎", "dis"), ("哮喘", "dis")],
        ),
        ("dru.TXT", "青霉素\n", [("青霉素", "dru")]),
        ("a.txt", "", []),
        ("a.csv", "", []),
    ],
)
def test_reads(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf8")
    assert read_terms(tmp_path / name) == [Term(*pair) for pair in expected]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "青霉素,1\n头孢,2\n咳,3\n", ["青霉素", "头孢", "咳"]),
        ("a.csv", "青霉素,1\n5,2\n咳,3\n", ["青霉素", "5", "咳"]),
        ("a.csv", "1,青霉素\n2,头孢\n", ["1", "2"]),
        ("a.csv", "青霉素,1\n", ["青霉素"]),
        ("a.csv", "", []),
        ("a.jsonl", '{"term": "青霉素", "type": "dru"}', ["青霉素"]),
    ],
)
def test_a_given_type_wins(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf8")
    assert read_terms(tmp_path / name, label="X") == [Term(text, "X") for text in expected]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "诊断编码,诊断名称\nI21,心梗\n"),
        ("a.jsonl", '{"term": "心梗", "id": "I21"}'),
    ],
)
def test_a_list_needs_no_types_if_one_is_given(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf8")
    assert read_terms(tmp_path / name, label="dis") == [("心梗", "dis", "I21")]


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("词条,种类\n青霉素,dru\n头孢,dru\n", None),
        ("种类,词条\ndru,青霉素\ndru,头孢\n", None),
        ("名称,编码\n青霉素,J01CE\n头孢,J01DB\n", None),
        ("序号,品种,剂型\n1,青霉素,针\n 2,头孢,片\n", "X"),
        ("诊断编码,诊断\nI21,心梗\nJ18,肺炎\n", "X"),
        ("诊断编码,诊断\nI21,心梗\n", "X"),
    ],
)
def test_a_header_that_is_not_known_is_warned_of(tmp_path, content, label):
    (tmp_path / "a.csv").write_text(content, encoding="utf8")
    with pytest.warns(CmnerWarning, match=rf"CM436.*a\.csv.*\({content.splitlines()[0]}\)"):
        assert len(read_terms(tmp_path / "a.csv", label=label)) == content.count("\n")


@pytest.mark.parametrize(
    "content",
    ["CT,pro\n肺炎,dis\n", "CT,pro\n肺炎,dis\nMRI, pro\n", "term,type\nCT,pro\n肺炎,dis\n咳,sym\n"],
)
def test_first_terms_are_not_taken_for_headers(tmp_path, content):
    (tmp_path / "a.csv").write_text(content, encoding="utf8")
    assert "CT" in [term.text for term in read_terms(tmp_path / "a.csv")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dis.txt", "心梗\n"),
        ("a.csv", "名称,类别\n心梗,dis\n"),
        ("a.jsonl", '{"term": "心梗", "type": "dis"}'),
    ],
)
def test_other_encodings(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="gb18030")
    with pytest.raises(CmnerError, match=rf"CM102.*{name} is not utf-8"):
        read_terms(tmp_path / name)
    assert read_terms(tmp_path / name, encoding="gb18030") == [Term("心梗", "dis")]


def test_the_command_takes_lists_in_other_encodings(tmp_path):
    (tmp_path / "texts.txt").write_text("服药见心梗。\n", encoding="utf8")
    (tmp_path / "dis.txt").write_text("心梗\n", encoding="gb18030")
    (tmp_path / "no.txt").write_text("服药\n", encoding="gb18030")
    lists = ["-t", tmp_path / "dis.txt", "--outside", tmp_path / "no.txt"]
    words = ["cmner", "distant", tmp_path / "texts.txt", tmp_path / "out.spacy", *lists]
    result = CliRunner().invoke(app, [*map(str, words), "--terms-encoding", "gb18030"])
    assert result.exit_code == 0, result.output
    (doc,) = load_docbin(tmp_path / "out.spacy").get_docs(Vocab())
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("心梗", "dis")]
    assert [token.ent_iob_ for token in doc] == ["O", "O", "", "B", "I", "O"]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.txt", "青霉素\n\n\t头孢\n", 3),
        ("a.csv", "青霉素,dru\n头孢\n", 2),
        ("a.csv", "青霉素,dru\n,dru\n", 2),
        ("a.csv", "青霉素, \n", 1),
        ("a.csv", "青霉素\n头孢,dru\n咳,sym\n", 1),
        ("a.csv", '"青\n霉素",dru\n头孢\n', 3),
        ("a.csv", '青霉素,dru\n肺炎,"dis\n哮喘,dis\n', 2),
        ("a.csv", '青霉素,dru\n\n"肺炎,dis\n"哮喘,dis\n', 3),
        ("a.csv", '"青霉素,dru\n' + "肺炎,dis\n" * 30_000, 1),
        ("a.jsonl", '{"term": "咳"}\n', 1),
        ("a.jsonl", '{"term": "咳", "type": "sym"}\n{"term": "咳", "type": []}', 2),
        ("a.jsonl", '{"term": 3, "type": "sym"}', 1),
        ("a.jsonl", '{"term": "咳", "type": "sym", "id": ["R05"]}', 1),
        ("a.jsonl", '["咳", "sym"]', 1),
        ("a.jsonl", "咳,sym", 1),
        ("a.jsonl", '{"term": "咳", "type": "sym", "id": ' + "9" * 5000 + "}", 1),
    ],
)
def test_a_bad_line_is_named(tmp_path, name, content, line):
    (tmp_path / name).write_text(content, encoding="utf8")
    with pytest.raises(CmnerError, match=rf"CM411.*{name}, line {line}:"):
        read_terms(tmp_path / name)


@pytest.mark.parametrize("label", [None, "dis"])
@pytest.mark.parametrize("separator", ["\t", ";", "|", "，"])
def test_another_separator_is_named(tmp_path, separator, label):
    path = tmp_path / "a.csv"
    path.write_text("\n疾病名称,编码\n心梗,I21\n".replace(",", separator), encoding="utf8")
    with pytest.raises(CmnerError, match=r"CM411.*a\.csv, line 2: .* commas") as caught:
        read_terms(path, label)
    assert f"not {separator!r}" in str(caught.value)


def test_a_term_may_hold_another_separator(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("铁;叶酸缺乏\n心梗\n", encoding="utf8")
    assert [term.text for term in read_terms(path, "dis")] == ["铁;叶酸缺乏", "心梗"]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(CmnerError, match="CM410"):
        read_terms(tmp_path / "a.xlsx")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CmnerError, match="CM101"):
        read_terms(tmp_path / "a.txt")


def test_written_lists_are_read_back(tmp_path):
    write_terms(tmp_path / "a.jsonl", [("咳\u2028\n嗽\0", ["sym", "dis"]), ("𠮷", ["bod"])])
    assert read_terms(tmp_path / "a.jsonl") == [
        Term("咳\u2028\n嗽\0", "sym"),
        Term("咳\u2028\n嗽\0", "dis"),
        Term("𠮷", "bod"),
    ]


def test_written_lists_are_read_by_people(tmp_path):
    write_terms(tmp_path / "a.jsonl", [("咳嗽", ["sym", "dis"])])
    content = (tmp_path / "a.jsonl").read_text(encoding="utf8")
    assert content == '{"term": "咳嗽", "type": ["sym", "dis"]}\n'


def test_written_codes_are_read_back_in_the_order_of_the_types(tmp_path):
    codes = {"a": "1", "b": "1", "d": "1"}
    write_terms(tmp_path / "a.jsonl", [("咳", "abcd")], lambda term, label: codes.get(label, ""))
    expected = [Term("咳", label, codes.get(label, "")) for label in "abcd"]
    assert read_terms(tmp_path / "a.jsonl") == expected
