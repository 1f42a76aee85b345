"""Metrics go to a collector, and one that is slow, down or mad is felt by nobody. A real HTTP server takes them."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult
from support.collector import collector, received

from streamproc.errors import StreamprocError
from streamproc.telemetry.push import Push, push_to

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="streamproc[otlp] is not installed: make install")


class Exporter:
    """Stands in for an exporter that hangs until it is let go, and then raises."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()

    def export(self, *_: Any) -> MetricExportResult:
        self.calls += 1
        self.go.wait(30)
        raise ConnectionError("a secret address")

    def shutdown(self) -> None:
        self.go.set()


def counted(push: Push) -> dict[str, int]:
    data: Any = push.reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    return {point.attributes["success"]: point.value for point in metric.data.data_points}


def provided(push: Push) -> Push:
    push.count_in(MeterProvider([push.reader]))
    return push


async def test_a_collector_gets_totals() -> None:
    with collector(200) as (address, bodies):
        push = provided(push_to(address, 60))
        await push.once()
        assert counted(push) == {"true": 1, "false": 0}
        await push.close()
    (metric,) = received(bodies[-1]).resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.sum.aggregation_temporality) == ("streamproc_telemetry_exports", 2)  # cumulative
    assert {point.attributes[0].value.string_value: point.as_int for point in metric.sum.data_points}["true"] == 1


async def test_one_that_refuses_is_counted() -> None:
    with collector(400) as (address, bodies):
        push = provided(push_to(address, 60))
        await push.once()
        assert (counted(push), len(bodies)) == ({"true": 0, "false": 1}, 1)
        await push.close()


async def test_one_that_hangs_has_one_thread_and_holds_up_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    exporter: Any = Exporter()
    push = provided(Push(exporter, 0.0))
    task = asyncio.create_task(push.run())
    for _ in range(100):
        await asyncio.sleep(0)  # the event loop goes round meanwhile
    assert exporter.calls == 1
    exporter.go.set()
    while counted(push)["false"] < 2:  # noqa: ASYNC110 - it goes on by itself
        await asyncio.sleep(0.001)
    task.cancel()
    await push.close()
    said = capsys.readouterr().out
    assert "ConnectionError" in said
    assert "secret" not in said


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(StreamprocError, match=r"STREAMPROC_TELEMETRY__OTLP_ENDPOINT.*streamproc\[otlp\]"):
        push_to("http://127.0.0.1:4318/v1/metrics", 60)
