"""Several trained recognisers as one, which is better than each of them.

The members' CRFs are joined in a logarithmic opinion pool: the score of a tag sequence is the mean
of the scores that they give it, weighed where they are not equally good. As emissions are linear in
what the encoders say, and moves are numbers, the pool of K taggers is again one
``spacy-cmner.CrfTagger.v1``, over the encoders side by side. So all that works with one
recogniser works with this: decoding, constraints, evidence, exact scores, compiling, training.

Reference: Smith, Cohn and Osborne (2005), Logarithmic Opinion Pools for Conditional Random Fields.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any, cast

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from thinc.api import Model, concatenate

from spacy_cmner.errors import Messages
from spacy_cmner.models.crf_tagger import TRANSITIONS, build_crf_tagger, learns_evidence, listens
from spacy_cmner.models.evidence import BIAS
from spacy_cmner.models.rebuild import Replacement, rebuild

TAGGER = "crf_tagger"


def join_pipelines(
    pipelines: Sequence[Language], name: str = "cmner", *, weights: Sequence[float] | None = None
) -> Language:
    """Make one pipeline of several whose recognisers were trained for the same labels, with other
    seeds, encoders or data. It takes as long as all of them together.

    pipelines (Sequence[Language]): two or more; they are not changed.
    name (str): of the component in each of them.
    weights (Optional[Sequence[float]]): how much each counts, in any unit; None: all alike.
    RETURNS (Language): the first pipeline, with the joined model in this component, whose settings
        are the first's, too (decoding, weights of evidence), and no scores in its meta until it is
        evaluated.
    RAISES: CM323 if their labels differ, CM324 if a model listens, CM327 for fewer than two, CM328
        if one has no such component, or it is not trained; CM334 for weights that are not as many
        numbers above 0.
    """
    if len(pipelines) < 2:
        raise Messages.CM327.error(n=len(pipelines))
    shares = _shares(len(pipelines), weights)
    pipes = [_find(nlp, name) for nlp in pipelines]
    for nlp, pipe in zip(pipelines, pipes, strict=True):
        if listens(pipe.model):
            raise Messages.CM324.error(model=_name(nlp), name=name)
        for what in ("labels", "evidence"):
            expected, found = (_describe(each, what) for each in (pipes[0], pipe))
            if expected != found:
                raise Messages.CM323.error(
                    what=what,
                    first=_name(pipelines[0]),
                    expected=expected,
                    other=_name(nlp),
                    found=found,
                )
    configs = [nlp.config["components"][name]["model"] for nlp in pipelines]
    encoders = {str(i): config["tok2vec"] for i, config in enumerate(configs)}
    config = {**configs[0], "tok2vec": {"@layers": "concatenate.v1", "*": encoders}}
    joined = join_models([pipe.model for pipe in pipes], shares)
    result = rebuild(pipelines[0], {name: Replacement(config, joined)})
    members = ", ".join(
        f"{nlp.meta['name']} {nlp.meta['version']} ({share:.0%})"
        for nlp, share in zip(pipelines, shares, strict=True)
    )
    result.meta |= {
        "name": f"{pipelines[0].meta['name']}_joined",
        "description": f"The recognisers of several pipelines, joined as one: {members}.",
        "performance": {},  # the first's are not its own
    }
    return result


def join_models(models: Sequence[Model], shares: Sequence[float]) -> Model:
    """The pool of trained taggers with the same tags and kinds of evidence.

    models (Sequence[Model]): they stay as they are, but for the first's their encoders themselves
        become layers of the new one.
    shares (Sequence[float]): the weight of each; their sum is 1.
    """
    learned = learns_evidence(models[0])
    evidence = models[0].get_ref("evidence").attrs["labels"] if learned else None
    first, *others = [model.get_ref("tok2vec") for model in models]
    # a copy, as thinc would put the others into it if it is a concatenation itself
    encoders: Model = concatenate(first.copy(), *others)
    joined = build_crf_tagger(encoders, models[0].get_dim("nO"), evidence)
    output, transitions = joined.get_ref("output_layer"), joined.get_ref("transitions")
    outputs = [model.get_ref("output_layer") for model in models]
    output.set_dim("nI", sum(layer.get_dim("nI") for layer in outputs))
    parts = _parts(outputs, "W", shares)  # (T, width) each
    output.set_param("W", joined.ops.xp.concatenate(parts, axis=1))
    output.set_param("b", sum(_parts(outputs, "b", shares)))
    for param in TRANSITIONS:
        layers = [model.get_ref("transitions") for model in models]
        transitions.set_param(param, sum(_parts(layers, param, shares)))
    if learned:
        layers = [model.get_ref("evidence") for model in models]
        joined.get_ref("evidence").set_param(BIAS, sum(_parts(layers, BIAS, shares)))
    return joined


def _shares(n: int, weights: Sequence[float] | None) -> list[float]:
    weights = [1.0] * n if weights is None else weights
    total = sum(weights)
    if len(weights) != n or not isfinite(total) or not all(weight > 0 for weight in weights):
        raise Messages.CM334.error(weights=", ".join(f"{weight:g}" for weight in weights), n=n)
    return [weight / total for weight in weights]


def _parts(layers: Sequence[Model], param: str, shares: Sequence[float]) -> list[Any]:
    """What each of some layers gives to a parameter of the pool."""
    pairs = zip(layers, shares, strict=True)
    return [np.float32(share) * cast(Any, layer.get_param(param)) for layer, share in pairs]


def _find(nlp: Language, name: str) -> TrainablePipe:
    pipe: Any = nlp.get_pipe(name) if name in nlp.pipe_names else None
    model = getattr(pipe, "model", None)
    is_tagger = isinstance(model, Model) and model.name == TAGGER
    if not is_tagger or not pipe.labels:
        found = ", ".join(nlp.pipe_names) or "none"
        raise Messages.CM328.error(model=_name(nlp), name=name, found=found)
    return cast(TrainablePipe, pipe)


def _describe(pipe: TrainablePipe, what: str) -> str:
    if what == "labels":
        return ", ".join(pipe.labels)
    has_evidence = learns_evidence(pipe.model)
    return ", ".join(pipe.model.get_ref("evidence").attrs["labels"]) if has_evidence else "none"


def _name(nlp: Language) -> str:
    return str(nlp.path or nlp.meta["name"])
