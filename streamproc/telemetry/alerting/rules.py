"""Prometheus' rule files, as text.

``python -m streamproc.telemetry.alerting.rules`` writes deploy/prometheus; ``--scale 120 FOLDER`` those of a
drill.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from streamproc.telemetry.alerting import burning, causes
from streamproc.telemetry.alerting.alert import Alert, RecordedSeries, Scale

FOLDER = Path("deploy/prometheus")
RUNBOOKS = "docs/runbooks"
"""Where the alerts' links lead; a deployment puts the address of its own copy of the pages in its place."""

_HEAD = "# Made by python -m streamproc.telemetry.alerting.rules: change the code, not this file.\n"


def all_alerts() -> tuple[Alert, ...]:
    """Every alert that there is."""
    return (*burning.alerts(), *causes.alerts())


def files(scale: Scale | None = None, runbooks: str = RUNBOOKS) -> dict[str, str]:
    """Name -> content of each file."""
    scale = scale or Scale()
    recordings = chain(
        _group("streamproc-objectives", scale("30s"), _recorded(burning.recordings(scale))),
        _group("streamproc-budgets", scale("5m"), _recorded(burning.budgets(scale))),
    )
    alerts = _group("streamproc", scale("30s"), (_alert(alert, scale, runbooks) for alert in all_alerts()))
    return {
        "recording.yaml": _HEAD + "groups:\n" + "\n".join(recordings) + "\n",
        "alerts.yaml": _HEAD + "groups:\n" + "\n".join(alerts) + "\n",
    }


def _group(name: str, interval: str, rules: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"  - name: {name}"
    yield f"    interval: {interval}"
    yield "    rules:"
    for rule in rules:
        yield from rule


def _recorded(recordings: Iterable[RecordedSeries]) -> Iterator[Iterator[str]]:
    return (_recording(one) for one in recordings)


def _recording(one: RecordedSeries) -> Iterator[str]:
    yield f"      - record: {one.name}"
    yield f"        expr: {_text(one.expression)}"
    yield from _table("labels", one.labels.items())


def _alert(alert: Alert, scale: Scale, runbooks: str) -> Iterator[str]:
    yield f"      - alert: {alert.name}"
    yield f"        expr: {_text(alert.expression(scale))}"
    if alert.hold != "0s":
        yield f"        for: {scale(alert.hold)}"
    yield from _table("labels", [("severity", alert.severity), *alert.labels.items()])
    yield from _table("annotations", [("summary", alert.summary), ("runbook_url", f"{runbooks}/{alert.runbook}.md")])


def _table(name: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"        {name}:"
    for key, value in entries:
        yield f"          {key}: {_text(value)}"


def _text(value: str) -> str:
    """A YAML scalar; what is quoted as in JSON is one in any case."""
    return value if value.isidentifier() else json.dumps(value, ensure_ascii=False)


def write(folder: Path, scale: Scale, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write the files; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in files(scale, runbooks).items():
        path = folder / name
        path.write_text(content, "utf-8")
        paths.append(path)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write Prometheus' recording rules and alerts.")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="[default: %(default)s]")
    parser.add_argument("--scale", type=float, default=1, help="divide every window and wait by this, for a drill")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="where the runbooks are [default: %(default)s]")
    given = parser.parse_args()
    print(*write(given.folder, Scale(given.scale), given.runbooks), sep="\n")
