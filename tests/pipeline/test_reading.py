"""Documents as windows of characters."""

from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_cmner.pipeline.reading import gather, read_windows
from spacy_cmner.tokenizer import char_doc, code_points, read_texts

VOCAB = Vocab()
TEXTS = st.lists(st.text(st.sampled_from("肺炎，。！\n ”😀𠮷a\ud800\x00"), max_size=40), max_size=5)


@given(TEXTS, st.integers(1, 10), st.booleans())
def test_a_batch_says_the_same_of_its_texts_as_its_tokens_do(texts, max_length, by_characters):
    docs = [char_doc(VOCAB, text) for text in texts]
    if not by_characters:
        pairs = [[text[i : i + 2] for i in range(0, len(text), 2)] for text in texts]
        docs = [Doc(VOCAB, words=[word.replace("\ud800", "�") for word in each]) for each in pairs]
    windows = list(read_windows(VOCAB, docs, [[]] * len(docs), max_length))
    batch = gather(windows)
    tokens = ["".join(token.text for token in doc) for doc in batch]
    assert read_texts(batch) == read_texts(list(batch)) == tokens
    assert code_points(batch).tolist() == [ord(char) for char in "".join(tokens)]
    for window, text in zip(windows, tokens, strict=True):
        assert docs[window.number].text[slice(*window.place)] == text
