"""Sizes that no model can have are refused where it is built, by the name of their setting."""

import numpy as np
import pytest
import tiny
from spacy import registry
from thinc.api import Model

from spacy_cmner.errors import CmnerError
from spacy_cmner.models.sizes import check_sizes

IMPOSSIBLE = [
    ("LocalGlobalEmbed", "local_width", 0, "1 or more"),
    ("LocalGlobalEmbed", "image_size", 2, "5 or more"),
    ("LocalGlobalEmbed", "channels", 0, "1 or more"),
    ("LocalGlobalEmbed", "channels", -64, "1 or more"),
    ("LocalGlobalEmbed", "stride", 0, "1 or more"),
    ("LocalGlobalEmbed", "n_components", 0, "1 or more"),
    ("LocalGlobalEmbed", "component_width", 0, "1 or more"),
    ("LocalGlobalEmbed", "width", -1, "1 or more, or null"),
    ("ContextualEmbed", "set_width", 0, "1 or more, or null"),
    ("BiLSTMEncoder", "hidden_width", 0, "1 or more"),
    ("BiLSTMEncoder", "depth", 0, "1 or more"),
    ("IdcnnEncoder", "filters", 0, "1 or more"),
    ("IdcnnEncoder", "dilations", [1, 0], "1 or more"),
    ("IdcnnEncoder", "repeats", -1, "0 or more"),
    ("WcLstm", "hidden_width", -2, "1 or more"),
    ("LatticeLstm", "hidden_width", 0, "1 or more"),
    ("LrCnn", "hidden_width", 0, "1 or more"),
    ("LrCnn", "depth", 0, "1 or more"),
    ("LrCnn", "rethink", -1, "0 or more"),
    ("Lgn", "hidden_width", 0, "1 or more"),
    ("Lgn", "n_heads", 0, "1 or more"),
    ("Lgn", "head_width", 0, "1 or more"),
    ("Lgn", "iterations", -1, "0 or more"),
    ("Flat", "n_heads", 0, "1 or more"),
    ("Flat", "head_width", 0, "1 or more"),
    ("Flat", "factor", 0, "1 or more"),
    ("Flat", "depth", 0, "1 or more"),
    ("Mect", "n_heads", 0, "1 or more"),
    ("Mect", "head_width", -1, "1 or more"),
    ("Mect", "factor", 0, "1 or more"),
    ("Mect", "n_components", 0, "1 or more"),
    ("Mect", "component_width", 0, "1 or more"),
]
ENCODERS = ("LocalGlobalEmbed", "BiLSTMEncoder", "IdcnnEncoder")


def build(architecture: str, **settings) -> Model:
    config = {"@architectures": f"spacy-cmner.{architecture}.v1", **settings}
    if architecture == "BiLSTMEncoder":
        config = {"hidden_width": 8, **config}
    if architecture not in ENCODERS:
        config["characters"] = tiny.EMBED
    return registry.resolve({"model": config})["model"]


@pytest.mark.parametrize(("architecture", "name", "value", "allowed"), IMPOSSIBLE)
def test_an_impossible_size_is_named_with_what_is_allowed(architecture, name, value, allowed):
    with pytest.raises(CmnerError, match=r"CM333") as caught:
        build(architecture, **{name: value})
    message = str(caught.value)
    assert f"] {name} = {value} is no size" in message
    assert message.endswith(f" {allowed}.")


def test_of_several_the_wrong_one_is_named():
    with pytest.raises(CmnerError, match=r"CM333.* depth = 0 "):
        check_sizes(hidden_width=np.int64(8), depth=0)


@pytest.mark.parametrize("value", [2.5, "8", None, [8, 2.5]])
def test_a_size_is_a_whole_number(value):
    with pytest.raises(CmnerError, match=r"CM333.* whole number"):
        check_sizes(hidden_width=value)


def test_the_smallest_sizes(resources):
    sizes = {"image_size": 5, "channels": 64, "stride": 9, "n_components": 1, "component_width": 1}
    model = build("LocalGlobalEmbed", local_width=1, width=1, **sizes)
    model.attrs["resources"] = resources
    model.initialize()
    assert model.get_dim("nO") == 1


def test_nothing_can_be_repeated():
    rows = [np.ones((3, 5), dtype="float32")]
    model = build("IdcnnEncoder", filters=1, dilations=[1], repeats=0)
    model.initialize(X=rows)
    assert model.predict(rows)[0].shape == (3, 1)
    build("Lgn", iterations=0)
    build("LrCnn", rethink=0)


def test_sizes_of_a_part_that_is_off_do_not_matter():
    off = {"spatial": False, "sequential": False, "fusion": "concat"}
    unused = ("image_size", "channels", "stride", "n_components", "component_width", "local_width")
    build("LocalGlobalEmbed", **off, **dict.fromkeys(unused, 0))
