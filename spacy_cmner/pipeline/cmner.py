"""The recogniser as a spaCy component: ``nlp.add_pipe("cmner")``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Ragged

from spacy_cmner.errors import Messages
from spacy_cmner.layers.crf import TagScheme
from spacy_cmner.models.crf_tagger import decode, loss_and_gradient
from spacy_cmner.pipeline.annotate import (
    add_entities,
    align,
    check_alignment_mode,
    warn_misaligned,
)
from spacy_cmner.pipeline.marks import read_gold, read_marks
from spacy_cmner.pipeline.scorer import create_ner_scorer
from spacy_cmner.pipeline.source import MODEL, add_source
from spacy_cmner.pipeline.windows import split_windows
from spacy_cmner.tokenizer import char_doc, read_text
from spacy_cmner.types import CharSpan

DEFAULT_CONFIG = """
[model]
@architectures = "spacy-cmner.CrfTagger.v1"

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy-cmner.ContextualEmbed.v1"

[model.tok2vec.embed.characters]
@architectures = "spacy-cmner.LocalGlobalEmbed.v1"
fusion = "concat"
integration = "concat"
channels = 64

[model.tok2vec.encode]
@architectures = "spacy-cmner.BiLSTMEncoder.v1"
hidden_width = 256
depth = 2
"""

DEFAULT_MODEL = Config().from_str(DEFAULT_CONFIG)["model"]


@Language.factory(
    "cmner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "alignment_mode": "strict",
        "max_length": 512,
        "scorer": {"@scorers": "spacy-cmner.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "ents_all_f": 0.0,
        "ents_all_p": None,
        "ents_all_r": None,
        "ents_all_per_type": None,
    },
)
def make_cmner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Ragged],
    alignment_mode: str,
    max_length: int,
    scorer: Callable | None,
) -> "ChineseMedicalNER":
    """Construct the recogniser; see ``ChineseMedicalNER``."""
    return ChineseMedicalNER(
        nlp.vocab,
        model,
        name,
        alignment_mode=alignment_mode,
        max_length=max_length,
        scorer=scorer,
    )


class ChineseMedicalNER(TrainablePipe):
    """Finds entities in Chinese medical text, one character at a time.

    The model reads characters whatever the pipeline's tokenizer is: a document whose tokens are
    not single characters is read by ``doc.text`` and its entities are put back on the tokens.
    Texts are read sentence by sentence (``pipeline.windows``). Entities already on the document
    are kept and the others are the best that agree with them.

    vocab (Vocab): the shared vocabulary.
    model (Model[List[Doc], Ragged]): ``spacy-cmner.CrfTagger.v1`` over any character encoder.
    name (str): the component's name, and of its loss in the training log.
    alignment_mode (str): what becomes of an entity whose boundary lies inside a token: strict
        drops it with a warning, contract and expand move the boundary, as in
        ``Doc.char_span``.
    max_length (int): a longer sentence is cut, in characters.
    scorer (Optional[Callable]): the scoring method.
    """

    def __init__(
        self,
        vocab: Any,
        model: Model[list[Doc], Ragged],
        name: str = "cmner",
        *,
        alignment_mode: str = "strict",
        max_length: int = 512,
        scorer: Callable | None = None,
    ) -> None:
        check_alignment_mode(alignment_mode)
        if max_length < 1:
            raise Messages.CM402.error(value=max_length)
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = create_ner_scorer() if scorer is None else scorer
        # Settings come from the config, so that spacy.load can override them; labels are learnt.
        self.alignment_mode = alignment_mode
        self.max_length = max_length
        self.cfg: dict[str, Any] = {"labels": []}
        self._rehearsal_model: Model[list[Doc], Ragged] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types the component knows."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """The labels as `spacy init labels` writes and ``initialize`` reads them."""
        return list(self.cfg["labels"])

    @property
    def scheme(self) -> TagScheme:
        """The BIOES scheme over the labels."""
        return TagScheme(self.labels)

    def add_label(self, label: str) -> int:
        """Add an entity type; a trained model keeps what it knows of the others.

        RETURNS (int): 1 if the label is new, else 0.
        """
        if not isinstance(label, str) or not label:
            raise Messages.CM403.error(value=label)
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.set_output(self.scheme.n_tags)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
        resources: Callable[[], Any] | None = None,
    ) -> None:
        """Learn the labels from the examples, build the tables and allocate the weights.

        get_examples (Callable): gives a representative sample of annotated examples.
        nlp (Optional[Language]): the pipeline.
        labels (Optional[Sequence[str]]): the entity types, instead of those in the examples.
        resources (Optional[Callable]): ``spacy-cmner.resources.v1``; None takes what ships.
        """
        validate_get_examples(get_examples, "ChineseMedicalNER.initialize")
        found = set()
        sample: list[Doc] = []
        for example in get_examples():
            found.update(span.label_ for span in example.reference.ents)
            if len(sample) < 10 and len(example.reference):
                sample.append(char_doc(self.vocab, example.reference.text))
        for label in sorted(found) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise Messages.CM404.error(name=self.name)
        if resources is not None:
            bundle = resources()
            for node in self.model.walk():
                if node.attrs.get("takes_resources"):
                    node.attrs["resources"] = bundle
        self.model.initialize(X=sample or [char_doc(self.vocab, "症状")])

    def predict(self, docs: Iterable[Doc]) -> list[list[CharSpan]]:
        """Find the entities of each document, as spans over the characters of its text.

        Entities that the documents already have are among them.
        """
        docs = list(docs)
        if not self.labels:
            raise Messages.CM405.error(name=self.name)
        found: list[list[CharSpan]] = [[] for _ in docs]
        marks = [read_marks(doc) for doc in docs]
        windows = self._windows(docs, [mark.spans for mark in marks])
        if not windows:
            return found
        scheme = self.scheme
        allowed = None
        if any(mark.spans or mark.blocked.any() for mark in marks):
            allowed = np.concatenate([mark.constrain(scheme) for mark in marks])
        tags = decode(self.model, self.model.predict(windows), scheme, allowed)
        starts = np.cumsum([0, *(len(mark.blocked) for mark in marks)])
        for start, end, label in scheme.decode(tags):
            i = int(np.searchsorted(starts, start, side="right")) - 1
            found[i].append(CharSpan(start - int(starts[i]), end - int(starts[i]), label))
        return found

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[CharSpan]]) -> None:
        """Add the entities to ``doc.ents``; those that were there stay as they are."""
        mode = self.alignment_mode
        misaligned: list[str] = []
        for doc, spans in zip(docs, scores, strict=True):
            known = {(ent.start_char, ent.end_char) for ent in doc.ents}
            new = [span for span in spans if (span.start, span.end) not in known]
            aligned, dropped = align(doc, new, mode)
            misaligned += [doc.text[span.start : span.end] for span in dropped]
            for entity in add_entities(doc, aligned):
                add_source(entity, MODEL)
        warn_misaligned(misaligned, mode)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch. Characters whose annotation is missing are marginalised over.

        losses (Optional[Dict[str, float]]): the negative log-likelihood is added under the
            component's name, a mean over the sentences of a batch; auxiliary losses of layers
            under ``{name}_{loss}``.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "ChineseMedicalNER.update")
        targets = [read_gold(example) for example in examples]
        windows = self._windows([eg.reference for eg in examples], [t.spans for t in targets])
        if not windows:
            return losses
        scheme = self.scheme
        allowed = np.concatenate([target.encode(scheme) for target in targets])
        set_dropout_rate(self.model, drop)
        emissions, backprop = self.model.begin_update(windows)
        loss, d_emissions = loss_and_gradient(self.model, emissions, scheme, allowed)
        backprop(d_emissions)
        losses[self.name] += loss
        for node in self.model.walk():
            for kind, value in node.attrs.get("auxiliary_losses", {}).items():
                key = f"{self.name}_{kind}"
                losses[key] = losses.get(key, 0.0) + value
                node.attrs["auxiliary_losses"][kind] = 0.0
        if sgd is not None and sgd is not False:
            self.finish_update(sgd)
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Ragged) -> tuple[float, Ragged]:
        """The loss of emissions and its gradient; ``scores`` are over the reference's windows."""
        targets = [read_gold(example) for example in examples]
        allowed = np.concatenate([target.encode(self.scheme) for target in targets])
        return loss_and_gradient(self.model, scores, self.scheme, allowed)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
        drop: float = 0.0,
    ) -> dict[str, float]:
        """Pull the emissions towards those from before ``nlp.resume_training``, so that what was
        learnt then is not forgotten. The loss is their mean squared difference."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        docs = [example.predicted for example in examples]
        windows = self._windows(docs, [[] for _ in docs])
        if self._rehearsal_model is None or not windows:
            return losses
        set_dropout_rate(self.model, drop)
        teacher = self._rehearsal_model.predict(windows).dataXd
        emissions, backprop = self.model.begin_update(windows)
        gradient = self.model.ops.xp.zeros_like(emissions.dataXd)
        known = teacher.shape[1]
        gradient[:, :known] = (emissions.dataXd[:, :known] - teacher) / teacher.size
        backprop(Ragged(gradient, emissions.lengths))
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += float((gradient**2).sum()) * teacher.size
        return losses

    def _windows(self, docs: Sequence[Doc], keep: Sequence[Sequence[CharSpan]]) -> list[Doc]:
        """The sentences of all documents in order, as documents of single characters.

        Joined, they are the texts of the documents, so positions in the packed batch are
        positions in the joined texts.
        """
        windows = []
        for doc, spans in zip(docs, keep, strict=True):
            text = read_text(doc)
            places = split_windows(
                text, self.max_length, keep=[(span.start, span.end) for span in spans]
            )
            if len(places) == 1 and len(doc) == len(text):
                windows.append(doc)
            else:
                windows.extend(char_doc(self.vocab, text[start:end]) for start, end in places)
        return windows
