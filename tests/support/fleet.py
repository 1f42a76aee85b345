"""Worker processes of one group: started, killed at the worst moments, ended."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamproc.localstack.processes import ProcessRef, log_tail, spawn
from support.judge import Judge
from support.plan import Plan
from support.waiting import wait_for

_READY = "[^Worker]: Ready"
WORKER = Path(__file__).with_name("copying_worker.py")
#: Seconds that ``strike`` freezes a worker: shorter and longer than its session.
FROZEN_S = (1.0, 6.0)

#: Both ways of sharing partitions, with takeovers quick enough for a test.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "classic": {"assignment": "cooperative-sticky", "session_timeout": 3.0},
    "kip848": {"assignment": "consumer"},
}


@dataclass
class Member:
    """A worker process."""

    name: str
    plan: Plan
    process: ProcessRef
    log: Path
    #: How often its predecessors of the same name have said that they are ready.
    ready_before: int = 0

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        return Path(self.plan.folder)

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still this process."""
        if self.process.alive():
            os.kill(self.process.pid, number)

    def check_alive(self) -> None:
        """Raise with its log when it has ended though nobody ended it."""
        assert self.process.alive(), f"{self.name} has ended.\n{log_tail(self.log, 40)}"

    def log_text(self) -> str:
        """All that it and its predecessors of the same name have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass
class Fleet:
    """Workers of one group. Leaving the context ends them all."""

    plan: Plan
    folder: Path
    #: Static membership, and so a stable transactional id, for each worker.
    stable: bool = True
    script: Path = WORKER
    members: dict[str, Member] = field(default_factory=dict)
    kills: int = 0
    kills_in_commit: int = 0
    kills_in_close: int = 0

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members.values():
            member.process.kill()

    def start(self, name: str, **changes: Any) -> Member:
        """Start a worker, or one in the place of one that has ended."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in ("hold", "held", "hold-close", "held-close", "die"):
            (folder / left_over).unlink(missing_ok=True)
        plan = dataclasses.replace(self.plan, folder=str(folder), **changes)
        if self.stable:
            plan = dataclasses.replace(plan, settings={**plan.settings, "group_instance_id": name})
        log = self.folder / f"{name}.log"
        command = [sys.executable, str(self.script), "worker", "--without-web", "--loglevel", "info"]
        ready = log.read_text(errors="replace").count(_READY) if log.exists() else 0
        process = spawn(command, log, plan.environment(), tie=True)
        self.members[name] = Member(name, plan, process, log, ready)
        return self.members[name]

    def wait_ready(self, *names: str, timeout: float = 60.0) -> None:
        """Wait until workers run."""
        for name in names or tuple(self.members):
            member = self.members[name]

            def ready(member: Member = member) -> bool:
                member.check_alive()
                return member.log_text().count(_READY) > member.ready_before

            wait_for(ready, name, timeout)

    def kill(self, name: str) -> None:
        """kill -9, at any moment."""
        self.members[name].process.kill()
        self.kills += 1

    def kill_in_commit(self, name: str, timeout: float = 20.0) -> bool:
        """kill -9 between send_offsets_to_transaction and commit_transaction. False: it did not get there in time."""
        if not self.hold(name, timeout):
            return False
        self.kill(name)
        self.kills_in_commit += 1
        return True

    def kill_in_close(self, name: str, timeout: float = 20.0) -> bool:
        """kill -9 while a window closes: what it publishes is sent, and not committed. False: none closed in time."""
        if not self.hold(name, timeout, "-close"):
            return False
        self.kill(name)
        self.kills_in_close += 1
        return True

    def kill_one_in_commit(self, name: str, judge: Judge, events: int) -> str:
        """kill -9 this worker in a commit, or another: one whose partitions are done, or not its own yet, commits none.

        Returns the worker's name.

        Raises:
            AssertionError: all ``events`` are done, so that nobody will commit again.
        """
        while not self.kill_in_commit(name, 3):
            judge.read(0.1)
            assert len(judge.seen) < events, "too few events: all are done before the last kill"
            self.check_alive()
            names = [*self.members]
            name = names[(names.index(name) + 1) % len(names)]
        return name

    def strike(self, name: str, fault: str, chance: random.Random) -> str:
        """Do one of these to a worker, and have it back. Returns what was done.

        ``fault``: ``kill``, ``kill in commit``, ``kill in close``, ``stop`` or ``freeze``.
        """
        match fault:
            case "kill":
                self.kill(name)
            case "kill in commit" | "kill in close":
                kill = self.kill_in_commit if fault == "kill in commit" else self.kill_in_close
                if not kill(name, 5.0):  # it has no partition
                    self.kill(name)
                    fault = "kill"
            case "stop":
                self.stop(name)
            case "freeze":
                self.members[name].signal(signal.SIGSTOP)
                time.sleep(chance.uniform(*FROZEN_S))
                self.members[name].signal(signal.SIGCONT)
                return fault
            case _:
                raise ValueError(f"no fault: {fault}")
        time.sleep(chance.uniform(0.0, 1.0))
        self.start(name)
        return fault

    def hold(self, name: str, timeout: float = 20.0, where: str = "") -> bool:
        """Stop a worker's commit thread between send_offsets_to_transaction and commit_transaction.

        ``where``: ``-close``: stop a window's close instead, of a window_worker.
        """
        folder = self.members[name].folder
        (folder / f"hold{where}").touch()
        deadline = time.monotonic() + timeout
        while not (folder / f"held{where}").exists():
            if time.monotonic() > deadline:
                (folder / f"hold{where}").unlink()
                return False
            time.sleep(0.005)
        return True

    def release(self, name: str) -> None:
        """Let a held worker go on."""
        (self.members[name].folder / "hold").unlink(missing_ok=True)

    def stop(self, name: str, timeout: float = 40.0) -> None:
        """SIGTERM, and wait until the worker has ended by itself."""
        member = self.members[name]
        member.signal(signal.SIGTERM)
        wait_for(lambda: not member.process.alive(), f"{name} to stop", timeout)

    def wait_end(self, name: str, timeout: float) -> None:
        """Wait until a worker ends by itself."""
        wait_for(lambda: not self.members[name].process.alive(), f"{name}'s end", timeout)

    def check_alive(self) -> None:
        """Raise with its log when a worker has ended that nobody ended."""
        for member in self.members.values():
            member.check_alive()

    def logged(self, text: str) -> int:
        """How often workers have logged this."""
        return sum(member.log_text().count(text) for member in self.members.values())

    def calls(self) -> list[tuple[int, float]]:
        """Every invocation of the handler: value and time."""
        found = []
        for path in self.folder.glob("*/calls"):
            for line in path.read_text().splitlines():
                value, at = line.split()
                found.append((int(value), float(at)))
        return found
