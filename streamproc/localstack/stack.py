"""The stack: which parts are there already, which are to be started, and all of them taken down again."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streamproc import settings
from streamproc.errors import StreamprocError
from streamproc.localstack import kafka, registry, state, triton
from streamproc.localstack.errors import StackError
from streamproc.localstack.kafka import KafkaPart
from streamproc.localstack.packages import Report, log_progress
from streamproc.localstack.ports import port_of, reachable
from streamproc.localstack.processes import ProcessRef
from streamproc.localstack.registry import RegistryPart
from streamproc.localstack.triton import TritonPart

STATUS_TIMEOUT_S = 2.0
# A part is only ended when it is surely stuck: on a busy machine a sound one may take seconds to answer.
SLOW_ANSWER_S = 15.0


class Part(Protocol):
    """One server of the stack, in a folder of its own."""

    log: Path
    process: ProcessRef | None

    @property
    def address(self) -> str:
        """Where it serves, as its clients want it."""

    def start(self, spawned: Callable[[], None]) -> None:
        """Start it, call ``spawned`` when ``address`` and ``process`` are known, wait until it serves.

        Raises StackError.
        """


@dataclass(frozen=True, slots=True)
class PartKind:
    """What the stack knows of a part: the setting that provides it, whether it answers, what it leaves behind."""

    section: str
    setting: str
    answers: Callable[[str, float], bool]
    clean: Callable[[Path], None]

    @property
    def variable(self) -> str:
        """The setting's variable."""
        return settings.variable(self.section, self.setting)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


KINDS: dict[str, PartKind] = {
    "kafka": PartKind("kafka", "bootstrap_servers", kafka.answers, _remove),
    "registry": PartKind("registry", "url", registry.answers, _remove),
    "triton": PartKind("triton", "urls", triton.answers, triton.clean),
}
PARTS = tuple(KINDS)
_MORE = re.compile(r"(triton)-[0-9]+")
"""Parts of which there may be several: the second is triton-2."""


def kind_of(name: str) -> PartKind | None:
    """What is known of a part; None for what is no part of ours."""
    more = _MORE.fullmatch(name)
    return KINDS.get(more[1] if more else name)


def given_address(kind: PartKind) -> str:
    """The address that the environment or the settings' file gives a part; empty where neither does.

    Raises:
        StackError: the file cannot be read.
    """
    try:
        return settings.given(kind.section, kind.setting)
    except StreamprocError as error:
        raise StackError(error.message) from None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts serve; empty for a part that was not asked for."""

    kafka_bootstrap: str = ""
    """Kafka's bootstrap servers, host:port."""
    registry_url: str = ""
    """Base URL of the registry's Confluent API, as confluent-kafka's SchemaRegistryClient takes it."""
    triton_urls: str = ""
    """The Tritons' gRPC services, host:port, separated by commas."""

    @property
    def triton_url(self) -> str:
        """The first of them."""
        return self.triton_urls.partition(",")[0]


@dataclass(frozen=True, slots=True)
class Status:
    """How a part is: ``up`` (it answers), ``silent`` (its process runs but does not answer) or ``down``.

    ``provider``: ``environment`` where a variable or the settings' file gives another address than the stack's, else
    ``stack``. ``pid`` (while it runs) and ``log``: of the stack's own, also where it is not the one that is used.
    """

    state: str
    provider: str
    address: str
    pid: int | None
    log: str


