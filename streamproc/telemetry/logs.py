"""Structured logs on standard error: JSON for machines, colours for people on a terminal.

What is logged: codes, ids, positions, figures. Never: a learner's text, audio or pseudonym, nor a secret.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import stamina
import structlog

from streamproc.settings import LogSettings
from streamproc.telemetry.logfields import DebugSample, about, escaped
from streamproc.telemetry.repetition import Repetitions
from streamproc.terminal import colour_refused


def configure(settings: LogSettings, identity: Mapping[str, str] | None = None) -> None:
    """Send structlog's and the standard library's records, Faust's among them, through one renderer.

    Args:
        settings: which lines, and what they look like.
        identity: who writes: service, env, version.
    """
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not colour_refused(), pad_event_to=0)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                about(identity or {}),
                *([] if as_json else [escaped]),  # JSON has escapes of its own
                renderer,
            ],
        )
    )
    handler.addFilter(DebugSample(settings.debug_share))
    handler.addFilter(Repetitions())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name in ("faust", "mode", "aiokafka", "aiohttp", "httpx", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    leave_retries_to_us()


def sample_debug(share: float) -> None:
    """Write this share of the DEBUG lines from now on, of one event all or none."""
    for handler in logging.getLogger().handlers:
        for one in handler.filters:
            if isinstance(one, DebugSample):
                one.share = share


def leave_retries_to_us() -> None:
    """Have stamina tell nobody that something is tried again, in the whole process.

    A worker logs it with its code (``streamproc.agents.retrying``). A command's standard output is its answer, and a
    log that nobody has configured would go there.
    """
    stamina.instrumentation.set_on_retry_hooks(())


@contextmanager
def without_a_log() -> Iterator[None]:
    """Nothing is logged within: a command's answer says what came of it, and a log nobody configured would go there."""
    before, disabled = structlog.get_config(), logging.root.manager.disable
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(disabled)
