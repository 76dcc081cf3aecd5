"""The training log: one line an evaluation, with every loss the pipeline reports.

spaCy's own console logger prints one loss a component; the recogniser also has the reconstruction
loss of its autoencoder. At the end it says where the best pipeline is that of the first step,
because a run was too short for another evaluation.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import srsly
from spacy.language import Language
from spacy.util import ensure_path
from wasabi import msg

from spacy_cmner.errors import Messages

Info = dict[str, Any]
Log = tuple[Callable[[Info | None], None], Callable[[], None]]

WIDTH = 10


def create_training_log(output_file: str | Path | None = None) -> Callable[[Language, IO, IO], Log]:
    """Registered as `spacy-cmner.training_log.v1`, for ``[training.logger]``.

    output_file (Optional[Path]): also write each line as JSON to this file.
    RETURNS (Callable): sets up the log for a training run.
    """

    def setup(nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr) -> Log:
        weights = nlp.config["training"]["score_weights"]
        scores = [name for name, weight in weights.items() if weight is not None]
        header: list[str] = []
        steps, evaluated = 0, 0
        path = ensure_path(output_file)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)

        def write(cells: list[str]) -> None:
            widths = [max(len(name), WIDTH) for name in header]
            cells = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
            stdout.write("  ".join(cells) + "\n")
            stdout.flush()

        def log_step(info: Info | None) -> None:
            nonlocal steps, evaluated
            steps += 1
            if info is None or info["score"] is None:
                return
            evaluated = steps
            losses = info["losses"]
            names = [f"loss {name}" for name in losses]
            columns = ["epoch", "step", "seconds", *names, *scores, "score"]
            if columns != header:  # the first line, or a loss that no batch has had before
                header[:] = columns
                write(header)
            values = [info["other_scores"].get(name) for name in scores]
            write(
                [
                    str(info["epoch"]),
                    str(info["step"]),
                    str(info["seconds"]),
                    *(f"{loss:.2f}" for loss in losses.values()),
                    *("-" if value is None else f"{100 * value:.2f}" for value in values),
                    f"{info['score']:.4f}",
                ]
            )
            if path is not None:
                row = {
                    "epoch": info["epoch"],
                    "step": info["step"],
                    "seconds": info["seconds"],
                    "losses": {name: float(loss) for name, loss in losses.items()},
                    "scores": dict(zip(scores, values, strict=True)),
                    "score": info["score"],
                }
                srsly.write_jsonl(path, [row], append=True, append_new_line=False)

        def finalize() -> None:
            if steps > evaluated == 1:
                frequency = nlp.config["training"]["eval_frequency"]
                msg.warn(Messages.CM440.format(steps=steps, value=frequency))

        msg.info(f"Pipeline: {nlp.pipe_names}")
        return log_step, finalize

    return setup
