"""What the driver relies on beneath Faust's, mode's and asyncio's doors is still there, and nothing else is used."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any, cast

import faust
import pytest
from faust.agents.replies import BarrierState, ReplyPromise
from faust.transport import base
from faust.types import TP
from mode.utils.queues import ThrowableQueue

import streamproc.transport
from streamproc.transport.surface import seams

ROOM = Path(streamproc.transport.__file__).parent
SEAMS = Path(seams.__file__)
METHODS = [
    pytest.param(seam.owner, name, parameters, id=f"{ours}.{name}")
    for ours, seam in seams.INHERITED.items()
    for name, parameters in seam.methods.items()
]


def new_app() -> Any:
    return faust.App("seams", broker="rdkafka://127.0.0.1:1", topic_disable_leader=True)


@pytest.mark.parametrize(("owner", "name", "parameters"), METHODS)
def test_an_inherited_method_takes_what_it_is_given(owner: type, name: str, parameters: tuple[str, ...]) -> None:
    found = list(inspect.signature(getattr(owner, name)).parameters.values())[1:]
    positional = [one.name for one in found if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    named = [one.name for one in found]
    assert positional == list(parameters[: len(positional)])
    assert set(parameters) <= set(named)


def fields_of(ours: str) -> Any:
    """An object of Faust's class, or our own that inherits from it."""
    app = new_app()
    agent = app.agent(app.topic("in"))(lambda stream: stream)
    return {
        "Stream": lambda: app.stream(app.topic("in")),
        "Agent": lambda: agent,
        "Conductor": lambda: app.topics,
        "Table": lambda: app.Table("counts"),
        "TableManager": lambda: app.tables,
    }[ours]()


@pytest.mark.parametrize(
    ("ours", "name"),
    [(ours, name) for ours, seam in seams.INHERITED.items() for name in seam.fields],
)
async def test_an_inherited_field_is_set_by_faust(ours: str, name: str) -> None:
    found = fields_of(ours)
    assert hasattr(found, name)
    sources = [inspect.getsource(base) for base in type(found).__mro__ if base.__module__.startswith("faust.")]
    assert any(re.search(rf"\b{name}\b", source) for source in sources)


# -- what is reached for in other objects


async def test_running_loop() -> None:
    assert seams.running_loop() is asyncio.get_running_loop()
    assert await asyncio.to_thread(seams.running_loop) is None


def test_current_event_is_the_variable_that_faust_reads() -> None:
    class Event:
        pass

    import weakref

    event = Event()
    token = seams.current_event_ref.set(cast(Any, weakref.ref(event)))
    assert faust.current_event() is cast(Any, event)
    seams.current_event_ref.reset(token)


async def test_a_rebalance_is_noted() -> None:
    app = new_app()
    one, two = TP("in", 0), TP("in", 1)
    assert seams.update_assignment(app, {one}) == (set(), {one})
    assert seams.update_assignment(app, {two}) == ({one}, {two})
    consumer = app.consumer
    seams.set_active_partitions(consumer, {two})
    assert consumer._active_partitions == {two}


async def test_a_fetcher_is_waited_for() -> None:
    fetcher = base.Fetcher(new_app())
    waiting = asyncio.create_task(seams.until_stopped(fetcher))
    await asyncio.sleep(0)
    assert not waiting.done()
    await fetcher.stop()
    await asyncio.wait_for(waiting, 5)


async def test_who_waits_for_replies_is_told() -> None:
    app = new_app()
    promise: Any = ReplyPromise("to", "1")
    barrier = BarrierState("to")
    replies = app._reply_consumer
    replies._waiting["1"].add(promise)
    replies._waiting["2"].add(barrier)
    getting = asyncio.create_task(barrier._results.get())
    await asyncio.sleep(0)
    seams.fail_replies(app, RuntimeError("no reply"))
    for waiting in (promise, barrier, getting):
        with pytest.raises(RuntimeError, match="no reply"):
            await asyncio.wait_for(waiting, 5)
    with pytest.raises(RuntimeError, match="no reply"):
        await replies.add("3", promise)


