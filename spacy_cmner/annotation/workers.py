"""The processes of ``nlp.pipe``, none of which outlives the others.

When one of them dies, spaCy waits for it for ever; and when the main process is killed, they wait
for it for ever.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, cpu_count
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Event, Thread

from spacy_cmner.errors import Messages

# Seconds: how often to look for processes that start, and in which time all end when one has.
LOOK, END = 0.1, 5.0

# The ends of the main process's pipes into which nothing is written: they close when it ends.
_lifelines: list[tuple[int, int]] = []


@contextmanager
def watched_workers(n_process: int) -> Iterator[None]:
    """End all processes that are started in this context when one of them, or this one, dies.

    n_process (int): How many there will be; -1 for one a CPU, 1 for none.
    RAISES: CM153 if one has died.
    """
    expected = cpu_count() if n_process == -1 else n_process
    if expected == 1:
        yield
        return
    left, died = Event(), Event()
    known = set(active_children())
    Thread(target=_watch, args=(expected, known, left, died), daemon=True).start()
    lifeline = os.pipe()
    _lifelines.append(lifeline)
    try:
        yield
    except (EOFError, OSError) as error:
        if died.is_set():
            raise Messages.CM153.error(n_process=expected) from error
        raise
    finally:
        left.set()
        _lifelines.remove(lifeline)
        for end in lifeline:
            os.close(end)


def _watch(expected: int, known: set[BaseProcess], left: Event, died: Event) -> None:
    workers: set[BaseProcess] = set()
    while len(workers) < expected:
        if left.wait(LOOK):
            return
        workers.update(set(active_children()) - known)
    wait([worker.sentinel for worker in workers])
    if not left.wait(END):
        died.set()
        for worker in workers:  # each holds the others' pipes open
            worker.kill()


def _hold_lifelines() -> None:
    """In a forked process: leave the open ends to the main process, and end when it does."""
    for reading, writing in _lifelines:
        os.close(writing)
        Thread(target=_end_with, args=(reading,), daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


os.register_at_fork(after_in_child=_hold_lifelines)
