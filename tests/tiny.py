"""A pipeline small enough to train in a test, and the texts it learns from."""

from pathlib import Path
from typing import Any

import spacy
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_cmner.resources.bundle import Resources

SENTENCES = [
    ("患者右肺疼痛三天。", [(2, 4, "bod"), (4, 6, "sym")]),
    ("服用阿莫西林后咳嗽减轻。", [(2, 6, "dru"), (7, 9, "sym")]),
    ("心脏无杂音，肝脏不大。", [(0, 2, "bod"), (6, 8, "bod")]),
    ("给予布洛芬退热，头晕好转！", [(2, 5, "dru"), (8, 10, "sym")]),
    ("无发热，无咳嗽。", [(1, 3, "sym"), (5, 7, "sym")]),
    ("复查，一切正常。", []),
]
LABELS = ("bod", "dru", "sym")
FOLDER = Path(__file__).parent
FILES = ("glyphs", "components", "vectors", "lexicon", "bigrams")

EMBED: dict[str, Any] = {
    "@architectures": "spacy-cmner.LocalGlobalEmbed.v1",
    "local_width": 16,
    "image_size": 8,
    "channels": 64,
    "stride": 2,
    "n_components": 3,
    "component_width": 6,
}
MODEL: dict[str, Any] = {
    "@architectures": "spacy-cmner.CrfTagger.v1",
    "tok2vec": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": EMBED,
        "encode": {"@architectures": "spacy-cmner.BiLSTMEncoder.v1", "hidden_width": 16},
    },
}
CHARACTERS = {"nlp": {"tokenizer": {"@tokenizers": "spacy-cmner.char_tokenizer.v1"}}}


def texts() -> st.SearchStrategy[str]:
    """Texts of all planes: with lone surrogates, marks of direction, joined and combined
    characters, blanks and control characters, between such as the tiny model knows."""
    known = st.sampled_from(sorted({char for text, _ in SENTENCES for char in text}))
    marks = ["\0", "\u200d", "\u200f", "\u202e", "\u2066", "\ufeff", "\u0301", "\ufe0f"]
    blanks = [" ", "\t", "\n", "\r\n", "\u2028", "\u3000"]
    wide = ["\ud800", "\udfff", "👩\u200d👩\u200d👧", "👍🏽", "𠮷", "\U0010ffff"]
    letters = ["Ａ", "ﬁ", "İ", "ß", "CT", "0.5mg", "Ⅱ期", "120/80mmHg"]
    words = ["3天", "头晕", "布洛芬", "无", "否认"]
    hostile = st.sampled_from([*marks, *blanks, *wide, *letters, *words])
    anything = st.characters(categories=None)
    return st.lists(known | hostile | anything, max_size=30).map("".join)


def resource_paths(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.npz" for name in FILES}


def bundle(folder: Path) -> Resources:
    return Resources(**resource_paths(folder))


def blank(config: dict[str, Any] = CHARACTERS, **settings: Any) -> Language:
    """An untrained tiny pipeline; ``settings`` go to the component."""
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("cmner", config={"model": MODEL, **settings})
    return nlp


def hybrid(recogniser: Language, **settings: Any) -> Language:
    """A trained recogniser among all components; ``settings`` go to the recogniser."""
    nlp = spacy.blank("zh", config=CHARACTERS)
    terms = nlp.add_pipe("cmner_dictionary", config={"target": "dictionary"})
    terms.add_terms([("头晕", "sym"), ("布洛芬", "dru"), ("CT", "tes"), ("肝", "bod")])
    terms.add_stop_terms(["肝"])
    model = recogniser.config["components"]["cmner"]["model"]
    nlp.add_pipe("cmner", config={"model": model, "scores": True, **settings})
    nlp.get_pipe("cmner").from_bytes(recogniser.get_pipe("cmner").to_bytes())
    nlp.add_pipe("cmner_patterns")
    nlp.add_pipe("cmner_merge", config={"policy": "highest_score"})
    nlp.add_pipe("cmner_assertion")
    return nlp


def examples(nlp: Language, sentences: list = SENTENCES) -> list[Example]:
    return [
        Example.from_dict(nlp.make_doc(text), {"entities": [*entities]})
        for text, entities in sentences
    ]


def initialize(nlp: Language, folder: Path, sentences: list = SENTENCES, **settings: Any) -> Any:
    """Initialise with the small resources and ``settings``; returns the optimizer."""
    fix_random_seed(0)
    nlp.config["initialize"]["components"]["cmner"] = {
        "resources": {
            "@misc": "spacy-cmner.resources.v1",
            **{name: str(path) for name, path in resource_paths(folder).items()},
        },
        **settings,
    }
    optimizer = nlp.initialize(lambda: examples(nlp, sentences))
    optimizer.learn_rate = 0.02
    return optimizer


def learn(nlp: Language, optimizer: Any, steps: int = 40, sentences: list = SENTENCES) -> None:
    batch = examples(nlp, sentences)
    for _ in range(steps):
        nlp.update(batch, sgd=optimizer)


def entities(doc: Doc) -> list[tuple[int, int, str]]:
    return [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]


def iob(doc: Doc) -> str:
    """A letter a character: the first of its type, O for outside, - for missing."""
    return "".join(t.ent_type_[:1] or ("O" if t.ent_iob_ == "O" else "-") for t in doc)


def findings(doc: Doc) -> list[tuple]:
    """All that the components of a hybrid pipeline say of a document."""
    entities = [
        (
            *(ent.start_char, ent.end_char, ent.label_),
            *(ent._.cmner_score, ent._.cmner_source, ent._.negated, ent._.uncertain, ent._.past),
        )
        for ent in doc.ents
    ]
    groups = [
        (key, span.start_char, span.end_char, span.label_, score)
        for key, group in sorted(doc.spans.items())
        for span, score in zip(group, group.attrs.get("scores", [None] * len(group)), strict=True)
    ]
    return entities + groups


@Language.component("cmner_test_fails_on_x")
def fails_on_x(doc):
    if "x" in doc.text:
        raise RuntimeError("an x")
    return doc
