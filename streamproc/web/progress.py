"""POST /progress: how a learner gets on, asked of any worker. The one that has the learner's partition answers, others
pass the question on to it.

It is a child's data: who asks needs the token, and each question is logged, with a name for the learner that nobody can
turn back without the token. The learner stands in the body, since proxies log addresses.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.progress_json import to_json
from streamproc.errors import StreamprocError
from streamproc.kafka.group import Member
from streamproc.web.bearer import RequestRefused, check_bearer

log = structlog.get_logger(__name__)

PATH = "/progress"
FORWARDED = "X-Streamproc-Forwarded"
"""Header of a question that a worker passes on: it is not passed on again."""

KNOWN_S = 2.0
"""Seconds for which it is not asked anew who is in the group."""
TIMEOUT_S = 3.0
"""Seconds that another worker may take."""

_LONGEST_QUESTION = 4096
_LONGEST_NAME = 1024
_SETTING = "STREAMPROC_PROGRESS__TOKEN"


class Held(NamedTuple):
    """Partitions of activities: those that this worker has, and how many there are; 0: nobody knows yet."""

    ours: frozenset[int]
    all: int


class Question(NamedTuple):
    """Whose progress is asked for."""

    tenant: str
    learner: str

    @classmethod
    async def of(cls, request: web.Request) -> Question:
        """Raises RequestRefused."""
        body = await request.content.read(_LONGEST_QUESTION + 1)
        try:
            asked = json.loads(body) if len(body) <= _LONGEST_QUESTION else None
        except ValueError:
            asked = None
        given = asked if isinstance(asked, dict) else {}
        tenant, learner = given.get("tenant_id"), given.get("learner_id")
        for name in (tenant, learner):
            if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
                raise RequestRefused(400, 'wanted is JSON: {"tenant_id": "…", "learner_id": "…"}')
        return cls(str(tenant), str(learner))


class ProgressPage:
    """Answers, or passes on.

    Args:
        token: who knows it may ask; empty: nobody.
        worker: this one's id in the group.
        find: looks into this worker's own state.
        held: which partitions that is.
        members: the group's workers; it blocks, and raises StreamprocError.
        clock: seconds.
    """

    def __init__(
        self,
        token: str,
        worker: str,
        find: Callable[[str, str], Progress | None],
        held: Callable[[], Held],
        members: Callable[[], Sequence[Member]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token.encode()
        self._worker = worker
        self._find = find
        self._held = held
        self._members = members
        self._clock = clock
        self._known: Sequence[Member] = ()
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    def add_to(self, server: web.Application) -> None:
        """Serve it."""
        server.router.add_post(PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        try:
            check_bearer(request.headers, self._token, _SETTING)
            question = await Question.of(request)
        except RequestRefused as refusal:
            log.warning("progress is refused", remote=request.remote, http_status=refusal.status)
            return _answer(refusal.status, {"error": str(refusal)})
        forwarded = FORWARDED in request.headers
        status, answer = await self._answer(question, forwarded)
        log.info(
            "progress is asked for",
            learner=self._name_of(question),
            remote=request.remote,
            forwarded=forwarded,
            http_status=status,
        )
        return _answer(status, answer)

    async def _answer(self, question: Question, forwarded: bool) -> tuple[int, dict[str, Any]]:
        # Before and after: a partition that comes or goes meanwhile was not surely looked into.
        before = self._held()
        found = self._find(question.tenant, question.learner)
        if found is not None:
            return 200, {"progress": to_json(found)}
        ours = before.ours & self._held().ours
        if forwarded:
            return 404, {"error": "this worker knows of no such learner", "partitions": sorted(ours)}
        try:
            members = await self._group()
        except StreamprocError as error:
            return 503, {"error": f"{error.code.name}: {error.message}"}
        looked = set(ours)
        async with ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session:
            for member in self._likely_first(members, question, before.all):
                status, answer = await self._ask(session, member, question)
                if status == 200:
                    return 200, {"progress": answer.get("progress")}
                looked.update(answer.get("partitions", ()))
        if before.all and looked >= set(range(before.all)):
            return 404, {"error": "there is no progress of such a learner"}
        return 503, {"error": "not every partition is with a worker that answers: ask again in some seconds"}

    def _likely_first(self, members: Sequence[Member], question: Question, partitions: int) -> list[Member]:
        """The others, first the one that has the learner's partition by librdkafka's choice; others' may differ."""
        home = zlib.crc32(question.learner.encode()) % partitions if partitions else -1
        others = [member for member in members if member.pages and member.id != self._worker]
        return sorted(others, key=lambda member: home not in member.partitions)

    async def _group(self) -> Sequence[Member]:
        async with self._asking:
            if self._clock() - self._asked > KNOWN_S:
                self._known = await asyncio.to_thread(self._members)
                self._asked = self._clock()
            return self._known

    async def _ask(self, session: ClientSession, member: Member, question: Question) -> tuple[int, dict[str, Any]]:
        """What another worker says; 503 where it says nothing."""
        headers = {"Authorization": f"Bearer {self._token.decode()}", FORWARDED: "1"}
        body = {"tenant_id": question.tenant, "learner_id": question.learner}
        try:
            async with session.post(f"http://{member.pages}{PATH}", json=body, headers=headers) as response:
                said = await response.json()
                if response.status in (200, 404) and isinstance(said, dict):
                    return response.status, said
                problem = f"HTTP {response.status}"
        except (ClientError, TimeoutError, ValueError) as error:
            problem = type(error).__name__
        log.warning("another worker does not tell of progress", worker=member.pages, reason=problem)
        return 503, {}

    def _name_of(self, question: Question) -> str:
        """The same for the same learner, and nothing to who has not the token."""
        return hmac.new(self._token, "\0".join(question).encode(), hashlib.sha256).hexdigest()[:16]


def _answer(status: int, values: dict[str, Any]) -> web.Response:
    return web.json_response(values, status=status, headers={"Cache-Control": "no-store"})
