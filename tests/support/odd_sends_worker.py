"""A Faust worker whose agent sends odd records; each event leaves a note of what became of it."""

from __future__ import annotations

import json
import os
from typing import Any

import faust
from faust.types import EventT

from streamproc.transport import OutcomeRefused, each
from support.plan import VARIABLE, Plan
from support.plan_app import plan_app
from support.whole_records import odd_send


def make_app(plan: Plan) -> faust.App:
    """The app."""
    app, transport = plan_app(plan, topic_allow_declare=False)
    source = app.topic(plan.source, key_serializer="raw", value_serializer="raw", allow_empty=True)
    sink = app.topic(plan.sink, key_serializer="raw", value_serializer="raw")
    notes = app.topic(plan.letters, key_serializer="raw", value_serializer="raw")

    async def note(event: EventT[Any], what: str) -> None:
        message = event.message
        await notes.send(key=b"%d:%d" % (message.partition, message.offset), value=what.encode())

    async def handle(event: EventT[Any]) -> None:
        message = event.message
        try:
            if message.value and message.value.isdigit():
                arguments = odd_send(int(message.value))
                if arguments["key"] == b"k" and arguments["partition"] is None:
                    sink.send_soon(force=True, **arguments)
            else:
                # A copy of a whole record, as a forwarder makes it.
                arguments = {
                    "key": message.key,
                    "value": message.value,
                    "headers": event.headers,
                    "timestamp": message.timestamp,
                }
            await sink.send(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must have come from the send
            await note(event, type(error).__name__)
        else:
            await note(event, "sent")

    async def refused(event: EventT[Any], error: OutcomeRefused) -> None:
        await note(event, error.reason)

    transport.on_refused = refused

    @app.agent(source)
    async def send(stream: Any) -> None:
        await each(stream, handle, concurrency=16)

    return app


if __name__ == "__main__":
    make_app(Plan(**json.loads(os.environ[VARIABLE]))).main()
