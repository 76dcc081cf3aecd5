"""Documents annotated in part by a pipeline, for another one to learn from: self-training.

A student that is trained on what its teacher is sure of in texts without labels, beside the
labelled ones, can be better than its teacher where labels are few (Yarowsky, 1995; pseudo-labels:
Lee, 2013). What the teacher is in doubt about stays missing, as in ``supervision.distant``, so that
its doubts are not taught as facts.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_cmner.annotation.documents import read_documents, warn_of_bad
from spacy_cmner.annotation.items import BadRecord, SourceRecord
from spacy_cmner.errors import Messages
from spacy_cmner.pipeline.annotate import check_group, warn_missing
from spacy_cmner.pipeline.confidence import read_score
from spacy_cmner.pipeline.decoding import LOWEST_THRESHOLD, MARGINAL
from spacy_cmner.pipeline.marks import char_spans
from spacy_cmner.pipeline.recognisers import find_recognisers, settings
from spacy_cmner.supervision.distant import annotate_in_part
from spacy_cmner.tokenizer import char_doc, read_text

POSSIBLE = 0.3
SURE = 0.6


def pseudo_label(
    nlp: Language,
    records: Iterable[SourceRecord],
    *,
    min_score: float = SURE,
    possible: float = POSSIBLE,
    hits_key: str | None = None,
) -> Iterator[Doc]:
    """Annotate texts by a pipeline, in part; see ``annotate_again``.

    nlp (Language): the teacher. While texts are read its recognisers decode by probabilities.
    min_score (float): the least probability of an entity to be learned from.
    possible (float): entities of a lower probability are not considered.
    hits_key (Optional[str]): the span group of a dictionary.
    YIELDS (Doc): one for each text, with one token a character; those on which a component fails
        are left out.
    RAISES: CM435 if `possible` is too low to decode by, or `hits_key` can be no span group; CM434
        if `min_score` is no probability above it; CM431 if no component of the pipeline is a
        recogniser; CM176 if a component fails on all texts.
    WARNS: CM176 of texts that are left out.
    """
    if possible < LOWEST_THRESHOLD:
        expected = f"a probability of at least {LOWEST_THRESHOLD}, such as {POSSIBLE}"
        raise Messages.CM435.error(name="possible", value=possible, expected=expected)
    if not possible <= min_score <= 1:
        raise Messages.CM434.error(value=min_score, possible=possible)
    if hits_key is not None:
        check_group(hits_key, "hits_key")
    recognisers = find_recognisers(nlp)
    vocab = Vocab()
    with settings(recognisers, decoding=MARGINAL, threshold=possible, scores=True):
        bad, good = [], 0
        for read in read_documents(nlp, records):
            if isinstance(read, BadRecord):
                bad.append(read)
            else:
                good += 1
                yield annotate_again(vocab, read[1], min_score=min_score, hits_key=hits_key)
    warn_of_bad(bad, good)


def annotate_again(vocab: Vocab, doc: Doc, *, min_score: float, hits_key: str | None = None) -> Doc:
    """Annotate a text by what a pipeline found in it, in part.

    Entities of which the recogniser is not sure stay missing, and so does what a dictionary found
    where the recogniser found nothing; what neither found is outside. Entities of rules, which
    have no probability, are learned.

    vocab (Vocab): of the new document.
    doc (Doc): of a pipeline whose recogniser has ``scores = true``.
    min_score (float): the least probability of an entity to be learned from.
    hits_key (Optional[str]): the span group of the dictionary.
    RETURNS (Doc): with one token a character.
    WARNS: CM427 of hits that nothing has looked for.
    """
    spans = zip(doc.ents, char_spans(doc), strict=True)
    scored = [(span, read_score(entity)) for entity, span in spans]
    sure = [span for span, score in scored if score is None or score >= min_score]
    new = char_doc(vocab, read_text(doc))
    missing = np.zeros(len(new), dtype=np.bool_)
    if hits_key is not None:
        warn_missing(doc, "pseudo-label", [hits_key])
        for hit in doc.spans.get(hits_key, ()):
            missing[hit.start_char : hit.end_char] = True
    for span, _ in scored:
        missing[span.start : span.end] = True
    return annotate_in_part(new, sure, missing)
