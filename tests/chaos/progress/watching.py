"""What is told of learners, read as it is committed and computed anew from what it was told of."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from confluent_kafka import Consumer, Message, TopicPartition
from support.activities import result
from support.progress import Learner, corrected, progress_of, states_of, summaries
from support.topics_of_test import PARTITIONS, TestTopics

from streamproc.agents.progress.state import LearnerState
from streamproc.agents.progress.summary import summary
from streamproc.contracts.generated.events import Result
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.generated.events_progress import Progress
from streamproc.transport.headers import headers_of

LOOK_S = 0.05


class Watch:
    """Follows results and progress from a thread, as a read_committed reader; leaving the context ends it.

    Each event of progress has the id of the result or the correction that it was told of. So a learner's events say in
    which order these were taken in, and each of them has one right value, whenever it was told.
    """

    def __init__(self, topics: TestTopics, readings: int) -> None:
        self._topics = topics
        self._readings = readings
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        #: By their ids, in the order of their topics.
        self.results: dict[str, Result] = {}
        #: Activity -> how many results.
        self.scored: Counter[str] = Counter()
        self.corrections: dict[str, Correction] = {}
        #: By learner: the cause's id, and the event.
        self.told: dict[Learner, list[tuple[str, Progress]]] = defaultdict(list)
        self._states: dict[Learner, LearnerState] = defaultdict(LearnerState)
        self._checked: Counter[Learner] = Counter()
        self._causes: set[str] = set()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def known(self, learner: Learner) -> int:
        """The newest revision that was read."""
        with self._lock:
            return self.told[learner][-1][1].revision if self.told[learner] else 0

    def check(self, seconds: float) -> Counter[str]:
        """Compare what was told since the last time with what it should be.

        Waits until each result that was read has been told of. Returns what is wrong.
        """
        deadline = time.monotonic() + seconds
        while self._untold() and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        with self._lock:
            wrong = Counter({"results_untold": self._untold()})
            for learner, events in self.told.items():
                wrong += self._recompute(learner, events)
            return wrong

    def finally_wrong(self) -> Counter[str]:
        """Compare the newest of each learner with a computation over all results, and then all corrections.

        That is another order than the workers', and has to come to the same: of a result and a correction of it the
        first is always first, and what is not kept once is never kept again.
        """
        by_learner: dict[Learner, list[Result]] = defaultdict(list)
        for one in self.results.values():
            by_learner[one.tenant, one.learner_id].append(one)
        states = states_of(by_learner, self._readings)
        corrected(states, self.corrections.values())
        wrong = Counter({"told_of_nothing": sum(map(len, self.told.values())) - self._checked.total()})
        for learner, expected in summaries(states).items():
            newest = self.told[learner][-1][1]
            same = replace(expected, revision=newest.revision, updated_at=newest.updated_at)
            wrong["progress_wrong_in_the_end"] += newest != same
        return wrong

    def answers_wrong(self, answers: Iterable[tuple[Learner, int, Progress | None]]) -> Counter[str]:
        """Judge what workers have answered, each with what was known of the learner before it was asked."""
        wrong: Counter[str] = Counter()
        for learner, known, answer in answers:
            revision = 0 if answer is None else answer.revision
            events = self.told[learner]
            wrong["answers_stale"] += revision < known
            wrong["answers_untold"] += revision > len(events)
            wrong["answers_wrong"] += 0 < revision <= len(events) and events[revision - 1][1] != answer
        return wrong

    def _untold(self) -> int:
        causes = {cause for events in list(self.told.values()) for cause, _ in list(events)}
        return sum(name not in causes for name in list(self.results))

    def _recompute(self, learner: Learner, events: list[tuple[str, Progress]]) -> Counter[str]:
        wrong: Counter[str] = Counter()
        state = self._states[learner]
        for cause, event in events[self._checked[learner] :]:
            correction, scored = self.corrections.get(cause), self.results.get(cause)
            if correction is not None:
                state.correct(correction)
            elif scored is not None:
                state.add(scored, self._readings)
            else:
                break  # the teacher has not heard yet where the correction is
            self._checked[learner] += 1
            wrong["told_twice"] += cause in self._causes
            self._causes.add(cause)
            wrong["progress_wrong"] += summary(*learner, state) != event
        return wrong

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._topics.bootstrap,
                "group.id": f"{self._topics.name}-watch",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        progress = f"{self._topics.name}.progress"
        places = [(topic, number) for topic in (self._topics.results, progress) for number in range(PARTITIONS)]
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in places])
        try:
            while not self._stop.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    with self._lock:
                        self._take(message)
        finally:
            consumer.close()

    def _take(self, message: Message) -> None:
        name = (dict(headers_of(message) or ()).get("ce_id") or b"").decode()
        if message.topic() == self._topics.results:
            self.results[name] = one = result(message.value() or b"")
            self.scored[one.activity_id] += 1
        else:
            event = progress_of(message.value())
            self.told[event.tenant_id, event.learner_id].append((name.removesuffix("/progress"), event))
