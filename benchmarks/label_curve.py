"""What rules, the model and both together reach with few labels.

    python benchmarks/label_curve.py corpus/cmeee/{train,dev}.spacy --output metrics/curve

Of each fraction of the training texts a term list is learned and two models are trained, one alone
and one with soft evidence: hits of that list and of THUOCL's, whose biases are learned with the
CRF. While the model is trained, the hits in a text are those of terms from other texts, as in use.
The number of epochs is fixed for a fraction, so nothing is chosen on the development texts. The
metrics of each point are written to a JSON file; what is there already is not done again. --lists
adds term lists to the evidence. label_curve_report.py draws several seeds in one picture.

With --members CONFIG ... the model has others beside it, of the configs of these names and of
further seeds, and all are joined as one ("joined").

With --texts N the model, or the joined one, annotates N further texts: those of the training file
beyond the fraction, whose labels are not read, then those of --texts-from. Strings that it finds
reliably there make a second term list ("soft, further texts"). With --rounds N it teaches a
student of each config with them instead, which is trained on them and the labelled ones; the
students, joined, annotate them anew for the next ones.

--model scores a pipeline that is trained already, and what needs no other training; with --map also
one of other types, for use across domains.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from label_curve_report import POLICIES, report
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed, load_config, load_model, load_model_from_config, minibatch
from spacy.vocab import Vocab

from spacy_cmner.analysis.evaluation import evaluate
from spacy_cmner.analysis.gold import Gold, GoldText, entities_of
from spacy_cmner.annotation.items import SourceRecord
from spacy_cmner.data.corpus import load_docs, subsample
from spacy_cmner.data.files import replacing
from spacy_cmner.models.compile import compile_pipeline, find_compilable
from spacy_cmner.models.ensemble import join_pipelines
from spacy_cmner.pipeline.dictionary import Dictionary
from spacy_cmner.pipeline.source import MODEL, add_source
from spacy_cmner.pipeline.term_lists import Term, read_terms
from spacy_cmner.pipeline.term_matcher import TermMatcher
from spacy_cmner.supervision.pseudo_labels import pseudo_label
from spacy_cmner.supervision.terms import learn_terms

ROOT = Path(__file__).parent.parent
THUOCL = ROOT / "spacy_cmner" / "assets" / "thuocl_medical.txt"
CONFIGS = ROOT / "configs"
MODEL_CONFIG = "contextual"
HITS = "hits"
FOLDS = 5
EPOCHS = {0.01: 40, 0.05: 20, 0.1: 12, 0.25: 8, 1.0: 5}
SURE = 0.8  # precision of a term that is taken for a constraint
EVEN = 0.5  # precision of a term that may stand beside the model's entities; see --precision
USEFUL = 0.3  # precision of a term that is worth a hint
LIKELY = 0.5  # probability of an entity that counts for a term of further texts
CONSISTENT = 0.4  # precision of such a term
POSSIBLE = 0.28  # probability of an entity that a student is not told anything of
TRUSTED = 0.6  # probability of an entity that a student learns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path, help=".spacy")
    parser.add_argument("dev", type=Path, help=".spacy")
    parser.add_argument("-o", "--output", type=Path, required=True, help="of metrics and models")
    parser.add_argument("--fractions", type=float, nargs="+", default=sorted(EPOCHS))
    parser.add_argument("--epochs", type=int, help="instead of those of the fraction")
    parser.add_argument("--dev-texts", type=int, default=0, help="score on so many; 0: all")
    parser.add_argument("--lists", type=Path, nargs="*", default=[], help="further term lists")
    parser.add_argument("--texts", type=int, default=0, help="further texts, without labels")
    parser.add_argument("--texts-from", type=Path, help="a .txt file of more, one a line")
    parser.add_argument("--rounds", type=int, default=0, help="of students taught with them")
    parser.add_argument("--student-epochs", type=int, default=4)
    parser.add_argument(
        "--members", nargs="*", default=[], help="configs of models to join it with"
    )
    parser.add_argument("--hidden-width", type=int, default=256)
    parser.add_argument("--model", help="a trained pipeline, instead of training any")
    parser.add_argument("--map", nargs="*", default=[], help="its types as those here: sym=Symptom")
    parser.add_argument("--weight", type=float, default=1.0, help="of given evidence")
    parser.add_argument("--precision", type=float, default=EVEN, help="of terms that are merged")
    parser.add_argument("--threshold", type=float, default=0.0, help="of probabilities; 0: Viterbi")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.rounds and not args.texts:
        parser.error("--rounds needs texts to teach with: --texts N")
    if not args.epochs and not EPOCHS.keys() >= {*args.fractions}:
        listed = ", ".join(f"{fraction:g}" for fraction in EPOCHS)
        parser.error(f"--fractions other than {listed} need --epochs N")
    types = dict(pair.split("=") for pair in args.map)
    dev = [text for _, text in load(args.dev, types)]
    if args.dev_texts:
        dev = random.Random(0).sample(dev, args.dev_texts)
    texts = load(args.train, types)
    for fraction in args.fractions:
        chosen = subsample(texts, fraction=fraction, seed=args.seed)
        known = {id(text) for _, text in chosen}
        others = [text.text for _, text in texts if id(text) not in known]
        random.Random(args.seed).shuffle(others)
        if args.texts_from:
            others += args.texts_from.read_text(encoding="utf-8").splitlines()
        settings = Settings(
            args.hidden_width,
            args.epochs or EPOCHS[fraction],
            args.seed,
            (THUOCL, *args.lists),
            args.weight,
            args.precision,
            args.threshold,
        )
        point = Point(args.output / f"{fraction:g}", settings, chosen, dev)
        model = args.model or point.train("model")
        point.measure(model, types)
        members = [
            point.train_member(f"{config}-{i}", config, args.seed + i)
            for i, config in enumerate(args.members, 1)
        ]
        teacher = point.measure_joined("joined", [model, *members])
        further = others[: args.texts]
        if further and not args.rounds:
            point.measure_further(teacher, further)
        for number in range(1, args.rounds + 1):
            name = f"student {number}"
            students = point.teach(name, teacher, further, args.student_epochs, args.members)
            teacher = point.measure_joined(f"{name}, joined", students)
        if not args.model:
            point.measure_learned()
    scored = f"{len({*types.values()})} shared types" if types else "all gold"
    report([args.output], f"{args.dev.parent.name}, {len(dev):,} texts", scored)


def load(path: Path, types: dict[str, str]) -> list[tuple[Doc, GoldText]]:
    """The annotated documents of a file, for training and for term lists.

    types (Dict[str, str]): if there are any, only entities of its values are kept.
    """
    docs = load_docs(path, Vocab(), user_data=False)
    golds = [(doc, Gold.from_doc(doc)) for doc in docs]
    texts = [(doc, GoldText(doc.text, gold)) for doc, gold in golds if gold]
    if not types:
        return texts
    return [(doc, text.of_types(types.values())) for doc, text in texts]


@dataclass(frozen=True)
class Settings:
    """What the models of a fraction have in common.

    weight (float): of given evidence.
    precision (float): of a term that may stand beside the model's entities.
    threshold (float): of marginal decoding; 0: Viterbi.
    """

    hidden_width: int
    epochs: int
    seed: int
    lists: tuple[Path, ...]
    weight: float
    precision: float
    threshold: float


class Point:
    """All systems at one number of labels.

    folder (Path): of the results.
    texts (List[Tuple[Doc, GoldText]]): the training texts.
    dev (List[GoldText]): the texts to score on.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        texts: list[tuple[Doc, GoldText]],
        dev: list[GoldText],
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.texts = texts
        self.dev = dev
        self.types = sorted({entity.label for _, text in texts for entity in text.gold.flat})
        self.terms = self.find_terms(USEFUL)
        print(f"{len(texts)} texts, {len(self.terms)} terms", flush=True)

    def find_terms(self, min_precision: float) -> list[Term]:
        found = learn_terms([text for _, text in self.texts], min_precision=min_precision)
        return [Term(term.text, term.label) for term in found]

    def measure(self, model: str, types: dict[str, str]) -> None:
        """Score the systems that need no other training, those that have no metrics yet.

        types (Dict[str, str]): the types of the model as those of the texts, if they are others.
        """
        rules = blank()
        add_dictionary(rules, "terms", self.terms, target="ents")
        self.score("rules", rules)
        alone = self.load(model)
        if types:
            alone.add_pipe("map_types", config={"types": types})
        self.score("model", alone)
        even = self.find_terms(self.settings.precision)
        for policy in POLICIES:
            merged = self.load(model)
            if types:
                merged.add_pipe("map_types", config={"types": types})
            add_dictionary(merged, "terms", even, target="dictionary")
            merged.add_pipe("cmner_merge", config={"policy": policy})
            self.score(f"merge, {policy}", merged)
        if types:
            return
        constrained = self.load(model)
        sure = self.find_terms(SURE)
        add_dictionary(constrained, "terms", sure, target="ents", before="cmner")
        self.score("constraints", constrained)
        self.score("soft, given", self.with_evidence(model, self.terms))

    def measure_learned(self) -> None:
        """Train and score soft evidence whose biases are learned."""
        model = self.train("soft, learned", with_hits=True)
        nlp = self.load(model)
        add_dictionary(nlp, "terms", self.terms, target=HITS, before="cmner")
        for path in self.settings.lists:
            listed = read_terms(path, path.stem)
            add_dictionary(nlp, path.stem, listed, target=HITS, before="cmner", match="all")
        self.score("soft, learned", nlp)

    def train_member(self, name: str, config: str, seed: int) -> str:
        """Train and score a model to join with others. RETURNS (str): its folder."""
        member = self.train(name, config, seed=seed)
        self.score(name, self.load(member))
        return member

    def measure_joined(self, system: str, models: list[str]) -> str:
        """Score several models as one. RETURNS (str): its folder, or that of the only one."""
        if len(models) == 1:
            return models[0]
        folder = self.folder / system
        if not folder.exists():
            joined = join_pipelines([load_model(model) for model in models])
            with replacing(folder) as partial:
                joined.to_disk(partial)
        self.score(system, self.load(str(folder)))
        return str(folder)

    def measure_further(self, model: str, texts: list[str]) -> None:
        """Score the evidence of strings that the model itself finds in further texts."""
        gold = [text for _, text in self.texts]
        found = []
        for doc in compiled(self.load(model, scores=True)).pipe(texts):
            entities = [e for e in doc.ents if e._.cmner_score >= LIKELY]
            found.append(GoldText(doc.text, Gold(entities_of(entities), entities_of(entities))))
        learned = learn_terms([*gold, *found], min_precision=CONSISTENT, min_count=2)
        terms = [Term(term.text, term.label) for term in learned]
        print(f"{len(terms)} terms of further texts", flush=True)
        self.score("soft, further texts", self.with_evidence(model, terms))

    def teach(
        self, name: str, teacher: str, texts: list[str], epochs: int, configs: list[str]
    ) -> list[str]:
        """Train students on what a teacher finds in texts, and score them.

        configs (List[str]): of the students beside the first one, which is of the model's.
        RETURNS (List[str]): their folders.
        """
        configs_of = {name: MODEL_CONFIG} | {
            f"{name}, {config}": config for config in configs if config != MODEL_CONFIG
        }
        docs = []
        if not all((self.folder / student).exists() for student in configs_of):
            nlp = compiled(self.load(teacher))
            records = map(SourceRecord, texts)
            docs = list(pseudo_label(nlp, records, min_score=TRUSTED, possible=POSSIBLE))
            print(f"{sum(len(doc.ents) for doc in docs)} entities for {name}", flush=True)
        for student, config in configs_of.items():
            self.score(student, self.load(self.train(student, config, extra=docs, epochs=epochs)))
        return [str(self.folder / student) for student in configs_of]

    def load(self, model: str, **settings: Any) -> Language:
        """A trained pipeline, with settings of its recogniser."""
        threshold = self.settings.threshold
        decoding = {"decoding": "marginal" if threshold else "viterbi", "threshold": threshold}
        return load_model(model, config={"components": {"cmner": decoding | settings}})

    def with_evidence(self, model: str, terms: list[Term]) -> Language:
        """A trained pipeline that hears a term list."""
        nlp = self.load(model, evidence_key=HITS, evidence_weight=self.settings.weight)
        add_dictionary(nlp, "terms", terms, target=HITS, before="cmner")
        return nlp

    def train(
        self,
        name: str,
        config: str = MODEL_CONFIG,
        *,
        with_hits: bool = False,
        extra: Sequence[Doc] = (),
        epochs: int | None = None,
        seed: int | None = None,
    ) -> str:
        """Train a model and save it. RETURNS (str): its folder."""
        seed = self.settings.seed if seed is None else seed
        epochs = epochs or self.settings.epochs
        folder = self.folder / name
        if folder.exists():
            return str(folder)
        fix_random_seed(seed)
        nlp = self.build(config, with_hits)
        docs = [*(doc for doc, _ in self.texts), *extra]
        hits = self.find_hits() if with_hits else [[] for _ in docs]
        examples = []
        for doc, found in zip(docs, hits, strict=True):
            words = [token.text for token in doc]
            predicted = Doc(nlp.vocab, words=words, spaces=[False] * len(words))
            predicted.spans[HITS] = [Span(predicted, *hit) for hit in found]
            examples.append(Example(predicted, doc))
        optimizer = nlp.initialize(lambda: examples)
        order = random.Random(seed)
        for epoch in range(epochs):
            losses: dict[str, float] = {}
            order.shuffle(examples)
            for batch in minibatch(examples, 10):
                nlp.update(batch, drop=0.5, sgd=optimizer, losses=losses)
                optimizer.step_schedules()
            print(f"{name}: epoch {epoch + 1}, loss {losses['cmner']:.1f}", flush=True)
        with nlp.use_params(optimizer.averages), replacing(folder) as partial:
            nlp.to_disk(partial)
        return str(folder)

    def build(self, name: str, with_hits: bool) -> Language:
        config = load_config(CONFIGS / f"{name}.cfg")
        cmner = config["components"]["cmner"]
        if name == MODEL_CONFIG:
            cmner["model"]["tok2vec"]["encode"] |= {
                "hidden_width": self.settings.hidden_width,
                "depth": 1,
            }
        if with_hits:
            names = [path.stem for path in self.settings.lists]
            cmner["model"]["evidence"] = [*self.types, *names]
            cmner |= {"evidence_key": HITS, "evidence_weight": 0.0}
        return load_model_from_config(config, auto_fill=True)

    def find_hits(self) -> list[list[tuple[int, int, str]]]:
        """The hits in each training text, of terms from other texts, and of all lists."""
        lists = TermMatcher(match="all")
        for path in self.settings.lists:
            lists.add(read_terms(path, path.stem))
        texts = [text for _, text in self.texts]
        hits: list[list[tuple[int, int, str]]] = [[*lists(text.text)] for text in texts]
        for fold in range(FOLDS):
            own = TermMatcher()
            others = [text for i, text in enumerate(texts) if i % FOLDS != fold]
            own.add((t.text, t.label) for t in learn_terms(others, min_precision=USEFUL))
            for i in range(fold, len(texts), FOLDS):
                hits[i] += own(texts[i].text)
        return hits

    def score(self, system: str, nlp: Language) -> None:
        if self.settings.threshold:
            system += ", by probabilities"
        path = self.folder / f"{system}.json"
        if path.exists():
            return
        evaluation = evaluate(compiled(nlp), self.dev)
        metrics = {"system": system, "labelled": len(self.texts), **evaluation.to_dict()}
        text = json.dumps(metrics, ensure_ascii=False, indent=2) + "\n"
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
        print(f"{system}: {100 * evaluation.scores.all_gold.total.f1:.2f}", flush=True)


