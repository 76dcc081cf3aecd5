"""The one place that asks for matplotlib, which is an extra."""

from pathlib import Path
from typing import TYPE_CHECKING

from spacy_cmner.data.files import replacing
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


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure, whole or not at all, in the format of its file's ending."""
    with replacing(path) as draft:
        figure.savefig(draft, dpi=150, format=path.suffix.removeprefix("."))


def check_picture(path: Path) -> None:
    """Look before long work whether its result can be drawn there.

    RAISES: CM513 for an ending that is no picture's, CM516 if matplotlib is not installed.
    """
    endings = create_figure(1, 1).canvas.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in endings:
        raise Messages.CM513.error(path=path)
