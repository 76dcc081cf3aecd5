"""Draws merge_policies.png: what `cmner_merge` keeps of the same entities by each policy.

    python docs/images/merge_policies.py

Needs the extra `test`, which brings matplotlib and the font.
"""

from pathlib import Path
from typing import NamedTuple

import pylopdf_fonts_zh_cn
import spacy
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from spacy.tokens import Doc, Span, SpanGroup

from spacy_cmner.analysis.plots import create_figure
from spacy_cmner.pipeline.policies import POLICIES
from spacy_cmner.pipeline.source import add_source, read_sources

TEXT = "胸膜炎性胸痛两天，行ＣＴ，示肺炎"


class Entity(NamedTuple):
    start: int
    end: int
    label: str
    score: float  # of the model, or the prior of the rule


MODEL = {
    "M1": Entity(0, 6, "sym", 0.6),
    "M2": Entity(10, 12, "pro", 0.9),
    "M3": Entity(14, 16, "dis", 0.8),
}
RULES = {
    "R1": Entity(0, 3, "dis", 0.5),
    "R2": Entity(4, 8, "sym", 0.7),
    "R3": Entity(9, 12, "pro", 0.5),
    "R4": Entity(14, 16, "dis", 0.5),
}
ROWS = ("model", "rules", "kept")
COLORS = {("model",): "#4878a8", ("rules",): "#c08a28", ("model", "rules"): "#6a9f58"}
TITLES = {
    "prefer_model": "prefer_model: the model's, then what rules add",
    "prefer_rules": "prefer_rules: those of rules, then what the model adds",
    "longest": "longest: the longest first, whoever found it",
    "highest_score": "highest_score: the model's probabilities, a prior of each rule",
    "agreement": "agreement: only what both found",
}
FONT = FontProperties(fname=Path(pylopdf_fonts_zh_cn.__file__).parent / "NotoSansSC-Regular.otf")


def main() -> None:
    figure = create_figure(8, 9)
    panels = figure.subplots(len(POLICIES), gridspec_kw={"hspace": 0.15})
    for axes, policy in zip(panels, POLICIES, strict=True):
        draw(axes, merge(policy))
        axes.set_title(TITLES[policy], loc="left", size=11, weight="bold")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


def merge(policy: str) -> Doc:
    tokenizer = {"@tokenizers": "spacy-cmner.char_tokenizer.v1"}
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": tokenizer}})
    priors = {name: rule.score for name, rule in RULES.items()}
    settings = {"policy": policy, "inputs": ["ents", "rules"], "priors": priors}
    nlp.add_pipe("cmner_merge", config=settings)
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, *entity[:3]) for entity in MODEL.values()]
    for span in doc.ents:
        add_source(span, "model")
    scores = [entity.score for entity in MODEL.values()]
    doc.spans["cmner"] = SpanGroup(doc, spans=list(doc.ents), attrs={"scores": scores})
    doc.spans["rules"] = [Span(doc, *rule[:3], span_id=name) for name, rule in RULES.items()]
    return nlp(doc)


def draw(axes: Axes, doc: Doc) -> None:
    """The text, what was found, faint where it is not kept, and what is kept."""
    kept = {(span.start, span.end, span.label_): read_sources(span) for span in doc.ents}
    for i, character in enumerate(TEXT):
        axes.text(i + 0.5, -0.5, character, font=FONT, size=14, ha="center", va="center")
    for source, found in (("model", MODEL), ("rules", RULES)):
        for name, entity in found.items():
            text = f"{name} {entity.score:g}"
            row = ROWS.index(source)
            draw_bar(axes, entity, row, text, (source,), faint=entity[:3] not in kept)
    for place, sources in kept.items():
        names = [name for name, entity in (MODEL | RULES).items() if entity[:3] == place]
        draw_bar(axes, place, ROWS.index("kept"), " = ".join(names), sources)
    axes.set(xlim=(0, len(TEXT)), ylim=(len(ROWS), -1))
    axes.set_yticks([row + 0.5 for row in range(len(ROWS))], ROWS)
    axes.axhline(ROWS.index("kept"), color="grey", linewidth=0.6)
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)


def draw_bar(
    axes: Axes,
    place: tuple,
    row: int,
    name: str,
    sources: tuple[str, ...],
    *,
    faint: bool = False,
) -> None:
    start, end = place[:2]
    (bar,) = axes.barh(row + 0.5, end - start - 0.1, left=start + 0.05, color=COLORS[sources])
    bar.set_alpha(0.3 if faint else 1.0)
    color = "black" if faint else "white"
    axes.text((start + end) / 2, row + 0.5, name, size=9, color=color, ha="center", va="center")


if __name__ == "__main__":
    main()
