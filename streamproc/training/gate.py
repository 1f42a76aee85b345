"""Whether a model may take another's place: its report beside the other's, figure by figure.

A report is what ``streamproc models evaluate`` writes: figures of one model, named by its SHA-256, on one set of
recordings, named by theirs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Report = Mapping[str, Any]

WORSE_BY: Mapping[str, float] = {
    "false_alarms": 0.01,
    "detection": -0.03,
    "detection_of_misread": -0.03,
    "auc": -0.01,
    "word_pcc": -0.02,
    "phone_error_rate": 0.01,
    "calibration_error": 0.02,
    "accuracy_error": 0.01,
    "unscorable_share": 0.01,
}
"""By so much a figure may be worse than the champion's; below 0 where more is better."""

LEAST_WORDS = 100
"""A report on fewer says nothing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both models; None where a report has none."""

    champion: float | None
    candidate: float | None
    worse_by: float
    ok: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict."""

    candidate_sha256: str
    champion_sha256: str | None
    refusals: tuple[str, ...]
    """Why the candidate may not take the champion's place; empty: it may."""
    figures: Mapping[str, Compared] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it may."""
        return not self.refusals

    def to_json(self) -> dict[str, Any]:
        """For ``--json``, and for an audit."""
        return {"ok": self.ok, **asdict(self), "refusals": list(self.refusals)}


def gate(champion: Report | None, candidate: Report, bounds: Mapping[str, float] = WORSE_BY) -> Gate:
    """Compare two reports.

    Args:
        champion: None where there is no model whose place is taken: then the candidate's only has to be one.
        candidate: of the model that is to score.
        bounds: as `WORSE_BY`; figures that are not in it are not compared.

    Raises:
        ValueError: a bound of a figure that no report has.
    """
    if unknown := bounds.keys() - WORSE_BY.keys():
        raise ValueError(f"{', '.join(sorted(unknown))}: no figure of a report; there are {', '.join(WORSE_BY)}")
    refusals = [f"the candidate's report {what}" for what in _what_is_missing(candidate)]
    if champion is None:
        return Gate(str(candidate.get("model_sha256")), None, tuple(refusals))
    refusals += [f"the champion's report {what}" for what in _what_is_missing(champion)]
    if not refusals and champion["recordings_sha256"] != candidate["recordings_sha256"]:
        refusals.append("the reports are of different recordings: evaluate both models on the same folder")
    figures: dict[str, Compared] = {}
    if not refusals:
        figures = {name: _compared(name, champion, candidate, bound) for name, bound in bounds.items()}
        refusals = [_told(name, figure) for name, figure in figures.items() if not figure.ok]
    named = str(candidate.get("model_sha256")), str(champion.get("model_sha256"))
    return Gate(*named, tuple(refusals), figures)


def gate_among(reports: Mapping[str, Report], champion_sha256: str, candidate_sha256: str, where: str) -> Gate:
    """The same by the models' SHA-256.

    Args:
        reports: by their models' SHA-256.
        champion_sha256: of the model whose place is taken.
        candidate_sha256: of the model that is to score.
        where: they were looked for, and how one comes there.
    """
    missing = tuple(
        f"the {whose} {sha256} has no report in {where}"
        for whose, sha256 in (("candidate", candidate_sha256), ("champion", champion_sha256))
        if sha256 not in reports
    )
    if missing:
        return Gate(candidate_sha256, champion_sha256, missing)
    return gate(reports[champion_sha256], reports[candidate_sha256])


def gate_of(reports: Path, champion_sha256: str, candidate_sha256: str) -> Gate:
    """The same by the newest reports in a folder. Raises OSError where it cannot be read."""
    found, broken = _newest_first(reports)
    of = {str(report.get("model_sha256")): report for report in reversed(found)}
    how = f"streamproc models evaluate FOLDER --output {reports}/NAME.json"
    beside = f"; no reports are {', '.join(broken)}" if broken else ""
    return gate_among(of, champion_sha256, candidate_sha256, f"{reports}: {how}{beside}")


def _newest_first(folder: Path) -> tuple[list[Report], list[str]]:
    """The reports of a folder, by the times of their files; and what else lies there, with what is wrong with it."""
    reports, broken = [], []
    files = [file for file in folder.iterdir() if file.suffix == ".json"]
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        try:
            reports.append(read_report(file))
        except ValueError as error:
            broken.append(f"{file.name} ({error})")
    return reports, broken


def read_report(file: Path) -> Report:
    """A report as it was written. Raises OSError; ValueError where the file holds none."""
    found = json.loads(file.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{file}: no report of streamproc models evaluate")
    return found


def _what_is_missing(report: Report) -> list[str]:
    missing = [f"has no {key}" for key in ("model_sha256", "recordings_sha256") if not isinstance(report.get(key), str)]
    missing += [f"has no {key}" for key in ("clips", "words") if not is_number(report.get(key)) or report[key] <= 0]
    missing += [
        f"has no number as {key}"
        for key in (*WORSE_BY, "unscorable")
        if report.get(key) is not None and not is_number(report[key])
    ]
    if not missing and report["words"] < LEAST_WORDS:
        missing.append(f"is of {report['words']} words, and {LEAST_WORDS} is the least")
    return missing


def is_number(value: object) -> bool:
    """Whether a report may have it as a figure."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _figure(report: Report, name: str) -> float | None:
    if name == "unscorable_share":
        return float(report.get("unscorable", 0)) / float(report["clips"])
    value = report.get(name)
    return None if value is None else float(value)


def _compared(name: str, champion: Report, candidate: Report, bound: float) -> Compared:
    before, after = _figure(champion, name), _figure(candidate, name)
    # What the champion's report cannot tell, of recordings without experts' marks, nobody is measured by.
    ok = before is None or (after is not None and (after <= before + bound if bound >= 0 else after >= before + bound))
    return Compared(before, after, bound, ok)


def _told(name: str, figure: Compared) -> str:
    after = "is missing" if figure.candidate is None else f"is {figure.candidate:.4f}"
    return f"{name} {after}, the champion's {figure.champion:.4f}; it may be {abs(figure.worse_by):g} worse"
