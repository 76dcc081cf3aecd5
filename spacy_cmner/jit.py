"""How the package compiles functions by numba."""

from collections.abc import Callable
from typing import Any

from numba import njit


def jit(**options: Any) -> Callable[[Callable], Any]:
    """Compile a function for use in threads, and keep what was compiled for the next process.

    Where no folder can be written for that, neither the package's nor the user's nor the one of
    ``NUMBA_CACHE_DIR``, as in a container without a home, numba refuses. Each process then
    compiles for itself, which takes long but is no reason not to run.

    options: those of ``numba.njit``.
    """

    def decorate(function: Callable) -> Any:
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:
            return njit(nogil=True, **options)(function)

    return decorate
