"""A call into librdkafka that is given a time and may not keep it.

When a group's coordinator dies, librdkafka 2.16 may look for its successor only once some connection opens or closes:
``send_offsets_to_transaction`` then waits for ever, whatever its timeout (its issues 5456 and 5511). A new producer
asks at once.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException


def bounded(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The function, made in a thread of its own and waited for so long.

    The call itself goes on: whatever it was made on must be given up by the caller.

    Raises:
        KafkaException: _TIMED_OUT, not retriable, when the time is over; or what the function raises.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        answer: Future[Any] = Future()

        def ask() -> None:
            try:
                answer.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 - the caller's to handle
                answer.set_exception(error)

        # A daemon: a call that never returns must not keep the process.
        threading.Thread(target=ask, name="rdkafka-bounded", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no answer within {seconds:g} s")) from None

    return call
