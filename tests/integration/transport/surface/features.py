"""A plain Faust app of what else an app may use: requests and replies, timers, leaders, force, agents that raise.

``SURFACE`` as for styles.py, and ``worker``, this worker's name. Nothing in here knows the driver.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from typing import Any

import faust
from faust.cli import option

PLAN = json.loads(os.environ["SURFACE"])
NAME: str = PLAN["name"]

app = faust.App(
    NAME,
    broker=PLAN["broker"],
    processing_guarantee="exactly_once",
    key_serializer="raw",
    value_serializer="json",
    topic_partitions=1,
    datadir=PLAN["folder"],
    web_enabled=False,
    reply_create_topic=True,
)


def topic(name: str) -> faust.TopicT:
    """One of the app's topics."""
    return app.topic(f"{NAME}-{name}")


@app.agent(topic("double"))
async def double(stream: Any) -> Any:
    async for value in stream:
        yield value * 2


@app.agent(topic("asks-in"))
async def asks(stream: Any) -> None:
    """Asks another agent in the middle of an event."""
    async for value in stream:
        await topic("asks-out").send(value=await double.ask(value))


memory = app.channel(maxsize=2)


@app.agent(topic("memory-in"))
async def into_memory(stream: Any) -> None:
    async for value in stream:
        await memory.send(value=value)


@app.agent(memory)
async def from_memory(stream: Any) -> None:
    async for value in stream:
        await topic("memory-out").send(value=value)


failed_once: set[int] = set()


@app.agent(topic("raises-in"))
async def raises(stream: Any) -> None:
    """Raises at the first attempt, after it has sent."""
    async for value in stream:
        await topic("raises-out").send(value=value)
        await topic("forced-out").send(value=value, force=True)
        if value % 3 == 0 and value not in failed_once:
            failed_once.add(value)
            raise ValueError(value)


@app.agent(topic("clumsy-in"))
async def clumsy(stream: Any) -> None:
    """Raises on every event, once."""
    async for value in stream:
        await topic("clumsy-out").send(value=value)
        if value not in failed_once:
            failed_once.add(value)
            raise ValueError(value)


@app.agent(topic("clumsy-crew-in"), concurrency=3, sink=[topic("clumsy-crew-out")])
async def clumsy_crew(stream: Any) -> Any:
    """Three of them, that yield, and raise on every event, once."""
    async for value in stream:
        if value not in failed_once:
            failed_once.add(value)
            raise ValueError(value)
        yield value


declared = app.topic(f"{NAME}-declared", partitions=3, retention=3600)


@app.agent(topic("placed-in"))
async def placed(stream: Any) -> None:
    """Makes a topic, and says where in it each record goes."""
    await declared.maybe_declare()
    async for value in stream:
        await declared.send(value=value, partition=value % 3)


@app.agent(topic("batches-in"))
async def batches(stream: Any) -> None:
    """Raises on the first batch, after it has sent."""
    async for batch in stream.take(5, within=0.2):
        await topic("batches-out").send(value=batch)
        if not failed_once & set(batch):
            failed_once.update(batch)
            raise ValueError(batch)


@app.agent(topic("stuck-in"))
async def stuck(stream: Any) -> None:
    """Never finishes an event."""
    async for _ in stream:
        await asyncio.sleep(10_000)


@app.agent(topic("quick-in"))
async def quick(stream: Any) -> None:
    async for value in stream:
        await topic("quick-out").send(value=value)


@app.agent(topic("late-in"))
async def late(stream: Any) -> None:
    """Sends from a task that outlives the event."""

    async def send_late() -> None:
        await asyncio.sleep(0.5)
        try:
            await topic("late-out").send(value="late")
        except Exception as error:  # noqa: BLE001 - which one, the test asks
            await topic("late-out").send(value=type(error).__name__, force=True)

    async for _ in stream:
        asyncio.get_running_loop().create_task(send_late())


@app.task  # type: ignore[untyped-decorator]
async def block() -> None:
    """Reads one event outside agents, and leaves it to the block to finish it."""
    with contextlib.suppress(ValueError):
        async with app.stream(topic("block-in")) as stream:
            async for value in stream:
                await topic("block-out").send(value=value)
                if value == 3:
                    raise ValueError(value)
                break
    await asyncio.sleep(10_000)


@app.task  # type: ignore[untyped-decorator]
async def batch_in_a_task() -> None:
    """Reads one batch outside agents, and ends."""
    async for values in app.stream(topic("task-in")).take(2, within=0):
        await topic("task-out").send(value=values)
        break


@app.timer(0.3)  # type: ignore[untyped-decorator]
async def tick() -> None:
    await topic("ticks").send(value=PLAN["worker"])


@app.timer(0.3, on_leader=True)  # type: ignore[untyped-decorator]
async def lead() -> None:
    await topic("leaders").send(value=PLAN["worker"])


@app.crontab("* * * * * */1")
async def cron() -> None:
    await topic("crons").send(value=PLAN["worker"])


rebalances_completed: list[float] = []


@app.on_rebalance_complete.connect
async def complete(*_: Any, **__: Any) -> None:
    rebalances_completed.append(time.monotonic())


@app.timer(1.0)  # type: ignore[untyped-decorator]
async def statistics() -> None:
    state = app.monitor.asdict()
    wanted = ("transport", "messages_sent", "events_total", "rebalances", "topic_end_offsets", "topic_read_offsets")
    record = {name: state[name] for name in wanted} | {"commits": len(state["commit_latency"])}
    record |= {"unassigned": app.unassigned, "rebalances_completed": len(rebalances_completed)}
    await topic("statistics").send(value=record)


@app.task  # type: ignore[untyped-decorator]
async def hello() -> None:
    await app.send(f"{NAME}-hellos", value=PLAN["worker"])


@app.command(option("--number", type=int))
async def ask_it(self: Any, number: int) -> None:
    """Ask the worker, as a client."""
    print("answer", await double.ask(number))
    await app.stop()


if __name__ == "__main__":
    app.main()
