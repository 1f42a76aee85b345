"""What stands in for Argo CD and Kubernetes: workers that are kept equal to what a repository says.

As the overlays' Deployment has it (maxSurge 1, maxUnavailable 0): a worker of the wanted release is started and must be
ready before one of another release is asked to end. What is wanted may change at any time, in the midst of a roll-out
too.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.worker_process import WorkerProcess

_LOOK_S = 0.2
_GRACE_S = 60.0


@dataclass(frozen=True, slots=True)
class Pod:
    """A worker of a release."""

    digest: str
    worker: WorkerProcess


class Cluster:
    """So many workers of the release that ``wanted`` names. Leaving the context ends them all.

    Args:
        wanted: the digest that the repository names now.
        start: starts a worker of a release.
        targets: the file that tells Prometheus where workers are.
        say: told what is done.
    """

    def __init__(
        self,
        wanted: Callable[[], str],
        start: Callable[[str], WorkerProcess],
        targets: Path,
        say: Callable[[str], None],
        replicas: int = 2,
    ) -> None:
        self._wanted = wanted
        self._start = start
        self._targets = targets
        self._say = say
        self._replicas = replicas
        self._pods: list[Pod] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self.error: BaseException | None = None

    def __enter__(self) -> Cluster:
        for _ in range(self._replicas):
            self._pods.append(self._begun(self._wanted()))
        for pod in self._pods:
            pod.worker.wait_ready()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(2 * _GRACE_S)
        for pod in self._pods:
            pod.worker.end()

    def settled(self) -> bool:
        """Whether all run what is wanted. Raises what has stopped the roll-outs."""
        if self.error is not None:
            raise self.error
        digests = [pod.digest for pod in self._pods]
        return digests == [self._wanted()] * self._replicas

    def _run(self) -> None:
        try:
            while not self._ends.wait(_LOOK_S):
                wanted = self._wanted()
                old = next((pod for pod in self._pods if pod.digest != wanted), None)
                if old is not None:
                    self._replace(old, wanted)
        except BaseException as error:  # noqa: BLE001 - the drill raises it
            self.error = error

    def _replace(self, old: Pod, wanted: str) -> None:
        new = self._begun(wanted)
        self._pods.append(new)
        new.worker.wait_ready()
        self._say(f"  {wanted[:12]} is ready, {old.digest[:12]} ends")
        code = old.worker.terminate(_GRACE_S)
        assert code == 0, f"a worker that was asked to end ended with {code}:\n{old.worker.log_text()[-3000:]}"
        self._pods.remove(old)
        self._tell()

    def _begun(self, digest: str) -> Pod:
        pod = Pod(digest, self._start(digest))
        self._tell(pod)
        return pod

    def _tell(self, *more: Pod) -> None:
        ports = [pod.worker.port for pod in (*self._pods, *more)]
        partial = self._targets.with_suffix(".part")
        partial.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}" for port in ports]}]))
        partial.rename(self._targets)
