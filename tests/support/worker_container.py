"""A worker in a container of the image that is released, in the place of a process of this checkout's code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer

from support.worker_process import WorkerProcess, free_port

IMAGE = "STREAMPROC_TEST_IMAGE"

HARDENED = {
    "network_mode": "host",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "pids_limit": 256,
    "mem_limit": "2g",
}
"""How it is to be run anywhere."""

WRITABLE = {"/tmp": "size=64m,uid=65532,mode=700", "/run/tls": "size=1m,uid=65532,mode=700"}
"""All that it may write to, in memory: a flood of temporary files ends here, and not on the machine's disk."""


class WorkerContainer(WorkerProcess):
    """``streamproc worker`` of an image; ``folder``: what it may read of this machine, under the same path."""

    def __init__(self, settings: Mapping[str, str], folder: Path | None = None) -> None:
        self._port = free_port()
        self._exit_code: int | None = None
        container = DockerContainer(os.environ[IMAGE])
        for name, value in {**settings, "STREAMPROC_WEB__PORT": str(self._port)}.items():
            container.with_env(name, value)
        if folder is not None:
            container.with_volume_mapping(str(folder), str(folder), "ro")
        for path, options in WRITABLE.items():
            container.with_tmpfs_mount(path, options)
        container.with_kwargs(**HARDENED)
        self._container = container.start()

    @property
    def wrapped(self) -> Any:
        """The container as docker's client shows it, as it is now."""
        one = self._container.get_wrapped_container()
        one.reload()
        return one

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return bool(self.wrapped.status == "running")

    def log_text(self) -> str:
        """All that it has written."""
        return b"".join(self._container.get_logs()).decode()

    def terminate(self, seconds: float = 30.0) -> int:
        """What an orchestrator does: SIGTERM, and SIGKILL when the grace period is over; the exit code."""
        self.wrapped.stop(timeout=int(seconds))
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Wait until it ends; the exit code."""
        return int(self.wrapped.wait(timeout=seconds)["StatusCode"])

    def kill(self) -> None:
        """End it and remove it."""
        with contextlib.suppress(Exception):
            self._container.stop(force=True)

    def end(self) -> None:
        """End it in an orderly way, and remove it."""
        if self.is_alive:
            self.terminate(15)
        self.kill()
