"""How events behave at a desk: one suite that the desk in memory and the driver with a broker both pass.

(The manner of arroyo's tests, which run one suite against its broker in memory and against Kafka.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streamproc.transport import SentAfterAck, each

VALUES = [b"%d" % number for number in range(7)]


class Worker(Protocol):
    """An app with one agent, running."""

    async def feed(self, values: Sequence[bytes]) -> None:
        """Records arrive, one of each key."""

    async def finished(self) -> int:
        """How many events are done, with their outcomes committed."""

    async def outcomes(self) -> list[bytes | None]:
        """The values that a read_committed reader sees."""


@dataclass(frozen=True)
class Behaviour:
    """An agent, and what becomes of seven events."""

    agent: Callable[[Any, Any], Awaitable[None]]
    #: In any order.
    outcomes: Sequence[bytes]
    finished: int = len(VALUES)
    on_raise: str = "skip"


async def check(worker: Worker, behaviour: Behaviour) -> None:
    """Feed a worker that runs the behaviour's agent, and look at what becomes of it."""
    await worker.feed(VALUES)
    async with asyncio.timeout(60):
        while await worker.finished() < behaviour.finished:  # noqa: ASYNC110 - a worker of another process is asked
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # nothing more comes
    assert await worker.finished() == behaviour.finished
    found = await worker.outcomes()
    assert sorted(found, key=lambda value: value or b"") == sorted(behaviour.outcomes)


BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(outcomes: Sequence[bytes], **options: Any) -> Callable[[Any], Any]:
    """Enter an agent into the suite, under its name."""

    def entered(agent: Callable[[Any, Any], Awaitable[None]]) -> Any:
        BEHAVIOURS[agent.__name__] = Behaviour(agent, outcomes, **options)
        return agent

    return entered


def without(*values: bytes) -> list[bytes]:
    """All but these."""
    return [value for value in VALUES if value not in values]


# -- what is iterated over is done when the next one is asked for


@behaviour(VALUES)
async def values(stream: Any, sink: Any) -> None:
    async for value in stream:
        await sink.send(value=value)


@behaviour(VALUES)
async def events(stream: Any, sink: Any) -> None:
    async for event in stream.events():
        await asyncio.sleep(0)
        await sink.send(key=event.key, value=event.value)


@behaviour([b"key %d" % number for number in range(7)])
async def items(stream: Any, sink: Any) -> None:
    async for key, _ in stream.items():
        sink.send_soon(value=key)


@behaviour([b"0", b"2", b"4", b"6"])
async def what_is_filtered_out_is_done_without_an_outcome(stream: Any, sink: Any) -> None:
    async for value in stream.filter(lambda value: int(value) % 2 == 0):
        await sink.send(value=value)


@behaviour(VALUES)
async def an_iteration_that_is_left_has_done_what_it_was_given(stream: Any, sink: Any) -> None:
    while True:
        async for value in stream:
            await sink.send(value=value)
            break


# -- batches


@behaviour([b"0 1 2", b"3 4 5", b"6"])
async def take(stream: Any, sink: Any) -> None:
    async for batch in stream.take(3, within=0.5):
        await sink.send(value=b" ".join(batch))


@behaviour([b"6"], on_raise="skip")
async def a_batch_that_raises_sends_nothing(stream: Any, sink: Any) -> None:
    async for batch in stream.take(3, within=0.5):
        await sink.send(value=b" ".join(batch))
        if len(batch) == 3:
            raise ValueError(batch)


@behaviour([b"0 1 2", b"3 4 5", b"6"])
async def noack_take(stream: Any, sink: Any) -> None:
    async for batch in stream.noack_take(3, within=0.5):
        await sink.send(value=b" ".join(event.value for event in batch))
        for event in batch:
            event.ack()


@behaviour([b"6"], finished=1)
async def a_batch_is_done_when_all_of_it_is(stream: Any, sink: Any) -> None:
    async for batch in stream.noack_take(3, within=0.5):
        await sink.send(value=b" ".join(event.value for event in batch))
        for event in batch[: 2 if len(batch) == 3 else 1]:
            event.ack()


# -- what the agent acknowledges by itself


@behaviour(VALUES)
async def noack(stream: Any, sink: Any) -> None:
    async for event in stream.noack().events():
        await sink.send(value=event.value)
        event.ack()


@behaviour([b"0", b"2", b"4", b"6"], finished=4)
async def what_is_not_acknowledged_has_no_outcome(stream: Any, sink: Any) -> None:
    async for event in stream.noack().events():
        await sink.send(value=event.value)
        if int(event.value) % 2 == 0:
            await stream.ack(event)


@behaviour(VALUES)
async def an_event_that_is_acknowledged_twice_is_done_once(stream: Any, sink: Any) -> None:
    async for event in stream.noack().events():
        await sink.send(value=event.value)
        event.ack()
        event.ack()


@behaviour([b"0 late", *VALUES])
async def a_send_after_the_acknowledgement_is_refused(stream: Any, sink: Any) -> None:
    async for event in stream.noack().events():
        await sink.send(value=event.value)
        event.ack()
        try:
            await sink.send(value=b"too late")
        except SentAfterAck:
            if event.value == b"0":
                await sink.send(value=b"0 late", force=True)


# -- agents that raise


@behaviour(without(b"2"))
async def what_an_agent_raises_on_is_skipped(stream: Any, sink: Any) -> None:
    async for value in stream:
        await sink.send(value=value)
        if value == b"2":
            raise ValueError(value)


@behaviour(VALUES, on_raise="retry")
async def what_an_agent_raises_on_is_delivered_again(stream: Any, sink: Any) -> None:
    raised = vars(stream.app).setdefault("raised on", set())
    async for value in stream:
        await sink.send(value=value)
        if value not in raised:
            raised.add(value)
            raise ValueError(value)


@behaviour([*without(b"2"), b"2 raised"])
async def what_is_sent_by_force_is_no_outcome_of_the_event(stream: Any, sink: Any) -> None:
    async for value in stream:
        await sink.send(value=value)
        if value == b"2":
            await sink.send(value=b"2 raised", force=True)
            raise ValueError(value)


# -- each


@behaviour(VALUES)
async def each_event_in_a_task(stream: Any, sink: Any) -> None:
    async def handle(event: Any) -> None:
        await asyncio.sleep(0.01 * (7 - int(event.value)))
        await sink.send(value=event.value)

    await each(stream, handle, concurrency=3)


@behaviour(VALUES)
async def each_event_at_once(stream: Any, sink: Any) -> None:
    async def handle(event: Any) -> None:
        await sink.send(value=event.value)

    await each(stream, handle, concurrency=3)


@behaviour(without(b"1", b"4"))
async def each_that_raises(stream: Any, sink: Any) -> None:
    async def handle(event: Any) -> None:
        await sink.send(value=event.value)
        if event.value == b"4":
            await asyncio.sleep(0.01)
        if event.value in (b"1", b"4"):
            raise ValueError(event.value)

    await each(stream, handle, concurrency=3)


@behaviour(without(b"3"), finished=6)
async def what_hangs_holds_up_no_other(stream: Any, sink: Any) -> None:
    async def handle(event: Any) -> None:
        await sink.send(value=event.value)
        if event.value == b"3":
            await asyncio.Event().wait()

    await each(stream, handle, concurrency=3)
