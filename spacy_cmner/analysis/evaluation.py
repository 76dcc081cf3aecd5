"""How well and how fast a trained pipeline recognises the entities of gold data.

One score hides what matters for use: how much is found of entities that training has not shown,
whether the score rests on texts that training has shown, and whether an entity was out of reach
because it lies inside another.
"""

import time
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from spacy.language import Language

from spacy_cmner.analysis.errors import ErrorCounts
from spacy_cmner.analysis.gold import Entities, GoldText, entities_of, of_types, read
from spacy_cmner.analysis.scores import TypeCounts
from spacy_cmner.data.records import Entity, Record
from spacy_cmner.data.spans import found_entities

# An entity as training shows it: its surface and its type.
Mention = tuple[str, str]

WARM_UP_TEXTS = 8


@dataclass(frozen=True)
class Predictions:
    """What a pipeline has found.

    entities (List[Entities]): one set a text.
    characters (int): the length of all texts.
    seconds (float): the time from texts to entities, tokenization included.
    """

    entities: list[Entities]
    characters: int
    seconds: float

    @property
    def speed(self) -> float:
        """Characters a second."""
        return self.characters / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Scores:
    """The scores of some texts.

    texts (int): how many.
    all_gold (TypeCounts): against every gold entity, nested ones included: CMeEE's metric.
    flat_gold (TypeCounts): against the gold of ``doc.ents``, the most that a flat recogniser can
        find.
    """

    texts: int
    all_gold: TypeCounts
    flat_gold: TypeCounts

    def to_dict(self) -> dict[str, Any]:
        return {
            "texts": self.texts,
            "all": self.all_gold.to_dict(),
            "flat": self.flat_gold.to_dict(),
        }


@dataclass(frozen=True)
class Evaluation:
    """All that `cmner evaluate` reports.

    scores (Scores): over all texts.
    errors (ErrorCounts): the errors against all gold.
    predictions (Predictions): what was found, and how fast.
    deduplicated (Optional[Scores]): without the texts that were to be excluded.
    seen (Optional[TypeCounts]): of the entities whose surface and type are in the training data,
        against all gold.
    unseen (Optional[TypeCounts]): of the others.
    """

    scores: Scores
    errors: ErrorCounts
    predictions: Predictions
    deduplicated: Scores | None = None
    seen: TypeCounts | None = None
    unseen: TypeCounts | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what was not asked for is left out."""
        metrics: dict[str, Any] = {
            **self.scores.to_dict(),
            "errors": self.errors.to_dict(),
            "speed": {
                "characters": self.predictions.characters,
                "seconds": self.predictions.seconds,
                "characters_per_second": self.predictions.speed,
            },
        }
        if self.deduplicated is not None:
            left_out = self.scores.texts - self.deduplicated.texts
            metrics["deduplicated"] = {"left_out": left_out, **self.deduplicated.to_dict()}
        if self.seen is not None and self.unseen is not None:
            metrics["seen"] = self.seen.to_dict()
            metrics["unseen"] = self.unseen.to_dict()
        return metrics


def evaluate(
    nlp: Language,
    texts: Sequence[GoldText],
    *,
    labels: Collection[str] = (),
    train: Iterable[GoldText] | None = None,
    exclude: Iterable[GoldText] | None = None,
) -> Evaluation:
    """Predict the texts and hold what is found, see ``found_entities``, against their gold.

    nlp (Language): a trained pipeline, or any other that sets ``doc.ents``.
    texts (Sequence[GoldText]): the gold data, see ``load_gold``.
    labels (Collection[str]): the types to score, of gold and of what is found, where the pipeline
        finds others than the gold data have; all if not given.
    train (Optional[Iterable[GoldText]]): the training data, to tell seen entities from unseen.
    exclude (Optional[Iterable[GoldText]]): texts to leave out of the deduplicated scores, as a
        rule the training data.
    RETURNS (Evaluation): scores, errors and speed.
    """
    predictions = predict(nlp, [text.text for text in texts])
    found = predictions.entities
    if labels:
        texts = [text.of_types(labels) for text in texts]
        wanted = [of_types(entities, labels) for entities in found]
        predictions = replace(predictions, entities=wanted)
    errors = ErrorCounts()
    for text, entities in zip(texts, found, strict=True):
        errors.add(text.gold.entities, text.gold.judged(entities))
    deduplicated = seen = unseen = None
    if exclude is not None:
        excluded = {text.text for text in exclude}
        kept = [pair for pair in zip(texts, found, strict=True) if pair[0].text not in excluded]
        deduplicated = score([text for text, _ in kept], [entities for _, entities in kept])
    if train is not None:
        seen, unseen = score_by_mention(texts, found, mentions(train))
    return Evaluation(score(texts, found), errors, predictions, deduplicated, seen, unseen)


def predict(nlp: Language, texts: Sequence[str]) -> Predictions:
    """Run a pipeline over texts, after a warm-up that compiles what is compiled at first use."""
    for _ in read(nlp, texts[:WARM_UP_TEXTS]):
        pass
    begin = time.perf_counter()
    docs = list(read(nlp, texts))
    seconds = time.perf_counter() - begin
    return Predictions(
        [entities_of(found_entities(doc)) for doc in docs], sum(map(len, texts)), seconds
    )


def score(texts: Sequence[GoldText], predicted: Sequence[Set[Entity]]) -> Scores:
    """Score one set of predictions a text."""
    all_gold, flat_gold = TypeCounts(), TypeCounts()
    for text, entities in zip(texts, predicted, strict=True):
        all_gold.add(text.gold.entities, text.gold.judged(entities))
        flat_gold.add(text.gold.flat, text.gold.judged(entities, flat=True))
    return Scores(len(texts), all_gold, flat_gold)


def score_by_mention(
    texts: Sequence[GoldText], predicted: Sequence[Set[Entity]], known: Set[Mention]
) -> tuple[TypeCounts, TypeCounts]:
    """Score the known entities, gold and predicted, and the others apart, against all gold."""
    seen, unseen = TypeCounts(), TypeCounts()
    for text, entities in zip(texts, predicted, strict=True):
        gold, judged = text.gold.entities, text.gold.judged(entities)
        old = {entity for entity in gold | judged if _mention(text, entity) in known}
        seen.add(gold & old, judged & old)
        unseen.add(gold - old, judged - old)
    return seen, unseen


def mentions(texts: Iterable[GoldText]) -> set[Mention]:
    """The surface and type of each gold entity."""
    return {_mention(text, entity) for text in texts for entity in text.gold.entities}


def prediction_records(texts: Sequence[GoldText], predictions: Predictions) -> list[Record]:
    """Predictions in the form that ``write_jsonl`` takes, with the ids of the gold texts."""
    return [
        Record(text.text, tuple(entities), text.id)
        for text, entities in zip(texts, predictions.entities, strict=True)
    ]


def _mention(text: GoldText, entity: Entity) -> Mention:
    return text.text[entity.start : entity.end], entity.label
