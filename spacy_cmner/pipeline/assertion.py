"""Negation, uncertainty, family and past history as a spaCy component:
``nlp.add_pipe("cmner_assertion")``.

Importing this module registers the extensions ``span._.negated``, ``.uncertain``, ``.family`` and
``.past`` and, for the word that says so, ``span._.negated_trigger`` and so on. Their values lie in
``doc.user_data`` like those of ``pipeline.source``.
"""

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import SimpleFrozenList, ensure_path
from thinc.api import Config

from spacy_cmner.errors import CmnerWarning, Messages
from spacy_cmner.pipeline.annotate import ENTS, warn_missing
from spacy_cmner.pipeline.context import Assertion, ContextRules
from spacy_cmner.pipeline.entity_data import (
    doc_data,
    place_key,
    read_all,
    restore,
    user_data,
    user_key,
)
from spacy_cmner.pipeline.ruler import BatchPipe
from spacy_cmner.pipeline.saving import check_folder, loading, seal, seal_folder, unseal
from spacy_cmner.pipeline.triggers import ATTRIBUTES, Trigger, read_triggers
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.tokenizer import read_texts
from spacy_cmner.types import TextRange

DEFAULT_CONFIG = """
[assertion]
inputs = ["ents"]
"""

DEFAULTS = Config().from_str(DEFAULT_CONFIG)["assertion"]
NAME = "cmner_assertion"
TRIGGERS = "triggers.jsonl"

# The entities of a document, each with what is said of it.
Asserted: TypeAlias = list[tuple[TextRange, Assertion]]


@Language.factory(
    "cmner_assertion",
    requires=["doc.ents"],
    assigns=[f"span._.{attribute}" for attribute in ATTRIBUTES],
    default_config=DEFAULTS,
)
def make_cmner_assertion(nlp: Language, name: str, inputs: list[str]) -> "Assertions":
    """Construct the component; see ``Assertions``."""
    return Assertions(name, inputs=inputs)


class Assertions(BatchPipe[Asserted]):
    """Says of each entity whether the text denies it, doubts it, or speaks of the family or the
    past. The rules are those of ``pipeline.context``.

    name (str): the component's name.
    inputs (Sequence[str]): where the entities are: "ents" for ``doc.ents``, keys of ``doc.spans``;
        a group that a document does not have is empty, with a warning.
    RAISES: CM429 without inputs; also later, if they are changed.
    """

    def __init__(self, name: str = "cmner_assertion", *, inputs: Sequence[str] = (ENTS,)) -> None:
        self.name = name
        self.inputs = list(inputs)
        self._check_inputs()
        self.rules = ContextRules(read_triggers(shipped("triggers")))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        triggers: str | Path | None = None,
        more_triggers: str | Path | None = None,
    ) -> None:
        """Take triggers from ``[initialize.components.cmner_assertion]``.

        get_examples (Callable): not used: nothing is learnt.
        nlp (Optional[Language]): not used.
        triggers (Optional[Path]): a list in place of the one that ships.
        more_triggers (Optional[Path]): a list that is added to it.
        RAISES: as ``read_triggers``.
        """
        chosen = read_triggers(shipped("triggers") if triggers is None else Path(triggers))
        if more_triggers is not None:
            chosen += read_triggers(Path(more_triggers))
        self.rules = ContextRules(chosen)

    def find(self, docs: Sequence[Doc]) -> list[Asserted]:
        """What the texts of the documents say of each of their entities."""
        self._check_inputs()
        for doc in docs:
            warn_missing(doc, self.name, self.inputs)
        places = [self._places(doc) for doc in docs]
        busy = [number for number, entities in enumerate(places) if entities]
        texts = read_texts([docs[number] for number in busy])
        found: list[Asserted] = [[] for _ in docs]
        assertions = self.rules.find(texts, [places[number] for number in busy])
        for number, asserted in zip(busy, assertions, strict=True):
            found[number] = list(zip(places[number], asserted, strict=True))
        return found

    def write(self, doc: Doc, found: Asserted) -> None:
        """Set the attributes of the entities of a document.

        Triggers are kept relative to the entity, so that they hold when documents are joined.
        """
        data = doc_data(doc)
        for entity, assertion in found:
            data[place_key(NAME, *entity)] = {
                attribute: (place.start - entity.start, place.end - entity.start)
                for attribute, place in assertion.items()
            }

    def _check_inputs(self) -> None:
        if not self.inputs:
            raise Messages.CM429.error(name=self.name, effect="say nothing of any entity")

    def _places(self, doc: Doc) -> list[TextRange]:
        return [
            TextRange(span.start_char, span.end_char)
            for key in self.inputs
            for span in (doc.ents if key == ENTS else doc.spans.get(key, ()))
        ]

    def to_bytes(self, *, exclude: Iterable[str] = SimpleFrozenList()) -> bytes:
        """The triggers, with a checksum."""
        return seal(srsly.msgpack_dumps([list(trigger) for trigger in self.rules.triggers]))

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "Assertions":
        """Take the triggers of ``to_bytes``. RAISES: CM421 if they are damaged."""
        with loading(f"The saved component '{self.name}'"):
            rows: list[Any] = srsly.msgpack_loads(unseal(bytes_data))
            self.rules = ContextRules(Trigger(*row) for row in rows)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()) -> None:
        """Write ``triggers.jsonl`` and its checksum to a folder."""
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [trigger._asdict() for trigger in self.rules.triggers]
        srsly.write_jsonl(folder / TRIGGERS, rows)
        seal_folder(folder, (TRIGGERS,))

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "Assertions":
        """Take the triggers of ``to_disk``. RAISES: CM421 if the file is missing or damaged."""
        folder = ensure_path(path)
        with loading(folder):
            check_folder(folder)
            self.rules = ContextRules(read_triggers(folder / TRIGGERS))
        return self


