"""Spans from one label a token: the schemes BIO (IOB2) and BIOES (BMES, BILOU)."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["bio", "bioes"]

_LABEL = re.compile(r"(?:O|(?P<prefix>[BIESMLUW])-(?P<type>.+))", re.DOTALL)
_ALIASES = {"M": "I", "L": "E", "U": "S", "W": "S"}
_PREFIXES: dict[Scheme, frozenset[str]] = {"bio": frozenset("BI"), "bioes": frozenset("BIES")}


class LabelledSpan(NamedTuple):
    """Tokens `start` to `end` (exclusive) of type `label`.

    problem (str): Why the labels do not allow this span as it stands; empty where they do.
    """

    start: int
    end: int
    label: str
    problem: str


def detect_scheme(labels: Iterable[str]) -> Scheme:
    """Tell the scheme of a file: only BIOES and its kin mark an end or a single token."""
    prefixes = {match["prefix"] for label in labels if (match := _LABEL.fullmatch(label))}
    return "bioes" if prefixes & set("ESMLUW") else "bio"


def first_unreadable(labels: Iterable[str], scheme: Scheme) -> str | None:
    """Find a label that is not of the scheme, if there is one."""
    return next((label for label in labels if _split(label, scheme) is None), None)


def spans_from_labels(labels: Sequence[str], scheme: Scheme) -> list[LabelledSpan]:
    """Read the spans, and mend a sequence the scheme forbids so that no labelled token is lost.

    A continuation without a beginning of its type begins a span; in BIOES a span that is never
    ended ends with its last token.

    labels (Sequence[str]): One label a token, all of the scheme.
    scheme (Scheme): "bio" or "bioes".
    RETURNS (list[LabelledSpan]): In order, without overlap.
    """
    spans: list[LabelledSpan] = []
    start, label, problem = 0, "", ""

    def close(end: int, *, ended: bool) -> None:
        nonlocal label
        if label:
            unended = "it is never ended" if scheme == "bioes" and not ended else ""
            spans.append(LabelledSpan(start, end, label, problem or unended))
        label = ""

    for i, raw in enumerate(labels):
        prefix, type_ = _split(raw, scheme) or ("O", "")
        continues = prefix in ("I", "E") and type_ == label
        if not continues:
            close(i, ended=False)
            if prefix != "O":
                start, label = i, type_
                problem = f"{raw} without a beginning" if prefix in ("I", "E") else ""
        if prefix in ("E", "S"):
            close(i + 1, ended=True)
    close(len(labels), ended=False)
    return spans


def _split(label: str, scheme: Scheme) -> tuple[str, str] | None:
    match = _LABEL.fullmatch(label)
    if match is None:
        return None
    if match["prefix"] is None:
        return "O", ""
    prefix = _ALIASES.get(match["prefix"], match["prefix"])
    return (prefix, match["type"]) if prefix in _PREFIXES[scheme] else None
