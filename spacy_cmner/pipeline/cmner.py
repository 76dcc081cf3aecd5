"""The recogniser as a spaCy component: ``nlp.add_pipe("cmner")``."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import SimpleFrozenList, ensure_path
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from thinc.types import Ragged

from spacy_cmner.data.spans import SPANS_KEY, holds_nested, inner_spans
from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.layers.crf import TagScheme, check_number_of_readings
from spacy_cmner.models.crf_tagger import (
    add_evidence,
    decode_kbest,
    learns_evidence,
    loss_and_gradient,
)
from spacy_cmner.models.evidence import Evidence
from spacy_cmner.pipeline.annotate import (
    ENTS,
    Alignment,
    add_entities,
    check_alignment_mode,
    check_source,
    check_switch,
    check_target,
    warn_missing,
)
from spacy_cmner.pipeline.batches import annotate_batches
from spacy_cmner.pipeline.confidence import read_score, write_scores
from spacy_cmner.pipeline.decoding import (
    DECODINGS,
    LOWEST_THRESHOLD,
    MARGINAL,
    Decoder,
    constrain,
)
from spacy_cmner.pipeline.emissions import predict_emissions, read_emissions
from spacy_cmner.pipeline.evidence import EvidenceReader, pack
from spacy_cmner.pipeline.marks import read_marks, read_target
from spacy_cmner.pipeline.nesting import add_nested
from spacy_cmner.pipeline.reading import Window, read_windows
from spacy_cmner.pipeline.readings import Reading, combine_readings
from spacy_cmner.pipeline.saving import check_folder, loading, seal, seal_folder, unseal
from spacy_cmner.pipeline.scorer import create_ner_scorer
from spacy_cmner.pipeline.source import MODEL, add_source, mark_recorded
from spacy_cmner.pipeline.windows import join_windows
from spacy_cmner.tokenizer import char_doc
from spacy_cmner.types import CharSpan, ScoredSpan, TextRange

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

SCORER = create_ner_scorer()


@Language.factory(
    "cmner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "target": ENTS,
        "source": MODEL,
        "alignment_mode": "strict",
        "max_length": 512,
        "batch_characters": 16384,
        "decoding": "viterbi",
        "scores": False,
        "threshold": 0.0,
        "evidence_key": None,
        "evidence_weight": 1.0,
        "evidence_weights": {},
        "nested_in": [],
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
    target: str,
    source: str,
    alignment_mode: str,
    max_length: int,
    batch_characters: int,
    decoding: str,
    scores: bool,
    threshold: float,
    evidence_key: str | None,
    evidence_weight: float,
    evidence_weights: dict[str, float],
    nested_in: list[str] | str,
    scorer: Callable | None,
) -> "ChineseMedicalNER":
    """Construct the recogniser; see ``ChineseMedicalNER``."""
    return ChineseMedicalNER(
        nlp.vocab,
        model,
        name,
        target=target,
        source=source,
        alignment_mode=alignment_mode,
        max_length=max_length,
        batch_characters=batch_characters,
        decoding=decoding,
        scores=scores,
        threshold=threshold,
        evidence_key=evidence_key,
        evidence_weight=evidence_weight,
        evidence_weights=evidence_weights,
        nested_in=nested_in,
        scorer=scorer,
    )


class ChineseMedicalNER(TrainablePipe):
    """Finds entities in Chinese medical text, one character at a time.

    The model reads characters whatever the pipeline's tokenizer is: a document whose tokens are
    not single characters is read by ``doc.text`` and its entities are put back on the tokens.
    Texts are read sentence by sentence (``pipeline.windows``), but for a model that listens to a
    component upstream and so reads documents (``pipeline.emissions``). Entities already on the
    document are kept and the others are the best that agree with them.

    vocab (Vocab): the shared vocabulary.
    model (Model[List[Doc], Ragged]): ``spacy-cmner.CrfTagger.v1`` over any character encoder.
    name (str): the component's name, and of its loss in the training log.
    target (str): "ents" for ``doc.ents``, or a key of ``doc.spans``: what one recogniser of
        several finds, which may overlap what those do that run after it; what is in ``doc.ents``
        by then is a constraint all the same, and is not put there. That group is emptied first.
    source (str): ``span._.cmner_source`` of what it finds.
    alignment_mode (str): what becomes of an entity whose boundary lies inside a token: strict
        drops it with a warning, contract and expand move the boundary, as in
        ``Doc.char_span``.
    max_length (int): a sentence of more characters is read in windows that overlap.
    batch_characters (int): the most characters that the model reads at a time in prediction, which
        bounds the memory however long the documents are. ``update`` reads a batch at once.
    decoding (str): viterbi takes the entities of the most probable tag sequence; marginal those
        that are probable each and exceed ``threshold`` by the most in sum (``layers.crf_spans``),
        which finds more of them where the model is unsure, and is computed on the CPU.
    scores (bool): whether entities get their probability, as ``span._.cmner_score`` and in
        ``attrs["scores"]`` of ``doc.spans["cmner"]``, or of the group that is the ``target``.
    threshold (float): entities of a lower probability are left out. With marginal decoding it is
        at least ``LOWEST_THRESHOLD``, and best for F1 at half of the F1 that is reached, such as
        0.3.
    evidence_key (Optional[str]): a key of ``doc.spans`` whose spans, the hits of dictionaries and
        rules, add a bias to the scores of the tags that they speak for: soft evidence. None: none.
    evidence_weight (float): this bias; 0 leaves it to a model that learns it (``CrfTagger.v1``
        with ``evidence``), which adds to it.
    evidence_weights (Mapping[str, float]): the same for single rules (``span.id_``) or sources.
    nested_in (Union[Sequence[str], str, None]): the types, or the one, inside whose entities others
        are looked for in prediction (``pipeline.nesting``). ``doc.spans["cmner"]`` then holds all
        entities, or the group that is the ``target`` all that was found; ``doc.ents`` stays flat.
    scorer (Optional[Callable]): the scoring method; None leaves scoring to other components.
    RAISES: CM401, CM402, CM408, CM409, CM417, CM424 and CM435 for settings that are not possible,
        CM419 without a key that the model needs, CM442 for types that it does not know; also later,
        if they are changed.
    """

    def __init__(
        self,
        vocab: Any,
        model: Model[list[Doc], Ragged],
        name: str = "cmner",
        *,
        target: str = ENTS,
        source: str = MODEL,
        alignment_mode: str = "strict",
        max_length: int = 512,
        batch_characters: int = 16384,
        decoding: str = "viterbi",
        scores: bool = False,
        threshold: float = 0.0,
        evidence_key: str | None = None,
        evidence_weight: float = 1.0,
        evidence_weights: Mapping[str, float] | None = None,
        nested_in: Sequence[str] | str | None = None,
        scorer: Callable | None = SCORER,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        # Settings come from the config, so that spacy.load can override them; labels are learnt.
        self.target = target
        self.source = source
        self.alignment_mode = alignment_mode
        self.max_length = max_length
        self.batch_characters = batch_characters
        self.decoding = decoding
        self.scores = scores
        self.threshold = threshold
        self.evidence_key = evidence_key
        self.evidence_weight = evidence_weight
        self.evidence_weights = {} if evidence_weights is None else evidence_weights
        self.nested_in = [] if nested_in is None else nested_in
        self.cfg: dict[str, Any] = {"labels": []}
        self._check_settings()
        self._rehearsal_model: Model[list[Doc], Ragged] | None = None

    @property
    def read_evidence(self) -> EvidenceReader | None:
        """What reads the evidence on a document; None if none is asked for."""
        if self.evidence_key is None:
            return None
        return EvidenceReader(self.evidence_key, self.evidence_weight, self.evidence_weights)

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
        RAISES: CM403 for what can be no label.
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
        RAISES: CM404 without any entity type.
        """
        validate_get_examples(get_examples, "ChineseMedicalNER.initialize")
        found: set[str] = set()
        sample: list[Doc] = []
        for example in get_examples():
            found.update(span.label_ for span in example.reference.ents)
            if len(sample) < 10 and len(example.reference):
                sample.append(char_doc(self.vocab, example.reference.text))
        for label in sorted(found) if labels is None else labels:
            self.add_label(label)
        if not self.labels:
            raise Messages.CM404.error(name=self.name)
        self._check_nested_in()
        if resources is not None:
            bundle = resources()
            for node in self.model.walk():
                if node.attrs.get("takes_resources"):
                    node.attrs["resources"] = bundle
        self.model.initialize(X=sample or [char_doc(self.vocab, "症状")])

    def predict(self, docs: Iterable[Doc]) -> list[list[ScoredSpan]]:
        """Find the entities of each document, as spans over the characters of its text.

        Entities that the documents already have are among them, if the recogniser knows their type.

        RAISES: CM405 if it knows no type at all, CM319 as ``add_evidence``, CM423 as
            ``predict_emissions``.
        """
        docs = list(docs)
        self._check_ready()
        marks = [read_marks(doc) for doc in docs]
        places: list[list[TextRange]] = [[] for _ in docs]
        found: list[list[list[ScoredSpan]]] = [[] for _ in docs]
        windows = read_windows(self.vocab, docs, [mark.spans for mark in marks], self.max_length)
        recognise = Decoder(
            self.model,
            self.scheme,
            self.decoding,
            self.scores,
            self.threshold,
            {*self._nesting_types()},
        )
        for batch, emissions in self._read(docs, windows):
            for window, spans in zip(batch, recognise(batch, emissions, marks), strict=True):
                places[window.number].append(window.place)
                found[window.number].append(spans)
        return [join_windows(*windows) for windows in zip(places, found, strict=True)]

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Find the entities of a stream of documents, see ``annotate_batches``."""
        return annotate_batches(
            self,
            stream,
            batch_size,
            lambda docs: self.set_annotations(docs, self.predict(docs)),
        )

    def _check_settings(self) -> None:
        check_alignment_mode(self.alignment_mode)
        if not isinstance(self.max_length, Integral) or self.max_length < 1:
            raise Messages.CM402.error(value=self.max_length)
        if not isinstance(self.batch_characters, Integral) or self.batch_characters < 1:
            raise Messages.CM409.error(value=self.batch_characters)
        if not isinstance(self.threshold, Real) or not 0 <= self.threshold <= 1:
            raise Messages.CM408.error(value=self.threshold)
        if self.decoding not in DECODINGS:
            raise Messages.CM424.error(value=self.decoding, allowed=", ".join(DECODINGS))
        check_switch(self.scores, "scores")
        check_target(self.target)
        check_source(self.source)
        self._check_nested_in()
        # also the weights that wait for a key
        EvidenceReader(
            "" if self.evidence_key is None else self.evidence_key,
            self.evidence_weight,
            self.evidence_weights,
        )
        if self.evidence_key is None and learns_evidence(self.model):
            raise Messages.CM419.error(name=self.name)
        if self.decoding == MARGINAL and self.threshold < LOWEST_THRESHOLD:
            message = Messages.CM426.format(value=self.threshold, lowest=LOWEST_THRESHOLD)
            warnings.warn(message, CmnerWarning, stacklevel=3)

    def _check_nested_in(self) -> None:
        types = self._nesting_types()
        if not isinstance(types, Sequence) or not all(isinstance(label, str) for label in types):
            expected = 'a type, such as "sym", or a list of types'
            raise Messages.CM435.error(name="nested_in", value=types, expected=expected)
        unknown = [repr(label) for label in types if label not in self.labels]
        if unknown and self.labels:
            raise Messages.CM442.error(
                names=", ".join(unknown), name=self.name, labels=", ".join(self.labels)
            )

    def _nesting_types(self) -> Sequence[str]:
        return [self.nested_in] if isinstance(self.nested_in, str) else self.nested_in

    def _check_ready(self) -> None:
        if not self.labels:
            raise Messages.CM405.error(name=self.name)
        self._check_settings()  # anyone may have changed them

    def _read(
        self, docs: list[Doc], windows: Iterable[Window]
    ) -> Iterator[tuple[list[Window], Ragged]]:
        """Groups of windows with their emissions, and the evidence in these."""
        self._warn_without_evidence(docs)
        found = self._find_evidence(docs)
        for batch, emissions in predict_emissions(self.model, docs, windows, self.batch_characters):
            if found:
                evidence = pack((found[window.number], window.place) for window in batch)
                emissions = add_evidence(self.model, emissions, self.scheme, evidence)
            yield batch, emissions

    def _find_evidence(self, docs: Iterable[Doc]) -> list[Evidence]:
        """The evidence on each document; empty if none is asked for."""
        read = self.read_evidence
        return [] if read is None else [read(doc) for doc in docs]

    def _warn_without_evidence(self, docs: Sequence[Doc]) -> None:
        """Warn (CM427) if documents have span groups, but none the one that is read."""
        key = self.evidence_key
        others = [doc for doc in docs if doc.spans]
        if key is not None and others and not any(key in doc.spans for doc in others):
            warn_missing(others[0], self.name, [key])

    def kbest(self, doc: Doc, k: int) -> list[Reading]:
        """The k most probable sets of entities of a document, the most probable first.

        Entities that the document already has are in all of them, if the recogniser knows their
        type. A sentence is read whole here, however long it is, and ``threshold`` does not count.

        doc (Doc): read by the component that the model listens to, if it does.
        k (int): above 0.
        RETURNS (List[Reading]): fewer if there are fewer.
        RAISES: as ``predict``; CM308 for another k.
        """
        self._check_ready()
        if not isinstance(k, Integral):
            raise Messages.CM308.error(k=k)
        check_number_of_readings(k)
        marks = [read_marks(doc)]
        scheme = self.scheme
        sentences = []
        windows = read_windows(self.vocab, [doc], [marks[0].spans], max(len(doc.text), 1))
        for batch, emissions in self._read([doc], windows):
            allowed = constrain(scheme, batch, marks)
            paths = decode_kbest(self.model, emissions, scheme, k, allowed)
            for window, best in zip(batch, paths, strict=True):
                sentences.append(
                    [
                        Reading(_shift(scheme.decode(tags), window.place.start), log_probability)
                        for tags, log_probability in best
                    ]
                )
        return combine_readings(sentences, k)

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[ScoredSpan]]) -> None:
        """Add the entities to ``doc.ents``, where those that were there stay as they are, or put
        them into a span group."""
        alignment = Alignment(self.alignment_mode)
        for doc, found in zip(docs, scores, strict=True):
            known = {(ent.start_char, ent.end_char) for ent in doc.ents}
            new = [span for span in found if (span.start, span.end) not in known]
            spans, dropped = alignment.align(doc, [CharSpan(*span[:3]) for span in new])
            lost = set(dropped)
            kept = [span for span in new if CharSpan(*span[:3]) not in lost] if lost else new
            if self.target == ENTS:
                added, scored = self._add_entities(doc, found, kept, spans)
            else:
                added = scored = [*dict.fromkeys(spans)]  # several moved ones may have become one
                doc.spans[self.target] = added
                mark_recorded(doc.spans[self.target])
            for entity in added:
                add_source(entity, self.source)
            if self.scores:
                probabilities = dict(zip(spans, (span.score for span in kept), strict=True))
                scores_of = [probabilities.get(entity, read_score(entity)) for entity in scored]
                key = SPANS_KEY if self.target == ENTS else self.target
                write_scores(doc, scored, scores_of, key)
        alignment.warn()

    def _add_entities(
        self,
        doc: Doc,
        found: Sequence[ScoredSpan],
        kept: Sequence[ScoredSpan],
        spans: Sequence[Span],
    ) -> tuple[list[Span], list[Span]]:
        """Put what was found into ``doc.ents``, and what is inside others into the group of all.

        kept (Sequence[ScoredSpan]): those of ``found`` that are new and that the tokens can hold.
        spans (Sequence[Span]): these on the tokens.
        RETURNS (Tuple[List[Span], List[Span]]): those that are new, and those that belong into the
            group of scores.
        """
        if not (self.nested_in or holds_nested(doc)):
            added = add_entities(doc, spans)
            return added, added
        inside = {*inner_spans(found)}
        is_inner = [span in inside for span in kept]
        outer = [span for span, it_is in zip(spans, is_inner, strict=True) if not it_is]
        added = add_entities(doc, outer)
        added += add_nested(doc, compress(spans, is_inner))
        return added, [*doc.spans[SPANS_KEY]]

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The scores of what is in ``target``, and found inside it, by ``scorer``."""
        return super().score(examples, target=self.target, **kwargs)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch. Characters whose annotation is missing are marginalised over.

        The batch is read at once: auxiliary losses, such as the means over the different characters
        of a batch, are not sums over its parts, and dropout would draw other numbers for these.

        losses (Optional[Dict[str, float]]): the negative log-likelihood is added under the
            component's name, a mean over the sentences of a batch; auxiliary losses of layers
            under ``{name}_{loss}``.
        RAISES: CM302 for an entity of a type that it does not know, CM407 for an example whose
            texts differ, CM418 without the evidence that is asked for; others as ``crf_loss``.
        """
        self._check_settings()
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "ChineseMedicalNER.update")
        windows, allowed = self._read_targets(examples)
        if not windows:
            return losses
        scheme = self.scheme
        set_dropout_rate(self.model, drop)
        docs = [example.predicted for example in examples]
        emissions, backprop = read_emissions(self.model, docs, windows, is_train=True)
        evidence = self._pack_evidence(docs, windows)
        loss, d_emissions = loss_and_gradient(self.model, emissions, scheme, allowed, evidence)
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
        """The loss of emissions and its gradient; ``scores`` are over the reference's windows.

        RAISES: as ``update``.
        """
        examples = list(examples)
        windows, allowed = self._read_targets(examples)
        evidence = self._pack_evidence([example.predicted for example in examples], windows)
        return loss_and_gradient(self.model, scores, self.scheme, allowed, evidence)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
        drop: float = 0.0,
    ) -> dict[str, float]:
        """Pull the emissions towards those from before ``nlp.resume_training``, so that what was
        learnt then is not forgotten. The loss is their mean squared difference.

        RAISES: CM423 if the model listens to a component upstream, which ``nlp.rehearse`` does not
            run.
        """
        self._check_settings()
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        docs = [example.predicted for example in examples]
        keep: list[list[CharSpan]] = [[] for _ in docs]
        windows = list(read_windows(self.vocab, docs, keep, self.max_length))
        if self._rehearsal_model is None or not windows:
            return losses
        set_dropout_rate(self.model, drop)
        before, _ = read_emissions(self._rehearsal_model, docs, windows, is_train=False)
        emissions, backprop = read_emissions(self.model, docs, windows, is_train=True)
        teacher: Any = before.dataXd
        student: Any = emissions.dataXd
        gradient = self.model.ops.xp.zeros_like(student)
        known = teacher.shape[1]
        gradient[:, :known] = (student[:, :known] - teacher) / teacher.size
        backprop(Ragged(gradient, emissions.lengths))
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += float((gradient**2).sum()) * teacher.size
        return losses

    def to_bytes(self, *, exclude: Iterable[str] = SimpleFrozenList()) -> bytes:
        """The labels and the model, with a checksum."""
        return seal(super().to_bytes(exclude=exclude))

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "ChineseMedicalNER":
        """RAISES: CM421 if they are damaged, or do not fit the config."""
        with loading(f"The saved component '{self.name}'"):
            self._forget_labels(exclude)
            super().from_bytes(unseal(bytes_data), exclude=exclude)
            self._check_labels()
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()) -> None:
        """Write ``cfg`` (the labels), ``model``, and the checksums of both to a folder."""
        super().to_disk(path, exclude=exclude)
        seal_folder(ensure_path(path), ("cfg", "model"))

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "ChineseMedicalNER":
        """RAISES: CM421 if a file is missing or damaged, or does not fit the config."""
        folder = ensure_path(path)
        with loading(folder):
            check_folder(folder)
            self._forget_labels(exclude)
            super().from_disk(folder, exclude=exclude)
            self._check_labels()
        return self

    def _forget_labels(self, exclude: Iterable[str]) -> None:
        if "cfg" not in exclude:
            self.cfg["labels"] = []

    def _check_labels(self) -> None:
        n_tags = self.scheme.n_tags
        transitions = self.model.get_ref("transitions")
        if transitions.has_param("transitions") and transitions.get_dim("nO") != n_tags:
            raise Messages.CM422.error(
                labels=", ".join(self.labels), expected=n_tags, found=transitions.get_dim("nO")
            )

    def _read_targets(self, examples: list[Example]) -> tuple[list[Window], np.ndarray]:
        """The windows of annotated documents, and the tags (N, T) that the annotation leaves open
        in them."""
        scheme = self.scheme
        targets = [read_target(example) for example in examples]
        allowed = [target.encode(scheme) for target in targets]
        references = [example.reference for example in examples]
        spans = [target.spans for target in targets]
        windows = list(read_windows(self.vocab, references, spans, self.max_length))
        parts = [allowed[window.number][slice(*window.place)] for window in windows]
        empty = np.zeros((0, scheme.n_tags), dtype=np.bool_)
        return windows, np.concatenate([empty, *parts])

    def _pack_evidence(self, docs: list[Doc], windows: list[Window]) -> Evidence | None:
        """The evidence for an update.

        RAISES: CM418 if no document has the span group: then nothing has looked for any.
        """
        found = self._find_evidence(docs)
        if not found:
            return None
        if not any(self.evidence_key in doc.spans for doc in docs):
            raise Messages.CM418.error(key=self.evidence_key, name=self.name)
        return pack((found[window.number], window.place) for window in windows)


def _shift(spans: Iterable[tuple[int, int, str]], by: int) -> list[CharSpan]:
    return [CharSpan(start + by, end + by, label) for start, end, label in spans]
