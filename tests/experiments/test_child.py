"""A training ends with the call that started it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CALLER = """
import sys
from pathlib import Path
from spacy_cmner.experiments.design import Row
from spacy_cmner.experiments.runs import Run
from spacy_cmner.experiments.training import Training, call
folder = Path(sys.argv[1])
run = Run(Row("a", "A", folder), 0, folder)
call(run, Training(folder, folder, epochs=1), sys.argv[2:])
"""


def start(folder, *arguments):
    return subprocess.Popen([sys.executable, "-c", CALLER, str(folder), *arguments])


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_what_a_command_prints_is_kept(tmp_path):
    assert start(tmp_path, "info", "--markdown").wait() == 0
    log = (tmp_path / "log.txt").read_text("utf-8")
    assert log.startswith("$ python -m spacy info --markdown\n")
    assert "spaCy version" in log


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_ends_with_its_caller(tmp_path, how):
    """Here the command is a project's step that only sleeps."""
    sleeper = f"{sys.executable} -c 'import time; print(1, flush=True); time.sleep(20)'"
    (tmp_path / "project.yml").write_text(
        f'commands: [{{name: sleep, script: ["{sleeper}"]}}]', "utf-8"
    )
    caller = start(tmp_path, "project", "run", "sleep", str(tmp_path))
    children = Path(f"/proc/{caller.pid}/task/{caller.pid}/children")
    assert wait_until(lambda: children.read_text("utf-8").split())
    [child] = children.read_text("utf-8").split()
    assert wait_until(lambda: "Running command" in (tmp_path / "log.txt").read_text("utf-8"))
    assert is_running(child)
    caller.send_signal(how)
    caller.wait()
    assert wait_until(lambda: not is_running(child), seconds=10)
