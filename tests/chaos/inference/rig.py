"""A worker on a real Kafka, activities that go on coming, and a read_committed judge of what becomes of them."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from support.activities import activity, clip, inline, phrase, value
from support.feeding import LiveFeed
from support.judge import Judge
from support.result_judge import ResultJudge
from support.set_up import prepare
from support.topics_of_test import PARTITIONS, TestTopics
from support.worker_process import WorkerProcess

from streamproc.contracts.generated.events import Result
from streamproc.localstack.stack import Addresses

LEARNERS = 400
"""So many that a learner's next activity comes after the fault: nobody's time holds another's."""

CLIP_S = 1.0
CLIPS = 2
"""An activity's audio: two clips of a second."""

PATIENCE_S = 40.0
"""An activity without an outcome so long after the last one was published is lost."""

Act = tuple[float, Callable[[], object]]
"""What is done so many seconds after the first activity."""


@dataclass
class Verdict:
    """What became of the activities of one proof."""

    proof: str
    events: int
    lost: int
    duplicated: int
    dead_lettered: int
    longest_s: float
    """From publishing to where a read_committed reader has it."""
    engines: dict[str, int]
    wrong: list[str] = field(default_factory=list)
    """What else is not as it should be; empty: it holds."""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the proof holds: exactly one outcome each, a result, and nothing else is wrong."""
        return not (self.lost or self.duplicated or self.dead_lettered or self.wrong)

    def demand(self, holds: bool, what: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(what)

    def row(self) -> dict[str, Any]:
        """For the report."""
        return {"ok": self.ok, **{name: found for name, found in asdict(self).items() if name != "proof"}}


class Session:
    """One worker and its topics; proofs come one after the other."""

    def __init__(self, worker: WorkerProcess, topics: TestTopics, schema_id: int, settings: Mapping[str, str]) -> None:
        self.worker = worker
        self.settings = settings
        """The worker's."""
        self.topics = topics
        self.outcomes = ResultJudge(topics)
        self.letters = Judge(topics.bootstrap, topics.letters, partitions=PARTITIONS, forget=True)
        self.verdicts: list[Verdict] = []
        self._next = 0
        self._published: dict[int, float] = {}
        self._schema_id = schema_id
        phrases = [phrase(inline(clip(CLIP_S)), index=index) for index in range(CLIPS)]
        self._phrases = tuple(phrases)

    def record(self, number: int) -> tuple[bytes, bytes]:
        """An activity's key and value."""
        learner = f"learner-{number % LEARNERS}"
        event = activity(*self._phrases, activity_id=f"reading-{number}", learner_id=learner)
        self._published[number] = time.time()
        return learner.encode(), value(event, self._schema_id)

    def prove(self, proof: str, seconds: float, rate: float, acts: Sequence[Act] = ()) -> Verdict:
        """Publish so many activities a second for so long, do what is to be done, and wait for all outcomes."""
        numbers = range(self._next, self._next + round(seconds * rate))
        self._next = numbers.stop
        letters, repeated, ejections = self.letters.count, self._repeated(), self._ejections()
        began = time.monotonic()
        with LiveFeed(self.topics.bootstrap, self.topics.activities, numbers, rate, self.record) as feed:
            for due, act in acts:
                self._watch(until=began + due)
                act()
            while feed.running:
                self._watch(until=time.monotonic() + 0.2)
            feed.finish(30)
        deadline = time.monotonic() + PATIENCE_S
        while not self.outcomes.seen.keys() >= set(numbers) and time.monotonic() < deadline:
            if not self.worker.is_alive:
                break
            self._watch(until=time.monotonic() + 0.2)
        self._watch(until=time.monotonic() + 1.0)  # One too many would come late.
        self.letters.read(0.5)
        seen = [number for number in numbers if number in self.outcomes.seen]
        waits = [self.outcomes.first_seen[number] - self._published[number] for number in seen]
        verdict = Verdict(
            proof,
            events=len(numbers),
            lost=len(numbers) - len(seen) - (self.letters.count - letters),
            duplicated=self._repeated() - repeated,
            dead_lettered=self.letters.count - letters,
            longest_s=round(max(waits, default=0.0), 2),
            engines=dict(Counter(self.outcomes.results[number].engine for number in seen)),
        )
        verdict.figures["ejections"] = self._ejections() - ejections
        verdict.demand(self.worker.is_alive, "the worker has ended")
        self.verdicts.append(verdict)
        return verdict

    def results_of(self, verdict: Verdict) -> list[Result]:
        """The results of the last proof."""
        numbers = range(self._next - verdict.events, self._next)
        return [self.outcomes.results[number] for number in numbers if number in self.outcomes.results]

    def rate(self, begin: float, end: float) -> float:
        """Results a second that a reader got between these moments (seconds since 1970)."""
        return sum(begin <= moment < end for moment in self.outcomes.first_seen.values()) / (end - begin)

    def first_after(self, moment: float, engine: str) -> float:
        """Seconds until the first result of an engine; infinite where there is none."""
        moments = [
            seen
            for number, seen in self.outcomes.first_seen.items()
            if seen > moment and self.outcomes.results[number].engine == engine
        ]
        return min(moments, default=float("inf")) - moment

    def logged(self, words: str) -> bool:
        """Whether the worker's log says so."""
        return words in self.worker.log_text()

    def _watch(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self.outcomes.read_next(min(left, 0.05))

    def _ejections(self) -> int:
        """So often the worker has put a server out of use."""
        return self.worker.log_text().count('"an inference endpoint is out of use"')

    def _repeated(self) -> int:
        return sum(count - 1 for count in self.outcomes.seen.values())


class Rig:
    """What all sessions share: Kafka, a registry, a folder."""

    def __init__(self, stack: Addresses, folder: Path) -> None:
        self.folder = folder
        self._stack = stack
        self._numbers = itertools.count()

    def place(self, name: str) -> Path:
        """A folder of its own."""
        folder = self.folder / f"{next(self._numbers)}-{name}"
        folder.mkdir()
        return folder

    @contextmanager
    def session(self, urls: Sequence[str], settings: Mapping[str, str] = {}) -> Iterator[Session]:
        """A worker that is ready, and is ended after it."""
        topics = TestTopics(self._stack.kafka_bootstrap)
        given = {
            **topics.settings,
            "STREAMPROC_REGISTRY__URL": self._stack.registry_url,
            "STREAMPROC_TRITON__URLS": ",".join(urls),
            "STREAMPROC_TRITON__TIMEOUT": "4",
            "STREAMPROC_TRANSPORT__SESSION_TIMEOUT": "6",
            "STREAMPROC_LOG__FORMAT": "json",
            **settings,
        }
        schema_id = prepare(given, topics)
        worker = WorkerProcess(given, self.place("worker") / "worker.log")
        with contextlib.ExitStack() as ending:
            ending.callback(worker.end)
            worker.wait_ready()
            session = Session(worker, topics, schema_id, given)
            ending.callback(session.outcomes.close)
            ending.callback(session.letters.close)
            yield session
