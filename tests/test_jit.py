import importlib

import pytest
from numba import njit

from spacy_cmner.jit import jit


def test_keeps_what_it_compiled(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "compiled_once.py").write_text(
        "from spacy_cmner.jit import jit\n@jit()\ndef double(x):\n    return 2 * x\n"
    )
    double = importlib.import_module("compiled_once").double
    assert double(21) == 42
    assert list(tmp_path.rglob("*.nbi"))


def test_compiles_where_nothing_can_be_kept():
    """A function without a file has no folder beside it either."""
    nowhere = eval("lambda x: 2 * x")
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(nowhere)
    assert jit()(nowhere)(21) == 42


def test_options_are_numbas():
    fast = jit(fastmath={"contract"})(eval("lambda x: x"))
    assert fast.targetoptions["fastmath"] and fast.targetoptions["nogil"]
