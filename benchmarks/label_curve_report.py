"""Table and picture of what benchmarks/label_curve.py has measured.

    python benchmarks/label_curve_report.py metrics/curve metrics/curve_1 --title "CMeEE, two seeds"

The table, `curve.md` in the first folder, has the F1 of its points. The picture, `curve.png`, has
how far above the model of its own folder each system is: the mean over all folders and, as bars,
its range. A folder is a seed, or students, which may be scored on other texts. Rules alone are
drawn only where they are above the model.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from spacy_cmner.analysis.plots import create_figure

POLICIES = ("prefer_model", "prefer_rules", "longest")
MERGED = [f"merge, {policy}" for policy in POLICIES]
SYSTEMS = ("rules", "model", "constraints", *MERGED, "soft, given", "soft, learned")
STUDENTS = "student 1, joined"
DRAWN = (*(system for system in SYSTEMS if system != "model"), STUDENTS)
LABELS = {STUDENTS: "students of texts without labels"}
APART = 0.03  # of the share, between the points of systems, so that their bars do not overlap

# F1 by system and share of the training texts, in percent.
Scores: TypeAlias = dict[str, dict[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="outputs of label_curve.py")
    parser.add_argument("--title", required=True, help="data set and seeds")
    parser.add_argument("--scored", default="all gold", help="what the F1 is of")
    args = parser.parse_args()
    report(args.folders, args.title, args.scored)


def report(folders: Sequence[Path], title: str, scored: str) -> None:
    """Write `curve.md` and `curve.png` of all points that there are, to the first folder."""
    measured = [read_scores(folder) for folder in folders]
    write_table(measured[0], scored, folders[0] / "curve.md")
    draw(measured, title, scored, folders[0] / "curve.png")


def read_scores(folder: Path) -> Scores:
    scores: Scores = {system: {} for system in SYSTEMS}
    for path in folder.glob("*/*.json"):
        f1 = json.loads(path.read_text(encoding="utf-8"))["all"]["f"]
        scores.setdefault(path.stem, {})[100 * float(path.parent.name)] = 100 * f1
    return {system: points for system, points in scores.items() if points}


def write_table(scores: Scores, scored: str, path: Path) -> None:
    shares = sorted({share for points in scores.values() for share in points})
    lines = [
        f"| F1, {scored} | {' | '.join(f'{share:g}%' for share in shares)} |",
        f"|---|{'---:|' * len(shares)}",
    ]
    for system, points in scores.items():
        cells = [f"{points[share]:.2f}" if share in points else "" for share in shares]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(measured: Sequence[Scores], title: str, scored: str, path: Path) -> None:
    """The zero line is the model."""
    gains = {system: find_gains(measured, system) for system in DRAWN}
    if all(gain < 0 for values in gains["rules"].values() for gain in values):
        del gains["rules"]
    gains = {system: points for system, points in gains.items() if points}
    figure = create_figure(8, 4.5)
    axes = figure.subplots()
    axes.axhline(0, color="black", linewidth=1, label="the model alone")
    for i, (system, points) in enumerate(gains.items()):
        shares = sorted(points)
        means = [statistics.fmean(points[share]) for share in shares]
        ranges = [
            [mean - min(points[share]) for share, mean in zip(shares, means, strict=True)],
            [max(points[share]) - mean for share, mean in zip(shares, means, strict=True)],
        ]
        axes.errorbar(
            [share * (1 + APART * (i - len(gains) / 2)) for share in shares],
            means,
            yerr=ranges if len(measured) > 1 else None,
            label=LABELS.get(system, system),
            color=f"C{DRAWN.index(system)}",
            marker="*" if system == STUDENTS else "o",
            markersize=10 if system == STUDENTS else 4,
            linewidth=1.2,
            elinewidth=1,
        )
    shares = sorted({share for points in gains.values() for share in points})
    axes.set(xscale="log", xlabel="training sentences, %", title=title)
    axes.set_ylabel(f"F1 above the model's, {scored}")
    axes.set_xticks(shares, [f"{share:g}" for share in shares])
    axes.minorticks_off()
    axes.grid(axis="y", alpha=0.3)
    figure.legend(frameon=False, fontsize="small", loc="outside right center")
    figure.savefig(path, dpi=110)


def find_gains(measured: Sequence[Scores], system: str) -> dict[float, list[float]]:
    """The F1 of a system above the model's of the same folder, of all folders that have both."""
    gains = defaultdict(list)
    for scores in measured:
        for share, f1 in scores.get(system, {}).items():
            if share in scores.get("model", {}):
                gains[share].append(f1 - scores["model"][share])
    return gains


if __name__ == "__main__":
    main()
