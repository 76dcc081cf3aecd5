import subprocess
import sys

import pytest

from spacy_cmner.annotation.lock import locked
from spacy_cmner.errors import CmnerError

# Holds the lock, and has a child that outlives it.
HOLDER = """
import os
import sys
from pathlib import Path
from spacy_cmner.annotation.lock import locked

with locked(Path(sys.argv[1])):
    if not os.fork():
        print("locked", flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time(tmp_path):
    path = tmp_path / "new" / "out.lock"
    with locked(path), pytest.raises(CmnerError, match=r"CM152.*out\.lock"), locked(path):
        pass
    with locked(path):
        pass


def test_an_error_frees_it(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        raise KeyError
    with locked(tmp_path / "lock"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_it_ends_with_its_process(tmp_path):
    """Even where processes that it had started live on."""
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(CmnerError, match="CM152"), locked(path):
            pass
        holder.kill()
        holder.wait()
        with locked(path):
            pass
