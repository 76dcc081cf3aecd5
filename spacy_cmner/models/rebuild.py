"""A copy of a pipeline in which some components have other models or settings."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.util import load_model_from_config, make_tempdir
from thinc.api import Model


class Replacement(NamedTuple):
    """The model of a component and the part of the pipeline's config that describes it."""

    config: Any
    model: Model


def rebuild(
    nlp: Language,
    replacements: Mapping[str, Replacement],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Language:
    """Make a pipeline with other models or settings, in the config too. All else stays as it is.

    nlp (Language): a trained pipeline; it is not changed.
    replacements (Mapping[str, Replacement]): by the names of their components.
    settings (Mapping[str, Mapping]): of components, by their names.
    """
    config = nlp.config.copy()
    for name, replacement in replacements.items():
        config["components"][name]["model"] = replacement.config
    for name, values in (settings or {}).items():
        config["components"][name].update(values)
    rebuilt = load_model_from_config(config)
    for name, replacement in replacements.items():
        trained, pipe = (cast(TrainablePipe, each.get_pipe(name)) for each in (nlp, rebuilt))
        pipe.from_bytes(trained.to_bytes(exclude=["model"]), exclude=["model"])
        pipe.model.from_bytes(replacement.model.to_bytes())
    # Only now the others, as spaCy's entity ruler runs the pipeline when it reads its patterns; and
    # through a folder, as its from_bytes loses some of them.
    with make_tempdir() as folder:
        nlp.to_disk(folder, exclude=[*replacements])
        rebuilt.from_disk(folder, exclude=[*replacements])
    rebuilt._path = None  # the folder is gone
    return rebuilt
