"""Calls that other threads want the poll thread to make on its consumer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer

from streamproc.transport.errors import TransportError


class Commands:
    """They wait for the poll thread's next turn, and fail when it has ended."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[[Consumer], Any], Future[Any]]] = queue.SimpleQueue()
        self._ended = threading.Event()

    def call(self, function: Callable[[Consumer], Any]) -> Future[Any]:
        """Have the poll thread call ``function(consumer)``. From any thread.

        The future raises what the function raises, or TransportError when the thread ends before its turn.
        """
        future: Future[Any] = Future()
        self._waiting.put((function, future))
        if self._ended.is_set():
            self._fail()
        return future

    def run(self, consumer: Consumer) -> None:
        """Make those that wait. On the poll thread."""
        with suppress(queue.Empty):
            while True:
                function, future = self._waiting.get_nowait()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(function(consumer))
                except Exception as error:  # noqa: BLE001 - the caller's to handle
                    future.set_exception(error)

    def end(self) -> None:
        """No more are made."""
        # In this order: a command that comes later is failed by its caller.
        self._ended.set()
        self._fail()

    def _fail(self) -> None:
        with suppress(queue.Empty):
            while True:
                _, future = self._waiting.get_nowait()
                if future.set_running_or_notify_cancel():
                    future.set_exception(TransportError("The consumer has ended"))
