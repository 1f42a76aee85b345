"""The handle of a stand-in for Triton: start it, switch it, count, kill it; the package says what it stands in for."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from streamproc.localstack.processes import tied_to_us
from support.stand_in.behaviour import Behaviour, Counts

TESTS = Path(__file__).parents[2]
HOST = "127.0.0.1"
SECONDS = 20.0


class StandIn:
    """A server in a process of its own that dies with this one. A context manager: it runs inside the block.

    Args:
        behaviour: how it answers at first.
        recorded: logits that ``answers.record`` has written.
        certificate, key, client_ca: PEM files; with a certificate it speaks TLS and reads the files at each handshake,
            with a client_ca it demands the client's certificate too.
        cpu: the one core that it may run on.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        recorded: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        client_ca: Path | None = None,
        cpu: int | None = None,
    ) -> None:
        self._behaviour = behaviour or Behaviour()
        given = {"recorded": recorded, "certificate": certificate, "key": key, "client-ca": client_ca, "cpu": cpu}
        self._arguments = [
            part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))
        ]
        self._process: subprocess.Popen[str] | None = None
        self._control = 0
        self.port = 0

    @property
    def address(self) -> str:
        """host:port of its gRPC service; the same one after a restart."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it serves; once more after ``kill``, at the same address, as it was at first."""
        command = [sys.executable, "-m", "support.stand_in.server", *self._arguments]
        command += ["--port", str(self.port), "--behaviour", json.dumps(asdict(self._behaviour))]
        self._process = subprocess.Popen(
            tied_to_us(command),
            cwd=TESTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the stand-in ended with {self._process.wait(SECONDS)} before it served"
        ready = json.loads(line)
        self.port, self._control = ready["port"], ready["control"]

    def set(self, **changes: Any) -> Counts:
        """Change fields of its behaviour; they hold once this returns. What it has done until then."""
        with socket.create_connection((HOST, self._control), SECONDS) as connection:
            connection.sendall(json.dumps(changes).encode() + b"\n")
            with connection.makefile() as lines:
                line = lines.readline()
        assert line, f"the stand-in does not know one of {sorted(changes)}"
        counts = json.loads(line)["counts"]
        counts["priorities"] = {int(priority): count for priority, count in counts["priorities"].items()}
        return Counts(**counts)

    def counts(self) -> Counts:
        """What it has done since its start."""
        return self.set()

    def pause(self) -> None:
        """Stop the process: connections stay open, and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)
            assert process.stdout is not None
            process.stdout.close()

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
