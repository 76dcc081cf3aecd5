"""Sizes of layers, looked at where a model is built: torch's own errors come only at
initialisation, in words that name no setting."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from spacy_cmner.errors import Messages


def check_sizes(
    least: int = 1, /, *, or_none: bool = False, **sizes: int | Sequence[int] | None
) -> None:
    """Check the settings that say how large or how many the parts of a model are.

    least (int): the smallest that is possible.
    or_none (bool): whether None is, too.
    sizes (int | Sequence[int] | None): each by the name of its setting; of a sequence each number.
    RAISES: CM333 for one that is not possible.
    """
    for name, value in sizes.items():
        if value is None and or_none:
            continue
        several = isinstance(value, Sequence) and not isinstance(value, str)
        numbers: Any = value if several else [value]
        if not all(isinstance(number, Integral) and int(number) >= least for number in numbers):
            kind = "whole numbers, each of" if several else "a whole number of"
            expected = f"{kind} {least} or more{', or null' if or_none else ''}"
            raise Messages.CM333.error(name=name, value=value, expected=expected)
