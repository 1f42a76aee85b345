"""Whoever asks workers for progress, all the time, while they are killed and frozen."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from support.progress import Learner
from support.worker_process import WorkerProcess

from streamproc.client import read_progress
from streamproc.contracts.generated.events_progress import Progress

from .watching import Watch

PAUSE_S = 0.02
TOGETHER = 4


class Asking:
    """Asks from a thread, any of the workers that there are for anybody; leaving the context ends it.

    Args:
        watch: knows what was told before a question.
        workers: those that there are, at any time.
        learners: who is asked for.
        token: the workers'.
    """

    def __init__(self, watch: Watch, workers: list[WorkerProcess], learners: Sequence[Learner], token: str) -> None:
        self._watch = watch
        self._workers = workers
        self._learners = learners
        self._token = token
        self._chance = random.Random(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        #: Who was asked for, what was known of the learner before, and what was said.
        self.answers: list[tuple[Learner, int, Progress | None]] = []
        #: Questions that nobody could answer then; and those of them while nothing had been struck for a while.
        self.not_now = self.not_now_at_rest = 0
        #: Whether that is so.
        self.at_rest = False

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def press(self, worker: WorkerProcess, seconds: float) -> None:
        """Ask this one, several at a time, for so long."""
        deadline = time.monotonic() + seconds

        def ask(learner: Learner) -> None:
            if time.monotonic() < deadline:
                self._ask(worker, learner)

        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(ask, [*self._learners] * 50))

    def everybody(self, worker: WorkerProcess) -> bool:
        """Whether it answers for everybody."""
        return all(self._ask(worker, learner) for learner in self._learners)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_S):
            self._ask(self._chance.choice(self._workers), self._chance.choice(self._learners))

    def _ask(self, worker: WorkerProcess, learner: Learner) -> bool:
        known = self._watch.known(learner)
        url, at_rest = f"http://127.0.0.1:{worker.port}", self.at_rest
        try:
            answer = read_progress(url, self._token, tenant_id=learner[0], learner_id=learner[1], timeout=5)
        except ConnectionError:
            self.not_now += 1
            self.not_now_at_rest += at_rest and self.at_rest
            return False
        self.answers.append((learner, known, answer))
        return True