def new_channel() -> Any:
    """A channel as streams read it: with the queue that Faust makes."""
    app = new_app()
    return app.channel().clone(is_iterator=True)


async def test_a_source_takes_what_was_put() -> None:
    channel = new_channel()
    source = seams.ChannelSource(channel)
    assert isinstance(channel.queue, ThrowableQueue)
    assert source.take() is seams.NOTHING
    seams.put(channel.queue, 1)
    seams.put(channel.queue, 2)
    assert [source.take(), source.take(), source.take()] == [1, 2, seams.NOTHING]
    source.put_back([1, 2])
    assert [source.take(), source.take()] == [1, 2]


async def test_a_source_that_waits_wakes_up() -> None:
    channel = new_channel()
    waiting = asyncio.create_task(seams.ChannelSource(channel).wait())
    await asyncio.sleep(0)
    seams.put(channel.queue, 1)
    assert await asyncio.wait_for(waiting, 5) == 1


async def test_a_source_ends_when_its_stream_is_told_to() -> None:
    channel = new_channel()
    await channel.throw(StopAsyncIteration())
    with pytest.raises(StopAsyncIteration):
        seams.ChannelSource(channel).take()


async def test_a_source_lets_those_in_that_wait_for_room() -> None:
    app = new_app()
    app.flow_control.resume()
    queue = app.FlowControlQueue(maxsize=1)
    channel = app.channel().clone(is_iterator=True)
    channel._queue = queue
    await queue.put(1)
    putting = asyncio.create_task(queue.put(2))
    await asyncio.sleep(0)
    source = seams.ChannelSource(channel)
    assert source.take() == 1
    await asyncio.wait_for(putting, 5)
    assert source.take() == 2


# -- nothing else


def test_private_members_of_others_are_reached_for_in_one_file() -> None:
    found = []
    for path in ROOM.rglob("*.py"):
        if path == SEAMS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and _private(node.attr)
                and not _own(node.value)
                and node.attr != "_replace"
            ):
                found.append(f"{path.relative_to(ROOM)}:{node.lineno} {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"faust", "mode", "asyncio"}:
                found += [f"{path.relative_to(ROOM)} {one.name}" for one in node.names if _private(one.name)]
    assert not found


def test_every_private_member_that_we_inherit_is_named() -> None:
    """A subclass of Faust's uses, under ``self``, only what INHERITED names, or has made itself."""
    unnamed = []
    for path in (ROOM / "surface").rglob("*.py"):
        module = ast.parse(path.read_text())
        for kind in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef)):
            place = ".".join(path.relative_to(ROOM.parents[1]).with_suffix("").parts)
            ours = vars(__import__(place, fromlist=["_"])).get(kind.name)
            inherited = {
                name
                for owner in inspect.getmro(cast(type, ours))
                if owner.__module__.split(".")[0] in {"faust", "mode"}
                for name in re.findall(r"\b(?:self\.|def )(_[a-z]\w*)", inspect.getsource(owner))
            }
            used = {
                node.attr
                for node in ast.walk(kind)
                if isinstance(node, ast.Attribute) and _private(node.attr) and _own(node.value)
            } | {node.name for node in kind.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            named = {
                name
                for seam in seams.INHERITED.values()
                if isinstance(ours, type) and issubclass(ours, seam.owner)
                for name in (*seam.methods, *seam.fields)
            }
            unnamed += [f"{kind.name}.{name}" for name in sorted(used & inherited - named) if _private(name)]
    assert not unnamed


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _own(value: ast.expr) -> bool:
    """``self``, ``cls``, ``super()``; and librdkafka's own names of error codes, which begin with an underscore."""
    text = ast.unparse(value)
    return text in {"self", "cls", "super()", "KafkaError"}
