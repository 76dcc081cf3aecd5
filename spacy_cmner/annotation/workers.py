"""The processes of ``nlp.pipe``: when one of them dies, spaCy waits for it for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, cpu_count
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Event, Thread

from spacy_cmner.errors import Messages

# Seconds: how often to look for processes that start, and in which time all end when one has.
LOOK, END = 0.1, 5.0


@contextmanager
def watched_workers(n_process: int) -> Iterator[None]:
    """End all processes that are started in this context when one of them dies.

    n_process (int): How many there will be; -1 for one a CPU, 1 for none.
    RAISES: CM153 if one has died.
    """
    expected = cpu_count() if n_process == -1 else n_process
    known = set(active_children())
    left, died = Event(), Event()

    def watch() -> None:
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

    if expected > 1:
        Thread(target=watch, daemon=True).start()
    try:
        yield
    except (EOFError, OSError) as error:
        if died.is_set():
            raise Messages.CM153.error(n_process=expected) from error
        raise
    finally:
        left.set()
