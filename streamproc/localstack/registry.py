"""Apicurio Registry, which serves Confluent's schema registry API; schemas are kept in its memory."""

from __future__ import annotations

import os
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path

from streamproc.localstack.packages import Report, cache_folder, java, log_progress, registry_folder
from streamproc.localstack.ports import HOST, KeptPorts
from streamproc.localstack.private import private_folder
from streamproc.localstack.processes import ProcessRef, spawn, wait_ready

DEFAULT_PORT = 8081
START_TIMEOUT_S = 60.0
JVM_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
# Subjects without a rule of their own get Confluent's default rule; Apicurio's default is none.
COMPATIBILITY = b'{"compatibility": "BACKWARD"}'

# The registry is on this machine: never by way of a proxy that the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RegistryPart:
    """A schema registry in a folder of its own, which holds its log."""

    name = "registry"

    def __init__(
        self, folder: Path, *, tie: bool = True, port: int = DEFAULT_PORT, report: Report = log_progress
    ) -> None:
        """Prepare a registry in ``folder``; nothing is started. ``tie``: it dies with this process. ``port``: tried
        first."""
        self.folder = folder.resolve()
        self.log = self.folder / "registry.log"
        self.process: ProcessRef | None = None
        self._tie = tie
        self._report = report
        self._ports = KeptPorts(port)

    @property
    def address(self) -> str:
        """Base URL of Confluent's API; known from the first start, and kept."""
        return f"http://{HOST}:{self._ports.numbers[0]}/apis/ccompat/v7"

    def start(self, spawned: Callable[[], None] = lambda: None) -> None:
        """Start it, empty, and wait until it serves.

        ``spawned`` is called as soon as ``process`` and ``address`` are known.
        Raises StackError with the log's last lines when it does not come up.
        """
        program = registry_folder(self._report)
        private_folder(self.folder)
        (port,) = self._ports.claim(cache_folder() / "ports")
        command = [
            str(java()),
            *JVM_OPTIONS,
            f"-Dquarkus.http.host={HOST}",
            f"-Dquarkus.http.port={port}",
            "-jar",
            str(next(program.glob("*-runner.jar"))),
        ]
        self.process = spawn(command, self.log, os.environ, tie=self._tie)
        spawned()
        wait_ready("The registry", self.process, self.log, lambda: answers(self.address), START_TIMEOUT_S)
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}/config",
            data=COMPATIBILITY,
            method="PUT",
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        with _opener.open(request, timeout=10):
            pass

    def kill(self) -> None:
        """End it with SIGKILL: a crash. Its schemas are gone."""
        if self.process is not None:
            self.process.kill()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        self._ports.give_back()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(url: str, timeout_s: float = 2.0) -> bool:
    """Whether a schema registry serves at the base URL ``url``."""
    try:
        with _opener.open(f"{url}/subjects", timeout=timeout_s):
            return True
    except OSError:
        return False
