"""One HTML page about a model: figures by age and condition, how true its certainty is, its wrong verdicts to hear.

The page holds recordings of people: keep it where they may be kept.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import soundfile

from streamproc.training.people.calibration import reliability
from streamproc.training.people.clips import PersonClip
from streamproc.training.people.columns import Columns
from streamproc.training.people.figures import PeopleReport
from streamproc.training.people.verdicts import BAD, JudgedWord

SHOWN = 60
"""Wrong verdicts of each kind on the page, the surest first."""

_NAMES = {
    "false_alarms": "well-read words flagged", "detection": "bad words found", "auc": "AUC",
    "word_pcc": "correlation with the experts", "phone_error_rate": "phoneme errors",
    "calibration_error": "calibration error", "accuracy_error": "accuracy by speaker, off by",
}  # fmt: skip
_FRACTIONS = ("auc", "word_pcc", "accuracy_error", "calibration_error")

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .7rem;border-bottom:1px solid #ccc;text-align:right}
td:first-child,th:first-child{text-align:left}small{color:#666}
br+small{white-space:nowrap}audio{height:2rem;vertical-align:middle}
svg{background:#fafafa;margin-right:2rem}"""


def page(
    title: str,
    reports: Mapping[str, PeopleReport],
    experts: Mapping[str, Sequence[float]],
    words: Columns,
    judged: Sequence[JudgedWord],
    clips: Sequence[PersonClip],
) -> str:
    """The page. ``reports``: "all" and the groups; ``experts``: `figures.human`'s."""
    rows = [
        f"<tr><td>{escape(group)}<td>{report['clips']}<td>{report['unscorable']}<td>{report['words']}"
        + "".join(f"<td>{_shown(report, name)}" for name in _NAMES)
        for group, report in reports.items()
    ]
    if experts:
        span = {name: f"{100 * min(shares):.1f} to {100 * max(shares):.1f} %" for name, shares in experts.items()}
        rows.append(
            "<tr><td>one expert against the others<td><td><td>"
            + "".join(f"<td>{span.get(name, '')}" for name in _NAMES)
        )
    head = "".join(f"<th>{name}" for name in ("", "clips", "not judged", "words", *_NAMES.values()))
    marked = any(word.marks for word in judged)
    alarms = [word for word in judged if word.flagged and (word.full or not marked)]
    well = "all experts found it perfect" if marked else "nobody marked it: every word counts as read well"
    missed = [word for word in judged if not word.flagged and word.mark <= BAD]
    alarms.sort(key=lambda word: -word.wrongness)
    missed.sort(key=lambda word: word.wrongness)
    return (
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>In brackets what 95 % of samples of as many speakers give.</p>"
        f"<table><tr>{head}{''.join(rows)}</table>{_reliability(words)}"
        f"<h2>Flagged, though {well} ({len(alarms)})</h2>{_list(alarms, clips)}"
        f"<h2>Not flagged, though the experts gave {BAD:g} or less ({len(missed)})</h2>{_list(missed, clips)}"
    )


def _shown(report: PeopleReport, name: str) -> str:
    value, interval = report.get(name), report.get(f"{name}_interval")
    if not isinstance(value, float | int):
        return ""
    scale, unit = (1, "") if name in _FRACTIONS else (100, " %")
    digits = 3 if name in _FRACTIONS else 1
    shown = f"{scale * value:.{digits}f}{unit}"
    if isinstance(interval, list):
        shown += f"<br><small>[{scale * interval[0]:.{digits}f} to {scale * interval[1]:.{digits}f}]</small>"
    return shown


def _reliability(words: Columns) -> str:
    """A picture: of words said to be misread with some probability, how many were."""
    bins = reliability(words)
    if not bins:
        return ""
    size = 260
    marks = "".join(
        f'<circle cx="{size * said:.0f}" cy="{size * (1 - was):.0f}" r="{3 + np.log10(count) * 2:.1f}" fill="#06c">'
        f"<title>{count} words: said {said:.2f}, was {was:.2f}</title></circle>"
        for said, was, count in bins
    )
    return (
        "<h2>Whether the probability of a misread word is one</h2>"
        f'<svg width="{size}" height="{size}" viewBox="-8 -8 {size + 16} {size + 16}">'
        f'<path d="M0 {size}L{size} 0" stroke="#bbb"/><path d="M0 0V{size}H{size}" fill="none" stroke="#333"/>'
        f"{marks}</svg>"
        "<p><small>Across: what the model said; up: how many had a median mark of 6 or less.</small></p>"
    )


def _list(words: Sequence[JudgedWord], clips: Sequence[PersonClip]) -> str:
    rows = []
    for word in words[:SHOWN]:
        clip = clips[word.clip]
        age = "" if clip.age is None else f", {clip.age} years"
        rows.append(
            f"<tr><td><b>{escape(word.text)}</b> <small>in: {escape(clip.text)}</small>"
            f"<td>{escape(' '.join(word.heard)) or '(nothing)'}<td>{' '.join(f'{mark:g}' for mark in word.marks)}"
            f"<td><small>{escape(clip.speaker)}{age}</small><td>{_player(clip)}"
        )
    return "<table><tr><th>word<th>heard<th>marks<th>speaker<th>" + "".join(rows) + "</table>"


def _player(clip: PersonClip) -> str:
    file = io.BytesIO()
    soundfile.write(file, clip.audio(), 16_000, format="FLAC")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<audio controls preload=none src="data:audio/flac;base64,{data}"></audio>'
