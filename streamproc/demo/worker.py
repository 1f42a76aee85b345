"""The demonstration's worker: a process of its own, as an operator would run it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from streamproc.errors import StreamprocError
from streamproc.kafka.group import members
from streamproc.kafka.topics import existing
from streamproc.localstack import state
from streamproc.localstack.packages import cache_folder
from streamproc.localstack.ports import HOST, claimed_ports
from streamproc.localstack.private import private_folder
from streamproc.localstack.processes import ProcessRef, spawn, wait_ready
from streamproc.localstack.triton import MODELS
from streamproc.settings import Settings, given, is_loopback, variable

NAME = "worker"
"""The worker's name among the parts of a local stack, and its folder there."""

DECLARED = MODELS.parent / "models.toml"
"""What this tree says of the models that its stack serves."""

START_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 20.0
_PORT = 6166  # Not the settings' default: that belongs to a worker which somebody runs by hand.


class WorkerProcess:
    """A worker whose log and clips lie in ``folder``/worker, where ``folder`` is a local stack's."""

    def __init__(self, folder: Path) -> None:
        self._stack = folder.resolve()
        self.folder = self._stack / NAME
        self.clips = self.folder / "clips"
        self.log = self.folder / "worker.log"
        self.process: ProcessRef | None = None
        self.address = ""
        """Where its health and metrics pages are, once it has been started."""
        self.page = ""
        """The address of the operator's page, with the token that lets its reader act."""

    def is_kept(self) -> bool:
        """Whether a worker that an earlier demonstration left up in this folder still runs."""
        kept = state.read(self._stack).get(NAME)
        return kept is not None and kept.process.alive()

    def end_kept(self) -> None:
        """End the worker that an earlier demonstration left up in this folder, if there is one."""
        with state.locked(self._stack):
            parts = state.read(self._stack)
            if (kept := parts.pop(NAME, None)) is not None:
                kept.process.end(DRAIN_TIMEOUT_S)
                state.write(self._stack, parts)

    @contextmanager
    def starting(self, settings: Settings, *, keep: bool) -> Iterator[None]:
        """Start it, run the block meanwhile, and wait until it consumes.

        ``keep``: it outlives this process, and `streamproc local down` ends it.

        Raises:
            StackError: it does not come up; with its last log lines.
        """
        private_folder(self.folder)
        self.clips.mkdir(mode=0o700, exist_ok=True)
        self.log.unlink(missing_ok=True)
        with claimed_ports(cache_folder() / "ports", _PORT) as (free,):
            host, port = given("web", "host") or HOST, given("web", "port") or str(free)
            self.address = f"http://{host}:{port}"
            environment = {**os.environ, **environment_of(settings)}
            environment |= {variable("web", "host"): host, variable("web", "port"): port}
            environment[variable("duplicates", "window")] = str(settings.duplicates.window)
            environment |= {**self._console(host), **pinned_models()}
            prefixes = [*settings.audio.allowed_prefixes, f"{self.clips.as_uri()}/"]
            environment[variable("audio", "allowed_prefixes")] = json.dumps(prefixes)
            command = [sys.executable, "-m", "streamproc", "worker"]
            self.process = spawn(command, self.log, environment, tie=not keep)
            if keep:
                with state.locked(self._stack):
                    part = state.PartState(self.address, self.process.pid, self.process.started, str(self.log))
                    state.write(self._stack, {**state.read(self._stack), NAME: part})
            yield
            wait_ready("the worker", self.process, self.log, lambda: consuming(settings), START_TIMEOUT_S)

    def _console(self, host: str) -> Mapping[str, str]:
        """The operator's page as it is on one's own machine: readings are seen and heard, and actions have a token."""
        token = given("console", "token") or secrets.token_urlsafe(24)
        self.page = f"{self.address}/console/#token={token}"
        local = given("console", "local") or str(is_loopback(host)).lower()
        return {variable("console", "token"): token, variable("console", "local"): local}

    def end(self) -> None:
        """Let it finish what it has, and end it."""
        if self.process is not None:
            self.process.end(DRAIN_TIMEOUT_S)
            self.process = None

    def clean(self) -> None:
        """Remove its log and clips."""
        shutil.rmtree(self.folder, ignore_errors=True)


def environment_of(settings: Settings) -> Mapping[str, str]:
    """The variables that point a process at the parts that ``settings`` name."""
    return {
        variable("kafka", "bootstrap_servers"): settings.kafka.bootstrap_servers,
        variable("registry", "url"): settings.registry.url,
        variable("triton", "urls"): settings.triton.urls,
    }


def pinned_models() -> Mapping[str, str]:
    """The variable that has a worker compare the stack's own Tritons with what this tree says of their model; nothing
    where somebody else's are used, or is said already."""
    if given("triton", "urls") or given("inference", "models_file") or not DECLARED.is_file():
        return {}
    return {variable("inference", "models_file"): str(DECLARED)}


def consuming(settings: Settings) -> bool:
    """Whether every partition of the activity topic belongs to a member of the workers' group."""
    kafka = settings.kafka
    try:
        present = members(settings, kafka.group_id, kafka.activity_topic)
        assigned = {partition for member in present for partition in member.partitions}
        return bool(assigned) and set(range(existing(settings)[kafka.activity_topic])) <= assigned
    except StreamprocError:
        return False
