"""Processes that work on batches, none of which outlives the run.

``nlp.pipe(n_process=…)`` sends whole documents from process to process, which takes several times
as long as finding their entities. Here only what a run reads and writes is sent.
"""

import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, TypeVar

from spacy_cmner.errors import Messages

T = TypeVar("T")

# Batches that are under way or done for each process, so that none waits for the next.
AHEAD = 3

# What a process does with a batch.
_work: Any = None


def map_in_processes(
    work: Callable[[list[T]], list[T]], batches: Iterable[list[T]], n_process: int
) -> Generator[list[T], None, None]:
    """Work on batches in processes, and give the results in the order of the batches.

    A few batches are read ahead. An error of ``work`` is raised here.

    work (Callable): is sent once to each process.
    n_process (int): -1 for one a CPU.
    RAISES: CM153 if a process has died.
    """
    size = multiprocessing.cpu_count() if n_process == -1 else n_process
    unread = iter(batches)
    under_way: deque[Future[list[T]]] = deque()
    pool = ProcessPoolExecutor(size, initializer=_start, initargs=(work,))
    try:
        for batch in islice(unread, AHEAD * size):
            under_way.append(pool.submit(_run, batch))
        while under_way:
            yield under_way.popleft().result()
            for batch in islice(unread, 1):
                under_way.append(pool.submit(_run, batch))
    except BrokenProcessPool as error:
        raise Messages.CM153.error(n_process=size) from error
    finally:
        pool.shutdown(cancel_futures=True)


def check_number(n_process: int, gpu: str | None = None) -> None:
    """Refuse a number of processes before anything is done.

    gpu (Optional[str]): The GPU that the main process computes on, if it does, for the message.
    RAISES: CM156 if there cannot be so many; CM161 if they would have to share a GPU.
    """
    if n_process < 1 and n_process != -1:
        raise Messages.CM156.error(value=n_process)
    if gpu is not None and n_process != 1:
        raise Messages.CM161.error(n_process=n_process, gpu=gpu)


def _start(work: Any) -> None:
    global _work
    _work = work
    gc.freeze()  # or every full collection goes through all that spaCy and torch have loaded
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """The sentinel of the process that was started last is ready when the main process has ended;
    as it ends, so is that of the one before."""
    wait([sentinel])
    os._exit(1)


def _run(batch: list[Any]) -> list[Any]:
    return _work(batch)
