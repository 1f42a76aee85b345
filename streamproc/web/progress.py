"""POST /progress: how a learner gets on, asked of any worker; POST /progress/forget: delete what is kept of a learner.
The worker that has the learner's partition does it, others pass the question on to it.

A worker answers for the partitions that it has and that the group's description says it has: one that was frozen or cut
off may not know yet that another one has them now, and would tell what was.

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
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain
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
FORGET = "/progress/forget"
FORWARDED = "X-Streamproc-Forwarded"
"""Header of a question that a worker passes on: it is not passed on again."""

KNOWN_S = 1.0
"""Seconds for which it is not asked anew who is in the group: less than any session, after which others take over."""
TIMEOUT_S = 3.0
"""Seconds that another worker may take."""
FORGOTTEN_S = 2.0
"""Seconds that a deletion may take until it is committed."""
RETRY_AFTER_S = 2
"""Seconds after which who was told 503 should ask again: a rebalance takes about as long."""

_LOOK_S = 0.05

_NOT_NOW = 503, {"error": "not every partition is with a worker that answers: ask again in some seconds"}
_LONGEST_QUESTION = 4096
_LONGEST_NAME = 1024
_SETTING = "STREAMPROC_PROGRESS__TOKEN"


class Held(NamedTuple):
    """Partitions of activities: those that this worker has, and how many there are; 0: nobody knows yet."""

    ours: frozenset[int]
    all: int


class LearnerHere(NamedTuple):
    """What this worker knows of a learner, and the partitions that it has surely looked into."""

    found: Progress | None
    partitions: frozenset[int]


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


Said = tuple[int, dict[str, Any]]
"""An HTTP status and what is said."""

OwnersPart = Callable[[Question, Progress], Awaitable[Said]]
"""What the worker does that has the learner."""


class ProgressPage:
    """Answers, or passes on.

    Args:
        token: who knows it may ask; empty: nobody.
        worker: this one's id in the group.
        find: looks into this worker's own state.
        forget: has a learner's state deleted, which takes until ``find`` finds it no more; False: it cannot.
        held: which partitions that is.
        members: the group's workers; it blocks, and raises StreamprocError.
        clock: seconds.
    """

    def __init__(
        self,
        token: str,
        worker: str,
        find: Callable[[str, str], Progress | None],
        forget: Callable[[str, str], bool],
        held: Callable[[], Held],
        members: Callable[[], Sequence[Member]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token.encode()
        self._worker = worker
        self._find = find
        self._forget = forget
        self._held = held
        self._members = members
        self._clock = clock
        self._known: Sequence[Member] = ()
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    def add_to(self, server: web.Application) -> None:
        """Serve it."""
        tell = partial(self._serve, path=PATH, part=self._tell, said="progress is asked for")
        delete = partial(self._serve, path=FORGET, part=self._delete, said="a learner's progress is to be forgotten")
        server.router.add_post(PATH, tell)
        server.router.add_post(FORGET, delete)

    async def _serve(self, request: web.Request, *, path: str, part: OwnersPart, said: str) -> web.Response:
        try:
            check_bearer(request.headers, self._token, _SETTING)
            question = await Question.of(request)
        except RequestRefused as refusal:
            log.warning("progress is refused", remote=request.remote, http_status=refusal.status)
            return _answer(refusal.status, {"error": str(refusal)})
        forwarded = FORWARDED in request.headers
        try:
            status, answer = await self._answer(question, path, part, forwarded)
        except StreamprocError as error:
            status, answer = 503, {"error": f"{error.code.name}: {error.message}"}
        log.info(
            said,
            learner=self._name_of(question),
            remote=request.remote,
            forwarded=forwarded,
            http_status=status,
        )
        return _answer(status, answer)

    async def _answer(self, question: Question, path: str, part: OwnersPart, forwarded: bool) -> Said:
        """Raises StreamprocError."""
        here = await self._look(question)
        if here.found is not None:
            return await part(question, here.found)
        if forwarded:
            return 404, {"error": "this worker knows of no such learner", "partitions": sorted(here.partitions)}
        looked, partitions = set(here.partitions), self._held().all
        async with ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session:
            for member in self._likely_first(await self._group(), question, partitions):
                status, answer = await self._ask(session, member, path, question)
                if status == 200:
                    return 200, answer
                looked.update(answer.get("partitions", ()))
        if partitions and looked >= set(range(partitions)):
            return 404, {"error": "there is no progress of such a learner"}
        return _NOT_NOW

    async def _look(self, question: Question) -> LearnerHere:
        """Look into what is surely this worker's. Raises StreamprocError."""
        before = self._held().ours
        told = await self._told()
        if not before <= told:
            # What was heard a moment ago may be from before a rebalance.
            self._asked = float("-inf")
            told = await self._told()
        found = self._find(question.tenant, question.learner)
        # Held before and after: a partition that comes or goes meanwhile was not surely looked into.
        ours = before & self._held().ours & told
        if found is not None and ours != before:
            # It may lie in one that is not ours any more, and so be what was.
            return LearnerHere(None, frozenset())
        return LearnerHere(found, ours)

    async def _told(self) -> frozenset[int]:
        """The partitions that this worker has by the group's description. Raises StreamprocError."""
        return frozenset(chain(*(one.partitions for one in await self._group() if one.id == self._worker)))

    async def _tell(self, _question: Question, found: Progress) -> Said:
        return 200, {"progress": to_json(found)}

    async def _delete(self, question: Question, _found: Progress) -> Said:
        held = self._held()
        if not self._forget(*question):
            return _NOT_NOW
        for _ in range(round(FORGOTTEN_S / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            if self._find(*question) is None:
                # What is not found in a partition that has gone meanwhile may still be there.
                return (200, {"forgotten": True}) if self._held() == held else _NOT_NOW
        return _NOT_NOW

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

    async def _ask(self, session: ClientSession, member: Member, path: str, question: Question) -> Said:
        """What another worker says; 503 where it says nothing."""
        headers = {"Authorization": f"Bearer {self._token.decode()}", FORWARDED: "1"}
        body = {"tenant_id": question.tenant, "learner_id": question.learner}
        try:
            async with session.post(f"http://{member.pages}{path}", json=body, headers=headers) as response:
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
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return web.json_response(values, status=status, headers={"Cache-Control": "no-store", **retry})
