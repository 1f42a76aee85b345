"""librdkafka's own lines, through Python's logging for every client: without a logger it writes to standard error."""

from __future__ import annotations

import logging

LOGGER = "librdkafka"

#: The group moved on without a transaction's generation: the transaction is aborted and formed anew, as after every
#: rebalance (P8). librdkafka calls it an error.
_ROUTINE = (
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "STALE_MEMBER_EPOCH",
    "FENCED_MEMBER_EPOCH",
    "REBALANCE_IN_PROGRESS",
)


class _Routine(logging.Filter):
    """Makes an INFO of what librdkafka calls an error and is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno > logging.INFO:
            text = record.getMessage()
            if text.startswith("TXNERR ") and any(f"({name}" in text for name in _ROUTINE):
                record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
                return logging.getLogger(record.name).isEnabledFor(logging.INFO)
        return True


_routine = _Routine()


def librdkafka_logger() -> logging.Logger:
    """The logger of every client's lines: ``facility [client] text``, at librdkafka's level.

    A line waits until its client is polled, or asked for anything that serves its callbacks.
    """
    logger = logging.getLogger(LOGGER)
    logger.addFilter(_routine)  # the same one again changes nothing
    return logger
