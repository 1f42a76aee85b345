"""Faust's agent: what becomes of the events that its coroutine leaves behind."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from faust.agents import Agent as FaustAgent

from streamproc.transport.stream import Stream


class Agent(FaustAgent):
    """An agent whose unfinished events are decided on by how its coroutine ends.

    It returns: they are done. It raises, or is cancelled while they are still ours (a supervisor starts it again):
    their outcomes are discarded, and the transport's ``on_raise`` says what follows.
    """

    async def _execute_actor(self, coro: Awaitable[Any], aref: Any) -> None:
        await super()._execute_actor(self._watched(coro, aref), aref)

    async def _watched(self, coro: Awaitable[Any], aref: Any) -> None:
        try:
            await coro
        except BaseException as error:
            for stream in self._read_by_agent(aref):
                stream.fail_all(error)
            raise
        for stream in self._read_by_agent(aref):
            stream.release_all()

    def _read_by_agent(self, aref: Any) -> list[Stream]:
        stream = aref.stream.get_active_stream()
        return [stream] if isinstance(stream, Stream) else []
