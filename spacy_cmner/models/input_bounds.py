"""How large the inputs of a trained BiLSTM become, which computing in bytes has to know."""

from collections.abc import Callable, Iterator

from spacy.language import Language
from thinc.api import Model

from spacy_cmner.models.rebuild import rebuild
from spacy_cmner.resources.charset import default_characters
from spacy_cmner.resources.segment import read_words
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.types import EncodeModel, Rows

# How many make a text: a model that reads documents takes each at once.
TERMS = 1000


def measure_bounds(nlp: Language, is_encoder: Callable[[Model], bool]) -> dict[str, list[float]]:
    """Find the largest absolute value that the encoders of a pipeline read, each.

    They are read in all characters of the shipped tables and in the medical terms that ship:
    representations that depend on the character and on the words are as large there as anywhere.

    nlp (Language): a trained pipeline; it is not changed, and of a copy only the components with
        models run.
    is_encoder (Callable[[Model], bool]): which layers are meant.
    RETURNS (Dict[str, List[float]]): by component, in the order in which its model walks them.
    """
    copy = rebuild(nlp, {})
    all_models = {name: getattr(pipe, "model", None) for name, pipe in copy.components}
    models = {name: model for name, model in all_models.items() if isinstance(model, Model)}
    recorders: dict[str, list[Model]] = {}
    for name, model in models.items():
        encoders = [node for node in model.walk() if is_encoder(node)]
        recorders[name] = [build_recorder(encoder) for encoder in encoders]
        for encoder, recorder in zip(encoders, recorders[name], strict=True):
            model.replace_node(encoder, recorder)
    if any(recorders.values()):
        with copy.select_pipes(enable=[*models]):
            for _ in copy.pipe(_texts()):
                pass
    return {name: [node.attrs["largest"] for node in nodes] for name, nodes in recorders.items()}


def build_recorder(encoder: EncodeModel) -> EncodeModel:
    """A layer for the place of an encoder, which keeps the largest value and encodes nothing."""
    width = encoder.get_dim("nO")
    return Model("recorder", _record, dims={"nO": width}, attrs={"largest": 0.0}, ops=encoder.ops)


def _record(model: EncodeModel, X: Rows, is_train: bool) -> tuple[Rows, Callable[[Rows], Rows]]:
    largest = [float(abs(rows).max()) for rows in X if rows.size]
    model.attrs["largest"] = max([model.attrs["largest"], *largest])
    return [model.ops.alloc2f(len(rows), model.get_dim("nO")) for rows in X], lambda dY: dY


def _texts() -> Iterator[str]:
    yield "".join(default_characters())
    terms = read_words([shipped("terms")])
    for start in range(0, len(terms), TERMS):
        yield "\n".join(terms[start : start + TERMS])
