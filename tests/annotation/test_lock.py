import subprocess
import sys
from contextlib import ExitStack

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


def test_an_error_frees_it_and_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
        raise KeyError
    assert not any(tmp_path.iterdir())
    with locked(tmp_path / "lock"):
        pass


# Takes the lock again and again; only one process at a time can make the file.
CONTENDER = """
import sys
from pathlib import Path
from spacy_cmner.annotation.lock import locked
from spacy_cmner.errors import CmnerError

path, taken = Path(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.read()
while taken < 1000:
    try:
        with locked(path):
            inside = path.with_name("inside")
            inside.touch(exist_ok=False)
            inside.unlink()
            taken += 1
    except (CmnerError, PermissionError):
        pass
"""


def test_no_gap_opens_when_it_is_removed(tmp_path):
    command = [sys.executable, "-c", CONTENDER, tmp_path / "lock"]
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(3)
        ]
        for contender in contenders:
            assert contender.stdout.readline() == b"ready\n"
        for contender in contenders:
            contender.stdin.close()
        assert [contender.wait() for contender in contenders] == [0, 0, 0]
    assert not any(tmp_path.iterdir())


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
