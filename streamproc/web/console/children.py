"""The part of the page that shows children's data: results, dead letters, activities, recordings; and its actions.

Every handler asks first whether the visitor may; every action is logged, with who did it and from where, and what is
done to a letter is kept by the ledger and the audit topic.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from streamproc.errors import StreamprocError
from streamproc.kafka.places import Position, number, write_place
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.web.bearer import RequestRefused
from streamproc.web.console.access import Access
from streamproc.web.console.activities import ActivityQuery, ActivitySearch
from streamproc.web.console.answers import json_answer, json_of
from streamproc.web.console.aside import Aside
from streamproc.web.console.letters import BadRequest, LetterAction, LetterDesk, LetterQuery
from streamproc.web.console.outcomes import KEPT, KeptResult
from streamproc.web.console.recordings import recording
from streamproc.web.console.results import detail_of
from streamproc.web.console.watch import Watch

log = structlog.get_logger(__name__)

_LISTED = 50


class ChildrenRoutes:
    """Serves them.

    Args:
        settings: the topics.
        access: says who may.
        watch: has the recent results.
    """

    def __init__(self, settings: Settings, access: Access, watch: Watch) -> None:
        self._settings = settings
        self._access = access
        self._watch = watch
        self._letters = LetterDesk(settings)
        self._search = ActivitySearch(settings, watch.result_topic)
        self._asked = Aside("console-asked")
        self._acting = Aside("console-acting")

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/results", self._results)
        app.router.add_get("/api/results/{partition}/{offset}", self._result)
        app.router.add_get("/api/recordings/{partition}/{offset}/{phrase}", self._recording)
        app.router.add_get("/api/letters", self._list_letters)
        app.router.add_get("/api/letters/{partition}/{offset}", self._letter)
        app.router.add_post("/api/letters/replay", self._replay)
        app.router.add_post("/api/letters/discard", self._discard)
        app.router.add_get("/api/activity", self._activity)

    def close(self) -> None:
        """Take nothing more; what is being done ends by itself."""
        self._asked.close()
        self._acting.close()

    async def _results(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        watch = self._watch
        watch.looked()
        limit = min(number(request.query.get("limit", str(_LISTED))) or _LISTED, KEPT)
        listed = watch.outcomes.newest(limit)
        if unread := [kept for kept in listed if kept.summary is None]:
            await watch.digest.read(unread)
        return json_answer(
            {
                "results": [_row(kept) for kept in listed],
                "kept": watch.outcomes.count,
                "read": watch.reads,
                "problem": watch.tail_problem or watch.digest.problem,
            }
        )

    async def _result(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        place = _position(request)
        kept = next((one for one in self._watch.outcomes if one.place[1:] == place), None)
        if kept is None:
            kept = await self._asked.do(lambda: self._read_result(place))
        if kept is None:
            raise RequestRefused(404, f"there is no result {place}, or no longer")
        return json_answer(await self._detail(kept))

    async def _recording(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        if not self._access.local:
            raise RequestRefused(403, "recordings are heard in the local mode alone (STREAMPROC_CONSOLE__LOCAL)")
        place, phrase = _position(request), number(request.match_info["phrase"])
        if phrase is None:
            raise BadRequest("a phrase is a number")
        wav = await self._asked.do(lambda: recording(self._settings, place, phrase))
        if wav is None:
            raise RequestRefused(404, "the activity is not there any more")
        return web.Response(body=wav, content_type="audio/wav")

    async def _list_letters(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        query = LetterQuery.of(request.query)
        return json_answer(await self._asked.do(lambda: self._letters.listed(query)))

    async def _letter(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        place = _position(request)
        letter = await self._asked.do(lambda: self._letters.opened(place))
        if letter is None:
            raise RequestRefused(404, f"there is no letter {place}, or no longer")
        return json_answer(letter)

    async def _replay(self, request: web.Request) -> web.Response:
        return await self._act(request, "replay", self._letters.replay)

    async def _discard(self, request: web.Request) -> web.Response:
        return await self._act(request, "discard", self._letters.discard)

    async def _act(
        self, request: web.Request, name: str, act: Callable[[LetterAction], dict[str, Any]]
    ) -> web.Response:
        self._access.check_actor(request.headers)
        action = LetterAction.of(await json_of(request), discard=name == "discard")
        if action.dry_run:
            return json_answer(await self._acting.do(partial(act, action)))
        about = {"action": name, "by": action.by, "remote": request.remote}
        letters = [str(place) for place in action.letters]
        log.info("console: an action begins", **about, letters=letters)
        told = await self._acting.do(partial(act, action))
        counts = {state: told[state] for state in ("replayed", "parked", "discarded") if state in told}
        log.info("console: an action is done", **about, **counts, refused=len(told["refused"]))
        return json_answer(told)

    async def _activity(self, request: web.Request) -> web.Response:
        self._access.check_reader(request.headers)
        query = ActivityQuery.of(request.query.get("q", ""), self._settings.kafka.activity_topic)
        found = await self._asked.do(lambda: self._search.find(query))
        return json_answer({**found.values, "results": [await self._detail(kept) for kept in found.results]})

    def _read_result(self, place: Position) -> KeptResult | None:
        topic = self._watch.result_topic
        with TopicReader(self._settings) as reader:
            message = reader.record_at(topic, place.partition, place.offset)
        return None if message is None else KeptResult.of(message)

    async def _detail(self, kept: KeptResult) -> dict[str, Any]:
        about = {**_where(kept), "place": write_place(*kept.place)}
        try:
            result = await self._watch.digest.result(kept.value)
            # Of another topic's activity the recording is not where this worker would look for it.
            here = result.source.topic == self._settings.kafka.activity_topic
            return {**detail_of(result), **about, "here": here}
        except StreamprocError as error:
            return {**about, "unreadable": f"{error.code.name}: {error.message}"}


def _row(kept: KeptResult) -> dict[str, Any]:
    return {**_where(kept), **({"pending": True} if kept.summary is None else kept.summary)}


def _where(kept: KeptResult) -> dict[str, Any]:
    place = Position(kept.place.partition, kept.place.offset)
    return {"place": str(place), "time_ms": kept.time_ms, "trace_id": kept.trace_id}


def _position(request: web.Request) -> Position:
    try:
        return Position.parse(f"{request.match_info['partition']}:{request.match_info['offset']}")
    except ValueError as error:
        raise BadRequest(str(error)) from None
