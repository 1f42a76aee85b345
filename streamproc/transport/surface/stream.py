"""Faust's stream, without what it does needlessly for every event, and with the acknowledgement in the right place.

Faust's own stream gives the event loop a turn before each event, reads settings and calls sensors for each, and
acknowledges an event whatever becomes of it: an agent that raises in the middle has its half of an outcome committed.
Here an event is acknowledged when its reader asks for the next one or ends well: an agent's coroutine, and outside
agents an ``async with`` block or the task. What is unfinished when it raises goes the way that the transport's
``on_raise`` says.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import faust
from faust.exceptions import Skip
from faust.types import EventT
from mode.utils.futures import maybe_async
from mode.utils.times import want_seconds

from streamproc.transport.surface.batches import EventBatches
from streamproc.transport.surface.delivery import Delivery, current_delivery
from streamproc.transport.surface.monitor import Monitor
from streamproc.transport.surface.passing_on import in_its_time
from streamproc.transport.surface.seams import NOTHING, ChannelSource, current_event_ref
from streamproc.transport.surface.tables.manager import tables_of

#: Events taken from the queue before other tasks get a turn: agents that never wait must not hold up the loop.
_TURN = 64
_EVENT_TYPE = faust.Event
_VALUE, _EVENT, _ITEM = object(), object(), object()
_SKIPPED = object()
#: Events, with what the stream's processors have made of them.
_Batch = list[tuple[EventT[Any], Any]]
_Batches = EventBatches[tuple[EventT[Any], Any]]


class Stream(faust.Stream[Any]):
    """A stream of events that this transport delivered (others are passed on as they come)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Events that were handed out and are not acknowledged yet: one, or the batch of a `take`.
        self.in_hand: list[EventT[Any]] = []
        self._listened_to = False
        self._reader: asyncio.Task[Any] | None = None
        #: Grows when a reader begins anew: an iteration of an earlier one, closed late, must not stop this stream.
        self._incarnation = 0
        #: An iteration has started this stream, and will stop it; the next one will, if that one is void.
        self._started_here = self._inherited = False
        self._left_over: Callable[[], None] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        """One iteration: values, each acknowledged when the next one is asked for."""
        return self._tracked(self._iterate(_VALUE))

    def events(self) -> Any:
        """As Faust's: the events themselves."""
        return self._tracked(self._iterate(_EVENT))

    def items(self) -> Any:
        """As Faust's: pairs of key and value."""
        return self._tracked(self._iterate(_ITEM))

    def _tracked(self, iterator: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        self._active_agens.add(iterator)
        return iterator

    async def _iterate(self, wanted: object) -> AsyncGenerator[Any, None]:
        iteration = await self._begin()
        source = ChannelSource(self.channel)
        turn = 0
        try:
            while not self.should_stop:
                turn += 1
                if turn == _TURN:
                    turn = 0
                    await asyncio.sleep(0)
                try:
                    item = source.take()
                    if item is NOTHING:
                        item = await source.wait()
                except StopAsyncIteration:
                    return
                event = self._enter(item, start=True)
                if event is _SKIPPED:
                    continue
                value = item if event is None else event.value
                state = self._sensed_in(event) if self._listened_to else None
                do_ack = self.enable_acks and event is not None
                try:
                    if self._processors or self.join_strategy is not None:
                        value = await self._process(event, value)
                except Skip:
                    self._release(event, state)
                    continue
                self.events_total += 1
                if do_ack:
                    self.in_hand.append(event)
                # What is thrown in here (GeneratorExit) leaves the event in hand: whoever knows the reason decides.
                if wanted is _VALUE:
                    yield value
                elif event is not None:
                    yield event if wanted is _EVENT else (event.key, event.value)
                self.current_event = None
                if do_ack:
                    self.in_hand.clear()
                    self._release(event, state)
        finally:
            await self._end(*iteration)

    async def _begin(self) -> tuple[int, bool]:
        self._finalized = True
        # The agent has left an earlier iteration with `break` and goes on: it is done with what it was given.
        self.release_all()
        self._put_back()
        self._listened_to = any(not isinstance(sensor, Monitor) for sensor in self.app.sensors)
        reader = asyncio.current_task()
        if reader is not None and reader is not self._reader:
            self._reader = reader
            reader.add_done_callback(self._on_reader_end)
        started_here = bool(await self.maybe_start()) or self._inherited
        self._inherited = False
        self._started_here |= started_here
        return self._incarnation, started_here

    async def _end(self, incarnation: int, started_here: bool) -> None:
        if incarnation != self._incarnation:
            return
        self._channel_stop_iteration(self.channel)
        if started_here:
            self._started_here = False
            await self.stop()
            self.service_reset()

    def renew(self) -> None:
        """The reader has raised and begins anew: what it left of its iteration is void."""
        self._incarnation += 1
        self._inherited = self._started_here

    def _enter(self, item: Any, *, start: bool) -> Any:
        """Make the item's event the current one. Returns the event, None for a bare value, or _SKIPPED."""
        # The cheap question first: EventT is an abstract base class.
        if type(item) is not _EVENT_TYPE and not isinstance(item, EventT):
            self._set_current_event(None)
            return None
        message = item.message
        if isinstance(message, Delivery) and not (message.entry.start(message) if start else message.current):
            return _SKIPPED
        self._set_current_event(item)
        return item

    def _set_current_event(self, event: Any = None) -> None:
        self.current_event = event
        if event is None:
            current_delivery.set(None)
            current_event_ref.set(None)
            return
        message = event.message
        current_delivery.set(message if isinstance(message, Delivery) else None)
        current_event_ref.set(weakref.ref(event))

    async def _process(self, event: EventT[Any] | None, value: Any) -> Any:
        try:
            for processor in self._processors:
                value = await maybe_async(processor(value))
            return await self.on_merge(value)
        except Skip:
            raise
        except Exception as error:
            # Of a stream that only feeds another (group_by, through) the agent never sees the event.
            if event is not None:
                self._fail([event], error)
            raise

    # -- the end of an event

    def _release(self, event: EventT[Any] | None, state: Any = None) -> None:
        """An event needs no more work."""
        self.current_event = None
        if event is None:
            return
        message = event.message
        last = message.desk.ack(message) if isinstance(message, Delivery) else message.ack(self.app.consumer)
        if self._listened_to:
            self._on_stream_event_out(message.tp, message.offset, self, event, state)
            if last:
                self._on_message_out(message.tp, message.offset, message)

    def _sensed_in(self, event: EventT[Any] | None) -> Any:
        if event is None:
            return None
        message = event.message
        if not message.tracked:
            message.tracked = True
            self._on_message_in(message.tp, message.offset, message)
        return self._on_stream_event_in(message.tp, message.offset, self, event)

    def release_all(self) -> None:
        """The agent is done with what it has in hand."""
        in_hand, self.in_hand = self.in_hand, []
        for event in in_hand:
            self._release(event)

    def fail_all(self, error: BaseException) -> bool:
        """The agent raised: on what it has in hand, or, when it acknowledges by itself, on the current event.

        Returns whether there was an event at all.
        """
        in_hand, self.in_hand = self.in_hand, []
        current, self.current_event = self.current_event, None
        if current is not None and current not in in_hand:
            in_hand.append(current)
        self._fail(in_hand, error)
        return bool(in_hand)

    def _fail(self, events: Sequence[EventT[Any]], error: BaseException) -> None:
        deliveries = [event.message for event in events if isinstance(event.message, Delivery)]
        for delivery in deliveries:
            delivery.desk.fail(delivery, error, deliveries)

    # Outside agents an iteration that was left with `break` has these two ends: its block, or else its task.

    async def __aexit__(self, kind: Any = None, error: BaseException | None = None, trace: Any = None) -> bool | None:
        """``async with`` around the iteration: it ends well, and what is in hand is done; or it raises."""
        self._settle(error)
        left: bool | None = await super().__aexit__(kind, error, trace)
        return left

    def _on_reader_end(self, reader: asyncio.Task[Any]) -> None:
        if self._reader is reader:
            self._reader = None
        # Asked only where it is needed: asyncio warns of an exception that nobody has asked for.
        if self.in_hand:
            self._settle(asyncio.CancelledError() if reader.cancelled() else reader.exception())

    def _settle(self, error: BaseException | None) -> None:
        if error is None:
            self.release_all()
        else:
            self.fail_all(error)

    # -- streams that feed others

    def group_by(self, key: Any, **options: Any) -> Any:
        """As Faust's; but what is passed on keeps its event's time.

        An agent that was started again gets the stream that it had.
        """
        if self._finalized and self._next is not None:
            return self._next
        return self._keep_time(super().group_by(key, **options), partial(self._format_key, key))

    def through(self, channel: Any) -> Any:
        """As Faust's; see ``group_by``."""
        if self._finalized and self._next is not None:
            return self._next
        return self._keep_time(super().through(channel))

    def _keep_time(self, following: Any, key_of: Any = None) -> Any:
        topic = following.channel
        if following is not self and isinstance(topic, faust.Topic):
            self._processors[-1] = in_its_time(self, topic, self._processors[-1], key_of)
        return following

    # -- batches

    def take(self, max_: int, within: Any) -> Any:
        """As Faust's. What is sent for a batch is committed with all its events, or with none of them."""
        return self._take(max_, within, lambda event, value: value)

    def take_events(self, max_: int, within: Any) -> Any:
        """As Faust's; see ``take``."""
        return self._take(max_, within, lambda event, value: event)

    def take_with_timestamp(self, max_: int, within: Any, timestamp_field_name: str) -> Any:
        """As Faust's; see ``take``."""

        def stamped(event: EventT[Any], value: Any) -> Any:
            if isinstance(value, dict) and timestamp_field_name:
                value[timestamp_field_name] = event.message.timestamp
            return value

        return self._take(max_, within, stamped)

    def noack_take(self, max_: int, within: Any) -> Any:
        """As Faust's: events that the agent acknowledges by itself. A batch is committed when all of it are."""
        return self._take(max_, within, lambda event, value: event, acks=False)

    def _take(
        self, max_: int, within: Any, item: Callable[[EventT[Any], Any], Any], *, acks: bool = True
    ) -> AsyncGenerator[list[Any], None]:
        return self._tracked(self._batches(max_, want_seconds(within) if within else None, item, acks=acks))

    async def _batches(
        self, max_: int, within: float | None, item: Callable[[EventT[Any], Any], Any], *, acks: bool
    ) -> AsyncGenerator[list[Any], None]:
        iteration = await self._begin()
        source = ChannelSource(self.channel)
        batches: _Batches = EventBatches(max_, within, one_partition=tables_of(self.app) is not None)
        # Kept until another reader begins: what is left here goes first then.
        self._left_over = lambda: source.put_back([event for event, _ in batches.give_back()])
        try:
            while not self.should_stop:
                try:
                    batch = await self._gather(batches, source)
                except StopAsyncIteration:
                    return
                events = [event for event, _ in batch]
                self._bind(events)
                if acks:
                    self.in_hand.extend(events)
                self.events_total += len(events)
                yield [item(event, value) for event, value in batch]
                self.current_event = None
                if acks:
                    self.release_all()
        finally:
            await self._end(*iteration)

    async def _gather(self, batches: _Batches, source: ChannelSource) -> _Batch:
        """The next batch."""
        while True:
            try:
                found = await self._fill(batches, source)
            except BaseException:
                self._put_back()
                raise
            # While later ones were waited for, a rebalance may have taken the first ones away.
            if batch := [(event, value) for event, value in found if _starts(event)]:
                return batch

    async def _fill(self, batches: _Batches, source: ChannelSource) -> _Batch:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(0)
        while True:
            deadline = batches.deadline
            if deadline is not None and clock() >= deadline:
                return batches.overdue()
            found = source.take()
            if found is NOTHING:
                try:
                    # Only the wait is bounded: what has been taken is not dropped.
                    async with asyncio.timeout_at(deadline):
                        found = await source.wait()
                except TimeoutError:
                    return batches.overdue()
            event = self._enter(found, start=False)
            if event is _SKIPPED:
                continue
            if event is None:
                raise RuntimeError("A batch needs a stream of events")
            state = self._sensed_in(event) if self._listened_to else None
            try:
                value = await self._process(event, event.value)
            except Skip:
                self._release(event, state)
                continue
            if (full := batches.add(event.message.tp, (event, value), clock())) is not None:
                return full

    def _put_back(self) -> None:
        """What was taken for a batch that nobody will get goes to the next reader."""
        left_over, self._left_over = self._left_over, None
        if left_over is not None:
            left_over()

    def _bind(self, events: list[EventT[Any]]) -> None:
        """What the agent sends now belongs to all of these events."""
        self._set_current_event(events[-1])
        deliveries = [event.message for event in events if isinstance(event.message, Delivery)]
        if len(deliveries) > 1:
            deliveries[0].desk.join(deliveries)


def _starts(event: EventT[Any]) -> bool:
    message = event.message
    return not isinstance(message, Delivery) or message.entry.start(message)