class LocalStack:
    """The stack whose state and data lie in ``folder``.

    A part is taken from the environment, or the settings' file, where its address is set, else from what is up in the
    folder, else it is started, where it was the last time if it can be. An address of the stack's own, which `up` has
    told to export, is as none. ``tie``: what is started dies with this process. ``models``: the repository that Triton
    serves.
    """

    def __init__(
        self,
        folder: Path,
        *,
        models: Path = triton.MODELS,
        tie: bool = False,
        report: Report = log_progress,
    ) -> None:
        self.folder = folder.resolve()
        self._models = models
        self._tie = tie
        self._report = report
        self._noting = threading.Lock()

    def up(self, parts: Sequence[str] = PARTS, tritons: int = 1) -> Addresses:
        """Bring the parts up, side by side, and return once all of them serve.

        ``tritons``: so many at least; more that are up already are kept, and named with them.

        Raises StackError when one does not come up, with its last log lines; the others stay up. ValueError for a
        part that does not exist.
        """
        for name in parts:
            if name not in KINDS:
                raise ValueError(f"no part is called {name!r}; there are {', '.join(PARTS)}")
        with state.locked(self.folder):
            known = state.read(self.folder)
            names = self._names(parts, tritons, known)
            addresses = {name: found for name in names if (found := self._already_up(name, known))}
            missing = [name for name in names if name not in addresses]
            failures: list[str] = []
            with ThreadPoolExecutor(len(names)) as workers:
                starting = {name: workers.submit(self._start, name, known) for name in missing}
            for name, outcome in starting.items():
                try:
                    addresses[name] = outcome.result()
                except (StackError, OSError) as failure:
                    failures.append(str(failure))
        if failures:
            raise StackError("\n".join(failures))
        return Addresses(
            kafka_bootstrap=addresses.get("kafka", ""),
            registry_url=addresses.get("registry", ""),
            triton_urls=",".join(addresses[name] for name in names if KINDS["triton"] is kind_of(name)),
        )

    def down(self) -> list[str]:
        """End every part that this stack started and remove its data; returns the parts that were running.

        What others provide, or what only has an old process id of ours, is left alone.
        """
        if not self.folder.exists():
            return []
        with state.locked(self.folder):
            known = state.read(self.folder)
            running = [name for name, part in known.items() if part.process.alive()]
            with ThreadPoolExecutor(max(len(running), 1)) as workers:
                # At once: nothing of what an orderly end would save outlives the folder.
                list(workers.map(lambda name: known[name].process.kill(), running))
            for name in {**KINDS, **known}:
                # What is no part of ours was noted here by who started it: a worker that a demonstration has kept.
                kind = kind_of(name)
                clean = kind.clean if kind else _remove
                clean(self.folder / name)
            (self.folder / state.FILE).unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
        return running

    def status(self) -> dict[str, Status]:
        """How each part is, by name, and what else was noted as one: a worker that a demonstration has kept."""
        known = state.read(self.folder)
        return {name: self._status(name, known.get(name)) for name in {**KINDS, **known}}

    def _status(self, name: str, part: state.PartState | None) -> Status:
        kind = kind_of(name)
        given = given_address(kind) if kind else ""
        pid = part.pid if part is not None and part.process.alive() else None
        log = part.log if part is not None else ""
        if given and (part is None or part.address not in given.split(",")):
            return Status("up" if reachable(given) else "down", "environment", given, pid, log)
        if part is None or pid is None:
            return Status("down", "stack", part.address if part else "", None, log)
        answers = kind.answers(part.address, STATUS_TIMEOUT_S) if kind else reachable(part.address)
        return Status("up" if answers else "silent", "stack", part.address, pid, log)

    def _names(self, parts: Sequence[str], tritons: int, known: dict[str, state.PartState]) -> list[str]:
        """The parts to bring up; where the environment names Tritons, it says how many there are."""
        names = list(dict.fromkeys(parts))
        kind = KINDS["triton"]
        if "triton" in names and not self._elsewhere(kind, known):
            exported = given_address(kind).split(",")
            up = {
                name
                for name, part in known.items()
                if _MORE.fullmatch(name) and (part.process.alive() or part.address in exported)
            }
            names += sorted(
                {f"triton-{number}" for number in range(2, tritons + 1)} | up, key=lambda name: (len(name), name)
            )
        return names

    def _elsewhere(self, kind: PartKind, known: dict[str, state.PartState]) -> str:
        """The address that is given for a part of this kind, unless it says no more than where the stack's own are."""
        given = given_address(kind)
        own = {
            part.address
            for name, part in known.items()
            # Where one of ours has died, somebody else may listen now.
            if kind_of(name) is kind and (part.process.alive() or not reachable(part.address))
        }
        return "" if own.issuperset(given.split(",")) else given

    def _already_up(self, name: str, known: dict[str, state.PartState]) -> str:
        kind = kind_of(name)
        assert kind is not None
        if given := self._elsewhere(kind, known):
            # Whether it also lets us in is asked by whoever has the credentials.
            if not reachable(given):
                raise StackError(
                    f"{name}: nothing listens at {given}, which {kind.variable} names; unset it, and one is started"
                )
            self._report(f"{name} is given by {kind.variable}: {given}")
            return given
        part = known.get(name)
        if part is None or not part.process.alive():
            return ""
        if not kind.answers(part.address, SLOW_ANSWER_S):
            self._report(f"{name} runs (process {part.pid}) but does not answer: it is ended and started again")
            part.process.end()
            return ""
        self._report(f"{name} is already up at {part.address}")
        return part.address

    def _start(self, name: str, known: dict[str, state.PartState]) -> str:
        began = time.monotonic()
        self._report(f"{name} is starting")
        part = self._make(name, known.get(name))
        # Written down before it serves: should this command be killed, `down` still finds the process.
        part.start(spawned=lambda: self._note(name, part, known))
        self._report(f"{name} is up at {part.address} after {time.monotonic() - began:.1f} s")
        return part.address

    def _make(self, name: str, last: state.PartState | None) -> Part:
        folder = self.folder / name

        def report(text: str) -> None:
            self._report(f"{name}: {text}")

        def port(default: int) -> int:
            return default if last is None else port_of(last.address)

        match name:
            case "kafka":
                return KafkaPart(folder, tie=self._tie, port=port(kafka.DEFAULT_PORT), report=report)
            case "registry":
                return RegistryPart(folder, tie=self._tie, port=port(registry.DEFAULT_PORT), report=report)
            case _:
                return TritonPart(
                    folder, models=self._models, tie=self._tie, port=port(triton.DEFAULT_PORT), report=report
                )

    def _note(self, name: str, part: Part, known: dict[str, state.PartState]) -> None:
        assert part.process is not None
        with self._noting:
            known[name] = state.PartState(part.address, part.process.pid, part.process.started, str(part.log))
            state.write(self.folder, known)
