"""One run at a time for an output."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from pathlib import Path

from filelock import FileLock, Timeout

from spacy_cmner.errors import Messages


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock; the system takes it from a process that ends, in whatever way.

    path (Path): The file to lock. It is there as long as the lock is held, and after a kill.
    RAISES: CM152 if another run holds it; OSError if it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        if not path.exists():  # what the lock says wherever it cannot make its file
            raise PermissionError(EACCES, "no file can be made there", str(path)) from None
        raise Messages.CM152.error(path=path) from None
    try:
        yield
    finally:
        # Before it is released: who opens it until then finds it locked, or gone. Windows removes
        # no file that is open; there the release does.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)
        lock.release()
