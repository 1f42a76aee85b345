"""One HTML page about drift: each model's days as lines, and its distributions beside the reference's. No script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

from streamproc.routing.drift import BINS, MEASURES, SHIFT, WATCH, DayOfModel, Profile
from streamproc.routing.reference import ModelProfile

_MEANINGS = {
    "confidence": "Confidence of the verdicts on words",
    "accuracy": "Share of a reading's words that were read well",
    "silence": "Share of a reading's phrases in which nobody was heard",
}
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
h2{margin-top:2.5rem}h2 small{font-weight:normal;color:#667}.wide{overflow-x:auto}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
td,th{padding:.3rem .6rem;border-bottom:1px solid #dde;text-align:right;white-space:nowrap}
td:nth-child(-n+2),th:nth-child(-n+2),th[colspan]{text-align:left}.group{border-left:1px solid #dde}
.shifted{color:#a01818;font-weight:600}.watch{color:#8a5a00;font-weight:600}.steady{color:#1a6b35}.few{color:#667}
figure{display:inline-block;margin:0 1.5rem 1.5rem 0;max-width:100%}
figcaption{font-size:13px;color:#445}svg{background:#f7f8fb;display:block;max-width:100%;height:auto}"""

_COLOURS = {"shifted": "#a01818", "watch": "#8a5a00", "steady": "#2450a4", "few": "#98a"}

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 330, 150, 34, 18