def read_attributes(span: Span) -> tuple[str, ...] | None:
    """What is said of an entity, such as negated; None if no component has looked."""
    found = user_data(span).get(user_key(span, NAME))
    return None if found is None else tuple(sorted(found))


def write_attributes(span: Span, attributes: Iterable[str]) -> None:
    """Say it of an entity, without the words that say so."""
    user_data(span)[user_key(span, NAME)] = dict.fromkeys(attributes)


def _set(span: Span, value: Mapping[str, Any] | Collection[str]) -> None:
    if isinstance(value, Mapping):
        restore(span, NAME, value)
    elif isinstance(value, Collection) and all(each in ATTRIBUTES for each in value):
        write_attributes(span, value)
    else:
        expected = f"a list of {', '.join(ATTRIBUTES)}, or an empty one"
        raise Messages.CM435.error(name=NAME, value=value, expected=expected)


def _has(attribute: str, span: Span) -> bool:
    return attribute in read_all(span, NAME)


def _trigger(attribute: str, span: Span) -> Span | None:
    place = read_all(span, NAME).get(attribute)
    if place is None:
        return None
    start, end = (span.start_char + offset for offset in place)
    return span.doc.char_span(start, end, alignment_mode="expand")


def register_extensions() -> None:
    """Register all that are not there; one of another library with such a name stays, and
    ``read_attributes`` tells the same.

    WARNS: CM441 of those that stay.
    """
    if not Span.has_extension(NAME):
        Span.set_extension(NAME, getter=read_attributes, setter=_set)
    others = []
    for attribute in ATTRIBUTES:
        for name, read in ((attribute, _has), (f"{attribute}_trigger", _trigger)):
            if not Span.has_extension(name):
                Span.set_extension(name, getter=partial(read, attribute))
            elif not _is_ours(name):
                others.append(f"span._.{name}")
    if others:
        message = Messages.CM441.format(names=", ".join(others), safe=f"span._.{NAME}")
        warnings.warn(message, CmnerWarning, stacklevel=2)


def _is_ours(name: str) -> bool:
    """Whether an extension is of this module, also of one that was imported before."""
    _, _, getter, _ = Span.get_extension(name)
    return isinstance(getter, partial) and getter.func.__module__ == __name__


register_extensions()
