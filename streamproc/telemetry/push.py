"""Metrics sent to a collector, now and then: OTLP over HTTP.

The collector may be slow or down, and the worker must not feel it: one thread of its own sends, what is sent is what
there is at that moment, and while the last is still on its way nothing more is taken. The numbers are totals, so
nothing is lost by that but moments.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from opentelemetry.metrics import MeterProvider, get_meter_provider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
)

from streamproc.telemetry.catalogue import named
from streamproc.telemetry.otlp import LAST_S, TIMEOUT_S, exporter_for

log = structlog.get_logger(__name__)


class Push:
    """Collects on the event loop, whose numbers they are, and sends from a thread.

    Args:
        exporter: sends; may block for TIMEOUT_S.
        interval: seconds from one to the next.
        temporality: of the kinds of instruments that are not to be totals.
    """

    def __init__(
        self,
        exporter: MetricExporter,
        interval: float,
        temporality: dict[type, AggregationTemporality] | None = None,
    ) -> None:
        self.reader = InMemoryMetricReader(preferred_temporality=temporality or {})
        """The meter provider's."""
        self._exporter = exporter
        self._interval = interval
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="otlp")

    def count_in(self, provider: MeterProvider | None = None) -> None:
        """Show how the exports go among the metrics, of the process' own provider by default."""
        meter = (provider or get_meter_provider()).get_meter("streamproc")
        self._exports = meter.create_counter(*named("streamproc_telemetry_exports"))
        for success in ("true", "false"):
            self._exports.add(0, {"success": success})

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            began = time.monotonic()
            await self.once()
            await asyncio.sleep(max(0.0, self._interval - (time.monotonic() - began)))

    async def once(self) -> None:
        """Send what there is now; what fails is counted and told, and not tried again."""
        data = self.reader.get_metrics_data()
        if data is None:
            return
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._thread, self._exporter.export, data, TIMEOUT_S * 1000)
            reason = "" if result is MetricExportResult.SUCCESS else "whoever is to take them does not"
        except Exception as error:  # noqa: BLE001 - whatever it is, readings are scored
            reason = type(error).__name__
        if reason:
            log.warning("metrics are not sent", reason=reason)
        self._exports.add(1, {"success": "false" if reason else "true"})

    async def close(self) -> None:
        """Send the last numbers, if that is soon done."""
        try:
            await asyncio.wait_for(self.once(), LAST_S)
        except TimeoutError:
            log.warning("metrics are not sent", reason="the collector does not answer in time")
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._exporter.shutdown()


def push_to(endpoint: str, interval: float) -> Push:
    """Send to a collector's URL. OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE and the like hold for it.

    Raises:
        StreamprocError: SETTINGS_INVALID, where the exporter is not installed.
    """
    with exporter_for("STREAMPROC_TELEMETRY__OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    return Push(OTLPMetricExporter(endpoint=endpoint, timeout=TIMEOUT_S), interval)
