"""Faust's agent: what becomes of the events that its coroutine leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable
from typing import Any, cast

from faust.agents import Agent as FaustAgent

from streamproc.transport.surface.stream import Stream


class Agent(FaustAgent):
    """An agent whose unfinished events are decided on by how its coroutine ends.

    It returns: they are done. It raises: their outcomes are discarded, the transport's ``on_raise`` says what follows,
    and the coroutine begins anew at once. It is cancelled while they are still ours: they are delivered again.

    Faust leaves the new beginning to a supervisor, which looks every five seconds and ends the worker at the hundredth
    raise in a second. It still gets what no event explains: a coroutine that raises before it has taken one would raise
    again at once.
    """

    async def _execute_actor(self, coro: Awaitable[Any], aref: Any) -> None:
        await super()._execute_actor(self._watched(coro, aref), aref)

    async def _watched(self, coro: Awaitable[Any], aref: Any) -> None:
        while True:
            try:
                await coro
            except Exception as error:
                failed = [stream.fail_all(error) for stream in self._read_by_agent(aref)]
                if not any(failed):
                    raise
                if self._on_error is not None:
                    await self._on_error(self, error)
            except BaseException as error:
                for stream in self._read_by_agent(aref):
                    stream.fail_all(error)
                raise
            else:
                break
            coro = self._begin_anew(aref)
        for stream in self._read_by_agent(aref):
            stream.release_all()

    def _begin_anew(self, aref: Any) -> Awaitable[Any]:
        """The agent's coroutine once more, on the same stream."""
        for stream in self._read_by_agent(aref):
            stream.renew()
        aref.it = self.fun(aref.stream)
        return self._slurp(aref, aiter(aref)) if isinstance(aref.it, AsyncIterable) else cast(Awaitable[Any], aref.it)

    def _read_by_agent(self, aref: Any) -> list[Stream]:
        stream = aref.stream.get_active_stream()
        return [stream] if isinstance(stream, Stream) else []