def page(rows: Sequence[DayOfModel], reference: Mapping[str, ModelProfile], told: str) -> str:
    """The page of these days, compared with a reference; ``told``: what it is."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Drift of the models</title><style>{_STYLE}</style><h1>Drift of the models</h1>",
        f"<p>Compared with {escape(told)}. A population stability index (PSI) from {WATCH:g} on is worth a look, from "
        f"{SHIFT:g} on it is a shift: of the model, or of those who read. What as few readings have by chance "
        "on all but one of 1,000 days is steady, however large it is. KS is the largest difference of the cumulative "
        "shares.",
    ]
    by_model = sorted(rows, key=lambda row: (row.name, row.sha256, row.day))
    for (name, sha256), days in groupby(by_model, key=lambda row: (row.name, row.sha256)):
        parts += _model(name, sha256, list(days), reference.get(sha256))
    if not rows:
        parts.append("<p>There are no results in these days.")
    return "\n".join(parts) + "\n"


def _model(name: str, sha256: str, days: Sequence[DayOfModel], reference: ModelProfile | None) -> list[str]:
    heading = f"<h2>{escape(name)} <small>{escape(sha256[:16])}…</small></h2>"
    if reference is None:
        readings = sum(row.profile.count("silence") for row in days)
        told = f"The reference has not this model: there is nothing to compare its {readings:,} readings with."
        return [heading, f"<p>{told}"]
    parts = [heading, f"<p>{_summary(days)}", _table(days)]
    for measure in MEASURES:
        if shown := _worth_showing(days, measure):
            parts.append(f"<h3>{_MEANINGS[measure]}</h3>")
            parts.append(_lines(days, measure))
            parts.append(_histograms(shown, reference.profile, measure))
    return parts


def _summary(days: Sequence[DayOfModel]) -> str:
    counted = Counter(row.state for row in days)
    named = {"shifted": "shifted", "watch": "worth a look", "steady": "steady", "few": "of too few readings"}
    told = ", ".join(f"{counted[state]} {name}" for state, name in named.items() if counted[state])
    return f"{len(days)} {'day' if len(days) == 1 else 'days'}: {told}."


def _worth_showing(days: Sequence[DayOfModel], measure: str) -> DayOfModel | None:
    """The day that has drifted most, or where none has the last one; None where there is none."""
    found = [row for row in days if measure in row.drift]
    drifted = [row for row in found if row.drift[measure].state in ("watch", "shifted")]
    return max(drifted, key=lambda row: row.drift[measure].psi, default=found[-1] if found else None)


def _table(days: Sequence[DayOfModel]) -> str:
    groups = "".join(f'<th colspan="3" class="group">{measure}' for measure in MEASURES)
    heads = '<th class="group">PSI<th>KS<th>values' * len(MEASURES)
    lines = [f'<div class="wide"><table><tr><th><th>{groups}<tr><th>day<th>{heads}']
    for row in days:
        cells = "".join(
            f'<td class="group {one.state}">{one.psi:.3f}<td>{one.ks:.3f}<td>{one.values:,}'
            if (one := row.drift.get(measure)) is not None
            else '<td class="group"><td><td>'
            for measure in MEASURES
        )
        lines.append(f'<tr><td>{row.day}<td class="{row.state}">{row.state}{cells}')
    return "".join(lines) + "</table></div>"


def _lines(days: Sequence[DayOfModel], measure: str) -> str:
    """PSI from day to day, with the two bounds."""
    found = [(row.day, row.drift[measure]) for row in days if measure in row.drift]
    # What lies far above both bounds is drawn at the top: else they could not be told apart.
    top = min(max([2 * SHIFT, *(one.psi for _, one in found)]), 4 * SHIFT)
    right, height = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - 8

    def x(place: int) -> float:
        return _LEFT + right * (place + 0.5) / max(len(found), 1)

    def y(psi: float) -> float:
        return 8 + height * (1 - min(psi, top) / top)

    bounds = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(bound):.1f}" y2="{y(bound):.1f}" stroke="{colour}" '
        f'stroke-dasharray="4 3"/><text x="2" y="{y(bound) + 4:.1f}" font-size="11" fill="{colour}">{bound:g}</text>'
        for bound, colour in ((WATCH, "#8a5a00"), (SHIFT, "#a01818"))
    )
    points = " ".join(f"{x(place):.1f},{y(one.psi):.1f}" for place, (_, one) in enumerate(found))
    dots = "".join(
        f'<circle cx="{x(place):.1f}" cy="{y(one.psi):.1f}" r="3.5" fill="{_COLOURS[one.state]}">'
        f"<title>{day}: {one.psi:.3f}, {one.state}; by chance up to {one.chance:.3f}</title></circle>"
        for place, (day, one) in enumerate(found)
    )
    names = "".join(
        f'<text x="{x(place):.1f}" y="{_HEIGHT - 4}" font-size="11" text-anchor="middle" fill="#445">{day:%m-%d}</text>'
        for place, (day, _) in enumerate(found)
        if place in (0, len(found) // 2, len(found) - 1)
    )
    line = f'<polyline points="{points}" fill="none" stroke="#a9b6d4" stroke-width="1.5"/>'
    return _figure(f"{bounds}{line}{dots}{names}", "PSI by day; grey: too few readings")


def _histograms(row: DayOfModel, reference: Profile, measure: str) -> str:
    """A day beside the reference, in shares."""
    here, there = _shares(row.profile.bins[measure]), _shares(reference.bins[measure])
    top = max(*here, *there)
    right, height = _WIDTH - _LEFT - 8, _HEIGHT - _BOTTOM - 8
    step = right / BINS
    bars = "".join(
        f'<rect x="{_LEFT + place * step + shift:.1f}" y="{8 + height * (1 - share / top):.1f}" '
        f'width="{step * 0.42:.1f}" height="{height * share / top:.1f}" fill="{colour}">'
        f"<title>{what}: {share:.1%} from {place / BINS:g} to {(place + 1) / BINS:g}</title></rect>"
        for shares, shift, colour, what in (
            (there, 0.5, "#b7bfce", "reference"),
            (here, step * 0.46, "#2450a4", str(row.day)),
        )
        for place, share in enumerate(shares)
    )
    names = "".join(
        f'<text x="{_LEFT + right * place:.1f}" y="{_HEIGHT - 4}" font-size="11" text-anchor="middle" fill="#445">'
        f"{place:g}</text>"
        for place in (0, 0.5, 1)
    )
    scale = f'<text x="2" y="16" font-size="11" fill="#445">{top:.0%}</text>'
    return _figure(f"{bars}{names}{scale}", f"{row.day} (blue) beside the reference (grey)")


def _figure(drawn: str, caption: str) -> str:
    picture = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img">{drawn}</svg>'
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _shares(counts: Sequence[int]) -> list[float]:
    total = max(sum(counts), 1)
    return [count / total for count in counts]
