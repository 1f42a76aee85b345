"""The operator's page as an aiohttp application: files, figures, and what children's data it shows to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import structlog
from aiohttp import web

from streamproc.deadletter.doing import FENCED
from streamproc.deadletter.operation import Fenced
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.settings import Settings
from streamproc.web.bearer import RequestRefused
from streamproc.web.console.access import Access
from streamproc.web.console.answers import json_answer
from streamproc.web.console.aside import Busy
from streamproc.web.console.children import ChildrenRoutes
from streamproc.web.console.letters import BadRequest
from streamproc.web.console.overview import Overview, WorkerView
from streamproc.web.console.steered import change_row
from streamproc.web.console.streams import Streams
from streamproc.web.console.watch import Watch

log = structlog.get_logger(__name__)

PATH = "/console/"

_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_VIEWS = {"": "overview.html", "results": "results.html", "letters": "letters.html", "activity": "activity.html"}
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_console(server: web.Application, settings: Settings, worker: WorkerView) -> None:
    """Serve the page under PATH, of the worker whose web server this is."""

    async def whole_path(_: web.Request) -> web.Response:
        raise web.HTTPFound(PATH)

    # First: the other one takes whatever begins so, without the slash too.
    server.router.add_get(PATH.rstrip("/"), whole_path)
    server.add_subapp(PATH, ConsoleRoutes(settings, worker).application())


class ConsoleRoutes:
    """Wires the page's parts, and serves them.

    Args:
        settings: all of them.
        worker: the one that serves the page.
    """

    def __init__(self, settings: Settings, worker: WorkerView) -> None:
        self._settings = settings
        self._access = Access(settings.console)
        self._steered = worker.steered
        self._watch = Watch(settings, lambda: self._overview.own(), worker.id)
        self._overview = Overview(settings, worker, self._watch)
        self._streams = Streams(self._picture)
        self._children = ChildrenRoutes(settings, self._access, self._watch)
        self._files = {file.name: file.read_bytes() for file in files(__package__).joinpath("static").iterdir()}

    def application(self) -> web.Application:
        """To be added under PATH."""
        app = web.Application(middlewares=[self._guard])
        for view, name in _VIEWS.items():
            app.router.add_get(f"/{view}", self._file(name))
        app.router.add_get("/static/{name}", self._static)
        app.router.add_get("/api/overview", self._figures)
        app.router.add_get("/api/live", self._live)
        app.router.add_get("/api/worker", self._worker)
        app.router.add_get("/api/access", self._may)
        app.router.add_get("/api/changes", self._changes)
        self._children.add_to(app)
        app.on_response_prepare.append(_protect)
        app.on_shutdown.append(self._shutdown)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        try:
            self._access.check_origin(request.headers)
            response = await handler(request)
        except RequestRefused as refusal:
            if refusal.status == 401:
                log.warning("console: the token is missing or wrong", remote=request.remote)
            response = _told(str(refusal), refusal.status)
        except BadRequest as problem:
            response = _told(str(problem), 400)
        except Busy:
            response = _told("too much is asked for at once: try again", 503)
        except Fenced:
            response = _told(FENCED, 409)
        except StreamprocError as error:
            status = 503 if error.code.error_class is ErrorClass.TRANSIENT else 422
            response = _told(f"{error.code.name}: {error.message}", status)
        return response

    def _picture(self) -> Any:
        self._watch.looked()
        return self._overview.picture()

    def _file(self, name: str) -> Handler:
        async def serve(_: web.Request) -> web.Response:
            return self._response(name)

        return serve

    async def _static(self, request: web.Request) -> web.Response:
        # Known names alone: no path is ever made of what is asked for.
        return self._response(request.match_info["name"])

    def _response(self, name: str) -> web.Response:
        kind = _TYPES.get(name[name.rfind(".") :])
        if kind is None or name not in self._files:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8")

    async def _figures(self, _: web.Request) -> web.Response:
        return json_answer(self._picture())

    async def _worker(self, _: web.Request) -> web.Response:
        """For the other workers: nobody looks on, and nothing is read for it."""
        return json_answer(self._overview.figures().model_dump(mode="json"))

    async def _changes(self, request: web.Request) -> web.Response:
        """Who has changed the models; people's names and reasons, in their own words, are no figures."""
        self._access.check_reader(request.headers)
        return json_answer({"changes": [change_row(one) for one in reversed(self._steered.changes())]})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if self._streams.full:
            raise RequestRefused(503, "as many look on as may; ask for api/overview now and then")
        return await self._streams.serve(request)

    async def _may(self, request: web.Request) -> web.Response:
        """What this visitor may do, for the page to show it."""
        return json_answer(
            {
                "local": self._access.local,
                "token_set": self._access.has_token,
                "reads": _lets(lambda: self._access.check_reader(request.headers)),
                "trace_url": self._settings.console.trace_url,
            }
        )

    async def _shutdown(self, _: web.Application) -> None:
        self._streams.close()
        await self._watch.close()
        self._children.close()


async def _protect(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_POLICY)
    response.headers.setdefault("Cache-Control", "no-store")


def _lets(check: Callable[[], None]) -> bool:
    try:
        check()
    except RequestRefused:
        return False
    return True


def _told(message: str, status: int) -> web.Response:
    return json_answer({"error": message}, status)
