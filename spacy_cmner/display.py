"""Entities and what is said of them to look at: on the terminal, and as a page for the browser."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

import wasabi
from spacy import displacy
from spacy.tokens import Doc, Span

from spacy_cmner.analysis.tables import one_line
from spacy_cmner.data.spans import found_entities
from spacy_cmner.pipeline.assertion import read_attributes
from spacy_cmner.pipeline.source import describe_sources, read_sources

# Also spaCy's own colours of these types, by the entry point group `spacy_displacy_colors`.
COLORS = {
    "dis": "#ffa8a8",
    "sym": "#ffd8a8",
    "bod": "#a5d8ff",
    "pro": "#b2f2bb",
    "dru": "#d0bfff",
    "ite": "#99e9f2",
    "equ": "#ced4da",
    "mic": "#ffec99",
    "dep": "#e5c9a8",
    "Symptom": "#ffd8a8",
    "Drug": "#d0bfff",
    "Drug_Category": "#eebefa",
    "Medical_Examination": "#b2f2bb",
    "Operation": "#99e9f2",
    "dose": "#c3fae8",
    "frequency": "#c3fae8",
    "lab_value": "#c3fae8",
    "stage": "#c3fae8",
    "blood_pressure": "#c3fae8",
    "temperature": "#c3fae8",
    "duration": "#c3fae8",
}
DEFAULT_COLOR = "#e9ecef"
NAMES = {
    "dis": "疾病 disease",
    "sym": "症状 symptom, sign",
    "bod": "部位 body part",
    "pro": "医疗程序 procedure",
    "dru": "药物 drug",
    "ite": "检验项目 test item",
    "equ": "医疗设备 equipment",
    "mic": "微生物 microbe",
    "dep": "科室 department",
    "Symptom": "症状 symptom",
    "Drug": "药品 drug",
    "Drug_Category": "药物类别 class of drugs",
    "Medical_Examination": "检查 examination",
    "Operation": "操作 operation",
    "dose": "剂量 dose",
    "frequency": "频次 frequency",
    "lab_value": "检验值 laboratory value",
    "stage": "分期、分级 stage, grade",
    "blood_pressure": "血压 blood pressure",
    "temperature": "体温 temperature",
    "duration": "时长 duration",
}

PAGE = Path(__file__).parent / "assets" / "page.html"
ENTITY = '<mark style="background: {bg}" title="{source}">{text}<span>{label}{said}</span></mark>'
BLACK = 16  # of the 256 colours of a terminal, where 16 to 231 are a cube of 6 × 6 × 6


def to_page(docs: Iterable[Doc], title: str) -> str:
    """Show documents with their entities as an HTML page with a legend.

    It needs no other file and no network. Beside the type of an entity stands what
    `cmner_assertion` says of it; the mouse over it shows the components that found it. Entities
    inside another one are marked in it.

    docs (Iterable[Doc]): With `doc.ents`, see `found_entities`.
    title (str): The page's heading.
    RETURNS (str): HTML.
    """
    docs = list(docs)
    parsed = [
        {
            "text": doc.text,
            "ents": [
                {
                    "start": ent.start_char,
                    "end": ent.end_char,
                    "label": escape(ent.label_),
                    "params": _fill(ent, inside),
                }
                for ent, inside in _nest(found_entities(doc))
            ],
        }
        for doc in docs
    ]
    colors = {escape(label): _color(label) for label in _labels(docs)}
    options = {"colors": colors, "template": ENTITY}
    body = displacy.render(parsed, manual=True, style="ent", jupyter=False, options=options)
    legend = "".join(
        f'<li><mark style="background: {_color(label)}">{escape(label)}</mark>'
        f"{escape(NAMES.get(label, ''))}</li>"
        for label in _labels(docs)
    )
    page = Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=escape(title), legend=legend, body=body)


def to_terminal(doc: Doc) -> str:
    """Show a document with its entities in brackets and colours.

    doc (Doc): With `doc.ents`, see `found_entities`.
    RETURNS (str): The text with each entity of `doc.ents` as `[entity type attributes]`, and a
        table of all entities, with their sources, attributes and codes where they have any.
        `typer.echo` leaves the colours out where there is no terminal.
    """
    if not doc.ents:
        return doc.text
    whole, text, position = doc.text, "", 0
    for ent in doc.ents:
        text += whole[position : ent.start_char]
        marked = f"[{' '.join((ent.text, ent.label_, *(read_attributes(ent) or ())))}]"
        text += wasabi.color(marked, fg=BLACK, bg=_ansi(_color(ent.label_)))
        position = ent.end_char
    text += whole[position:]
    rows = [_describe(ent) for ent in found_entities(doc)]
    header = [name for name in rows[0] if any(row[name] != "" for row in rows)]
    cells = [[one_line(str(row[name])) for name in header] for row in rows]
    aligns = ["r", "r", *"l" * (len(header) - 2)]
    return text + "\n" + wasabi.table(cells, header=header, aligns=aligns)


def _nest(spans: Iterable[Span]) -> list[tuple[Span, list[Span]]]:
    """Spans, and for each what is inside it; of two that cross the second is left out.

    spans (Iterable[Span]): in the order of the text, the longest of those that begin together
        first.
    """
    pairs: list[tuple[Span, list[Span]]] = []
    for span in spans:
        if not pairs or span.start >= pairs[-1][0].end:
            pairs.append((span, []))
        elif span.end <= pairs[-1][0].end:
            pairs[-1][1].append(span)
    return pairs


def _fill(ent: Span, inside: Iterable[Span] = ()) -> dict[str, str]:
    """What `ENTITY` says of an entity, beside its type."""
    text, position = "", 0
    for span, inner in _nest(inside):
        start, end = span.start_char - ent.start_char, span.end_char - ent.start_char
        text += escape(ent.text[position:start])
        said = _fill(span, inner)
        text += ENTITY.format(bg=_color(span.label_), label=escape(span.label_), **said)
        position = end
    return {
        "text": text + escape(ent.text[position:]),
        "said": escape("".join(f" · {said}" for said in read_attributes(ent) or ())),
        "source": escape(describe_sources(ent)),
    }


def _describe(ent: Span) -> dict[str, object]:
    return {
        "start": ent.start_char,
        "end": ent.end_char,
        "type": ent.label_,
        "entity": ent.text,
        "source": "+".join(read_sources(ent)),
        "assertion": ", ".join(read_attributes(ent) or ()),
        "code": ent.kb_id_,
    }


def _labels(docs: Sequence[Doc]) -> list[str]:
    """The types that occur, those we know first and in our order."""
    found = {ent.label_ for doc in docs for ent in found_entities(doc)}
    known = [label for label in COLORS if label in found]
    return known + sorted(found.difference(known))


def _color(label: str) -> str:
    return COLORS.get(label, DEFAULT_COLOR)


def _ansi(color: str) -> int:
    """The nearest of a terminal's colours to `#rrggbb`."""
    red, green, blue = (round(int(color[i : i + 2], 16) / 51) for i in (1, 3, 5))
    return BLACK + 36 * red + 6 * green + blue
