"""The one place that asks for matplotlib, which is an extra."""

from typing import TYPE_CHECKING

from spacy_cmner.errors import Messages

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def create_figure(width: float, height: float) -> "Figure":
    """An empty figure apart from pyplot, so that it needs no display and is freed by itself.

    width, height (float): in inches.
    RAISES: CM516 if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise Messages.CM516.error() from error
    return Figure(figsize=(width, height), layout="constrained")
