"""The names and labels that operators' dashboards and alarms are built on."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

SCRIPT = """
from types import SimpleNamespace
from streamproc.contracts.events import ResultStatus, StageTimings
from streamproc.telemetry import metrics

metrics.configure()
ours = metrics.Metrics()
timings = StageTimings(decode_ms=1, audio_ms=20, wait_ms=0, inference_ms=300, score_ms=4, total_ms=325)
for status in (ResultStatus.COMPLETE, ResultStatus.COMPLETE, ResultStatus.PARTIAL):
    ours.started()
    ours.result(SimpleNamespace(status=status, timings=timings))
    ours.finished()
ours.started()
ours.dead_letter("AUDIO_EMPTY", "audio")
ours.intake("breaker", True)
body, content_type = metrics.exposition()
assert content_type.startswith("text/plain")
print(body.decode())
"""


def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    found = {}
    for line in done.stdout.splitlines():
        if sample := re.fullmatch(r"(streamproc\w+)\{(.*)\} (\S+)", line):
            labels = re.findall(r'(\w+)="([^"]*)"', sample[2])
            kept = frozenset((name, value) for name, value in labels if not name.startswith("otel_"))
            found[sample[1], kept] = float(sample[3])
    return found


def test_names_labels_and_values() -> None:
    found = samples()

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("streamproc_results_total", status="COMPLETE") == 2
    assert value("streamproc_results_total", status="PARTIAL") == 1
    assert value("streamproc_dead_letters_total", code="AUDIO_EMPTY", stage="audio") == 1
    assert value("streamproc_in_flight") == 1
    assert value("streamproc_intake_paused", reason="breaker") == 1
    # Durations are in seconds, with buckets from 5 ms to a minute.
    assert value("streamproc_stage_duration_seconds_sum", stage="inference") == pytest.approx(0.9)
    assert value("streamproc_stage_duration_seconds_count", stage="total") == 3
    assert value("streamproc_stage_duration_seconds_bucket", stage="inference", le="0.25") == 0
    assert value("streamproc_stage_duration_seconds_bucket", stage="inference", le="0.5") == 3
    stages = {dict(labels)["stage"] for name, labels in found if name.endswith("duration_seconds_count")}
    assert stages == {"decode", "audio", "wait", "inference", "score", "total"}
