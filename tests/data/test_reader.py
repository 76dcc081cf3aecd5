import pytest
import spacy
import tiny
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_cmner.data.corpus import write_docbin
from spacy_cmner.data.reader import CorpusReader, create_corpus_reader
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.errors import CmnerError
from spacy_cmner.tokenizer import char_doc

RECORDS = [
    Record("右肺 疼痛", (Entity(0, 2, "bod"), Entity(0, 5, "sym")), id="a", meta={"ward": 3}),
    Record("", ()),
    Record("无\r\n痰😀", ()),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "gold.spacy"
    write_docbin(RECORDS, path)
    return path


@pytest.fixture
def nlp():
    return spacy.blank("zh", config=tiny.CHARACTERS)


def test_gives_gold_beside_a_fresh_document(nlp, path):
    examples = list(create_corpus_reader(path)(nlp))
    assert [eg.reference.text for eg in examples] == [record.text for record in RECORDS]
    assert [eg.predicted.text for eg in examples] == [record.text for record in RECORDS]
    assert tiny.entities(examples[0].reference) == [(0, 5, "sym")]
    group = examples[0].reference.spans["cmner"]
    assert [(s.start_char, s.end_char, s.label_) for s in group] == [(0, 2, "bod"), (0, 5, "sym")]
    assert not examples[0].predicted.ents
    assert examples[2].reference.has_annotation("ENT_IOB")


def test_a_path_can_be_a_string(nlp, path):
    assert len(list(CorpusReader(str(path))(nlp))) == len(RECORDS)


def test_reads_the_file_once_but_predicts_on_new_documents(nlp, path):
    reader = create_corpus_reader(path)
    first = list(reader(nlp))
    path.unlink()
    second = list(reader(nlp))
    assert [eg.reference for eg in second] == [eg.reference for eg in first]
    assert all(a.predicted is not b.predicted for a, b in zip(first, second, strict=True))


def test_another_pipeline_gets_documents_of_its_own_vocabulary(nlp, path):
    reader = create_corpus_reader(path)
    list(reader(nlp))
    other = spacy.blank("zh", config=tiny.CHARACTERS)
    assert all(eg.reference.vocab is other.vocab for eg in reader(other))


@pytest.mark.parametrize("limit, count", [(0, 3), (1, 1), (9, 3)])
def test_limit(nlp, path, limit, count):
    assert len(list(create_corpus_reader(path, limit)(nlp))) == count


def test_a_negative_limit(path):
    with pytest.raises(CmnerError, match=r"CM175.*limit = -1 .*0 for all"):
        create_corpus_reader(path, -1)


def test_the_pipeline_may_have_another_tokenizer(path):
    [example, *_] = create_corpus_reader(path)(spacy.blank("zh"))
    assert [token.text_with_ws for token in example.predicted] == ["右", "肺 ", "疼", "痛"]


def test_a_document_may_be_longer_than_spacy_takes(nlp, path):
    nlp.max_length = 1
    read = [example.predicted.text for example in create_corpus_reader(path)(nlp)]
    assert read == [record.text for record in RECORDS]


def test_a_docbin_of_others_is_read(nlp, tmp_path):
    doc = char_doc(Vocab(), "肺炎")
    doc.set_ents([doc.char_span(0, 2, label="dis")])
    DocBin(docs=[doc]).to_disk(tmp_path / "plain.spacy")
    [example] = create_corpus_reader(tmp_path / "plain.spacy")(nlp)
    assert tiny.entities(example.reference) == [(0, 2, "dis")]


def test_no_path():
    with pytest.raises(CmnerError, match=r"CM115.*--paths.train"):
        create_corpus_reader(None)


def test_missing_file(nlp, tmp_path):
    with pytest.raises(CmnerError, match=r"CM101.*none"):
        list(create_corpus_reader(tmp_path / "none.spacy")(nlp))


def test_a_folder_of_files(nlp, path):
    inner = path.parent / "teacher.spacy"  # the folder that `annotate` writes parts to
    inner.mkdir()
    write_docbin([Record("咳嗽", (Entity(0, 2, "sym"),))], inner / "part-000000.spacy")
    (inner / "notes.txt").write_text("no DocBin")
    texts = [record.text for record in RECORDS]
    reader = create_corpus_reader(path.parent)
    assert [eg.reference.text for eg in reader(nlp)] == [*texts, "咳嗽"]
    assert len(list(create_corpus_reader(path.parent, 2)(nlp))) == 2


def test_a_folder_without_files(nlp, tmp_path):
    with pytest.raises(CmnerError, match=r"CM116.*nothing"):
        (tmp_path / "nothing").mkdir()
        list(create_corpus_reader(tmp_path / "nothing")(nlp))


def test_a_file_without_texts(nlp, tmp_path):
    DocBin().to_disk(tmp_path / "none.spacy")
    with pytest.raises(CmnerError, match=r"CM119.*none\.spacy"):
        list(create_corpus_reader(tmp_path / "none.spacy")(nlp))
