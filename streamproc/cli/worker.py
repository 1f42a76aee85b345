"""``streamproc worker``: the process that scores readings."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

import click
import structlog

from streamproc import settings
from streamproc.cli.failing import tell
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.health.allocator import keep_freed_memory
from streamproc.health.exhaustion import exhausted, failure
from streamproc.settings import service_links
from streamproc.terminal import example

if TYPE_CHECKING:
    from streamproc.agents.backfill import Backfill
    from streamproc.telemetry.push import Push

log = structlog.get_logger(__name__)


@click.command(epilog=example("worker"))
def command() -> None:
    """Score readings until SIGTERM: consume activities, publish results and dead letters.

    Checks every setting and dependency first; a problem there is one message and exit code 2. SIGTERM finishes what
    is in flight, then leaves. Several workers share the work when they have the same STREAMPROC_KAFKA__GROUP_ID.

    Under STREAMPROC_WEB__PORT are the operator's page at /console/, health at /health/live and /health/ready, and
    metrics at /metrics.
    """
    run(settings.load())


def run(tree: settings.Settings, backfill: Backfill | None = None) -> NoReturn:
    """Be a worker with these settings; ``backfill``: what it reads again in place of what comes.

    Raises:
        SystemExit: 0 after SIGTERM, 2 where something that it needs is missing, else as docs/reference/health.md says.
    """
    # gRPC's core would write of each failed handshake to standard error, in lines that are no log of ours: all it knows
    # is in the errors that it raises. It reads this when it is first imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    from streamproc.app import WorkerApp, check_dependencies
    from streamproc.telemetry import logs, metrics
    from streamproc.telemetry.resource import identity
    from streamproc.telemetry.spans import spans_to

    logs.configure(tree.log, identity(tree.telemetry.environment))
    keep_freed_memory()
    if links := service_links(settings.PREFIX):
        log.debug("these variables are Kubernetes' service links, not settings", ignored=links)
    try:
        telemetry = tree.telemetry
        pushes = _pushes(tree)
        metrics.configure(*(push.reader for push in pushes), environment=telemetry.environment)
        tracing = tree.tracing
        spans = spans_to(tracing.endpoint, tracing.queue, telemetry.environment) if tracing.endpoint else None
        web = _with_port(tree.web)
        if backfill is None:  # whoever reads history again has asked already
            asyncio.run(check_dependencies(tree))
    except Exception as error:
        if (what := exhausted(error)) is not None:
            error = failure(what)
        if not isinstance(error, StreamprocError):
            raise
        tell(error)
        sys.exit(2)

    import faust

    from streamproc.transport import TransportError

    # What the transport raises says all that there is to say; the stack beneath it is none of the operator's business.
    logging.getLogger("faust.worker").addFilter(lambda record: _without_stack(record, TransportError))
    log.info("pages", address=f"http://{web.address}", live="/health/live", ready="/health/ready")
    app = WorkerApp(tree.model_copy(update={"web": web}), pushes, spans, backfill)
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    # Faust moves the terminal's cursor for its progress display, even where there is no terminal.
    worker.spinner = None
    worker.execute_from_commandline()


def _pushes(tree: settings.Settings) -> list[Push]:
    """What sends the metrics, as the settings ask."""
    from streamproc.telemetry.cloudwatch import DELTAS, EmbeddedMetrics
    from streamproc.telemetry.push import Push, push_to
    from streamproc.telemetry.resource import identity

    telemetry, cloudwatch = tree.telemetry, tree.cloudwatch
    pushes = [push_to(telemetry.otlp_endpoint, telemetry.otlp_interval)] if telemetry.otlp_endpoint else []
    if cloudwatch.namespace:
        exporter = EmbeddedMetrics(cloudwatch.namespace, identity(telemetry.environment)["service"])
        pushes.append(Push(exporter, cloudwatch.interval, DELTAS))
    return pushes


def _without_stack(record: logging.LogRecord, kind: type[Exception]) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], kind):
        record.exc_info = None
    return True


def _with_port(web: settings.WebSettings) -> settings.WebSettings:
    """The same, with a free port in place of 0.

    Raises:
        StreamprocError: SETTINGS_INVALID, where nothing can listen there.
    """
    with socket.socket(socket.AF_INET6 if ":" in web.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as error:
            raise StreamprocError(
                ErrorCode.SETTINGS_INVALID,
                f"STREAMPROC_WEB__HOST, STREAMPROC_WEB__PORT: cannot listen on {web.address}: {error.strerror}",
            ) from None
        return web.model_copy(update={"port": probe.getsockname()[1]})