@Language.factory("map_types")
def make_map_types(nlp: Language, name: str, types: dict[str, str]) -> Callable[[Doc], Doc]:
    """Gives entities the types of another data set; those that it does not have are left out."""

    def map_types(doc: Doc) -> Doc:
        kept = [entity for entity in doc.ents if entity.label_ in types]
        doc.ents = [Span(doc, e.start, e.end, types[e.label_]) for e in kept]
        for entity in doc.ents:
            add_source(entity, MODEL)
        return doc

    return map_types


def blank() -> Language:
    config = load_config(CONFIGS / f"{MODEL_CONFIG}.cfg")
    config["nlp"]["pipeline"] = []
    config["components"] = {}
    return load_model_from_config(config, auto_fill=True)


def add_dictionary(
    nlp: Language,
    name: str,
    terms: list[Term],
    *,
    target: str,
    before: str | None = None,
    match: str = "longest",
) -> None:
    config = {"target": target, "match": match}
    pipe = nlp.add_pipe("cmner_dictionary", name=name, before=before, config=config)
    cast(Dictionary, pipe).add_terms(terms)


def compiled(nlp: Language) -> Language:
    """A pipeline that finds the same and is faster, if that is to be had."""
    can_be = any(find_compilable(pipe) for _, pipe in nlp.components)
    return compile_pipeline(nlp) if can_be else nlp


if __name__ == "__main__":
    main()
