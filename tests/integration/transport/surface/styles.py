"""A plain Faust app with an agent for every way of writing one; each copies numbers from its topic to another.

``SURFACE`` holds ``{"broker": URL, "name": app id, "folder": path}``. Run as ``python styles.py worker``. Nothing in
here knows the driver: only the URL names it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import faust

PLAN = json.loads(os.environ["SURFACE"])
NAME: str = PLAN["name"]

app = faust.App(
    NAME,
    broker=PLAN["broker"],
    processing_guarantee="exactly_once",
    key_serializer="raw",
    value_serializer="raw",
    topic_partitions=4,
    datadir=PLAN["folder"],
    web_enabled=False,
)

#: Every style, and the topics that its outcomes are judged on.
STYLES = (
    "values",
    "events",
    "items",
    "take",
    "take_events",
    "noack",
    "noack_take",
    "concurrent",
    "isolated",
    "two_agents",
    "other_agent",
    "group_by",
    "through",
    "sinks",
    "yielding",
    "app_send",
    "event_send",
    "event_forward",
    "cast",
    "processor",
    "filtered",
    "send_soon",
    "many_topics",
    "stepwise",
)


def source(style: str) -> faust.TopicT:
    """Where a style reads."""
    return app.topic(f"{NAME}-{style}-in")


def sink(style: str) -> faust.TopicT:
    """Where its outcomes go."""
    return app.topic(f"{NAME}-{style}-out")


calls = os.open(Path(PLAN["folder"], "calls"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


async def work(value: bytes) -> None:
    """Something that takes a moment, and leaves a line: how often it was begun can be counted."""
    os.write(calls, b"%s %.3f\n" % (value, time.time()))
    await asyncio.sleep(random.uniform(0, 0.06))


@app.agent(source("values"))
async def values(stream: Any) -> None:
    async for value in stream:
        await work(value)
        await sink("values").send(key=stream.current_event.key, value=value)


@app.agent(source("events"))
async def events(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("events").send(key=event.key, value=event.value)


@app.agent(source("items"))
async def items(stream: Any) -> None:
    async for key, value in stream.items():
        await work(value)
        await sink("items").send(key=key, value=value)


@app.agent(source("take"))
async def take(stream: Any) -> None:
    async for batch in stream.take(10, within=0.05):
        await work(b"take")
        await sink("take").send(value=b" ".join(batch))


@app.agent(source("take_events"))
async def take_events(stream: Any) -> None:
    async for batch in stream.take_events(10, within=0.05):
        await work(b"take_events")
        await sink("take_events").send(value=b" ".join(event.value for event in batch))


@app.agent(source("noack"))
async def noack(stream: Any) -> None:
    async for event in stream.noack().events():
        await work(event.value)
        await sink("noack").send(key=event.key, value=event.value)
        event.ack()


@app.agent(source("noack_take"))
async def noack_take(stream: Any) -> None:
    async for batch in stream.noack_take(10, within=0.05):
        await work(b"noack_take")
        await sink("noack_take").send(value=b" ".join(event.value for event in batch))
        for event in batch:
            event.ack()


@app.agent(source("concurrent"), concurrency=8)
async def concurrent(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("concurrent").send(key=event.key, value=event.value)


@app.agent(source("isolated"), isolated_partitions=True)
async def isolated(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("isolated").send(key=event.key, value=event.value)


@app.agent(source("two_agents"))
async def two_agents(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("two_agents").send(key=event.key, value=event.value)


@app.agent(source("two_agents"))
async def other_agent(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("other_agent").send(key=event.key, value=event.value)


@app.agent(source("group_by"))
async def group_by(stream: Any) -> None:
    async for value in stream.group_by(lambda value: b"group-%d" % (int(value) % 7), name="seventh"):
        await work(value)
        await sink("group_by").send(key=stream.get_active_stream().current_event.key, value=value)


@app.agent(source("through"))
async def through(stream: Any) -> None:
    async for event in stream.through(app.topic(f"{NAME}-through-middle")).events():
        await work(event.value)
        await sink("through").send(key=event.key, value=event.value)


@app.agent(source("sinks"), sink=[sink("sinks")])
async def sinks(stream: Any) -> Any:
    async for value in stream:
        await work(value)
        yield value


@app.agent(source("yielding"))
async def yielding(stream: Any) -> Any:
    async for event in stream.events():
        await work(event.value)
        await sink("yielding").send(key=event.key, value=event.value)
        yield event.value


@app.agent(source("app_send"))
async def app_send(stream: Any) -> None:
    async for key, value in stream.items():
        await work(value)
        await (await app.send(f"{NAME}-app_send-out", key, value))


@app.agent(source("event_send"))
async def event_send(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await event.send(sink("event_send"))


@app.agent(source("event_forward"))
async def event_forward(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await event.forward(f"{NAME}-event_forward-out")


@app.agent(app.topic(f"{NAME}-cast-middle"))
async def cast_to(stream: Any) -> None:
    async for key, value in stream.items():
        await work(value)
        await sink("cast").send(key=key, value=value)


@app.agent(source("cast"))
async def cast(stream: Any) -> None:
    async for key, value in stream.items():
        await cast_to.cast(value, key=key)


@app.agent(source("processor"))
async def processor(stream: Any) -> None:
    async def slowly(value: bytes) -> bytes:
        await work(value)
        return value

    stream.add_processor(slowly)
    async for key, value in stream.items():
        await sink("processor").send(key=key, value=value)


@app.agent(source("filtered"))
async def filtered(stream: Any) -> None:
    """All pass: what does not is acknowledged without an outcome."""
    async for value in stream.filter(lambda value: int(value) >= 0):
        await work(value)
        await sink("filtered").send(key=stream.current_event.key, value=value)


@app.agent(source("send_soon"))
async def send_soon(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        sink("send_soon").send_soon(key=event.key, value=event.value)


@app.agent(app.topic(f"{NAME}-many_topics-in", f"{NAME}-many_topics-too"))
async def many_topics(stream: Any) -> None:
    async for event in stream.events():
        await work(event.value)
        await sink("many_topics").send(key=event.key, value=event.value)


@app.agent(source("stepwise"))
async def stepwise(stream: Any) -> None:
    """A new iteration for every few events: what is left behind by `break` is finished."""
    while True:
        taken = 0
        async for event in stream.events():
            await work(event.value)
            await sink("stepwise").send(key=event.key, value=event.value)
            taken += 1
            if taken == 5:
                break


if __name__ == "__main__":
    app.main()
