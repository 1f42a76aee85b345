"""The overview: what this worker knows by itself, what was read of the group, and the verdict on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from faust.types import TP

from streamproc import __version__
from streamproc.inference.endpoint import Endpoint
from streamproc.inference.engine import Engine
from streamproc.inference.wiring import parts_of
from streamproc.settings import Settings
from streamproc.transport.surface.monitor import TransportState
from streamproc.web.console.verdict import Facts, ScoringVerdict, judge, worker_state
from streamproc.web.console.watch import Watch


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What the page asks of the worker that serves it; on the event loop, and at no cost to speak of.

    state: the driver's numbers. engine: what scores. ready: whether it has joined its group and no rebalance is under
    way. paused, stalled: as for the health pages.
    """

    state: Callable[[], TransportState]
    engine: Engine
    ready: Callable[[], bool]
    paused: Callable[[], list[str]]
    stalled: Callable[[], float | None]


class Overview:
    """Makes the picture that everybody sees.

    Args:
        settings: names and the largest number of activities in flight.
        worker: this one.
        watch: what is read of the group.
        clock: seconds since 1970.
    """

    def __init__(
        self, settings: Settings, worker: WorkerView, watch: Watch, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._watch = watch
        self._clock = clock

    def own(self) -> list[TP]:
        """The partitions of activities that this worker has."""
        topic = self._settings.kafka.activity_topic
        return [tp for tp in self._worker.state().unfinished if tp.topic == topic]

    def picture(self) -> dict[str, Any]:
        """As JSON values; figures alone, nothing of any activity."""
        now, worker, watch = self._clock(), self._worker, self._watch
        state = worker.state()
        partitions = self._partitions(state, now)
        endpoints, fallback = endpoints_of(worker.engine)
        results, letters, window = watch.outcomes.window(now)
        facts = Facts(
            joined=worker.ready(),
            paused=worker.paused(),
            stalled_s=worker.stalled(),
            endpoints=len(endpoints),
            usable=sum(each.available for each in endpoints),
            fallback=fallback,
            endpoint_reason=next((each.ejected for each in endpoints if not each.available), ""),
            kafka_problem=watch.group.problem or watch.tail_problem,
            unfinished=self._unfinished(partitions),
            exact=all(row["exact"] for row in partitions),
            oldest_s=max((row["oldest_s"] for row in partitions if row["oldest_s"] is not None), default=None),
            results=results,
            letters=letters,
            window_s=window if watch.reads else None,
            silent_s=watch.outcomes.silent(now) if watch.reads else None,
            common_code=watch.outcomes.common_code(now),
            forsaken=self._forsaken(partitions),
        )
        mood, word = worker_state(facts)
        return {
            "now": now,
            "version": __version__,
            "verdict": _verdict(judge(facts)),
            "group": {
                "name": self._settings.kafka.group_id,
                "topic": self._settings.kafka.activity_topic,
                "known": watch.group.known,
                "age_s": round(now - watch.group.at, 1) if watch.group.known else None,
                "problem": facts.kafka_problem,
                "unfinished": facts.unfinished,
                "exact": facts.exact,
                "oldest_s": facts.oldest_s,
                "workers": [asdict(member) for member in watch.group.members],
            },
            "partitions": partitions,
            "outcomes": {
                "read": watch.reads,
                "results": results,
                "letters": letters,
                "window_s": round(window, 1),
                "rate": round(facts.rate, 2),
                "silent_s": facts.silent_s,
                "course": watch.outcomes.course(now),
                "latency_ms": watch.outcomes.latencies(),
                "version": watch.outcomes.version,
            },
            "worker": {
                "mood": mood.value,
                "state": word,
                "ready": facts.joined,
                "paused": list(facts.paused),
                "stalled_s": facts.stalled_s,
                "in_flight": sum(state.in_flight.values()),
                "most_in_flight": self._settings.worker.max_in_flight,
                "partitions": len(state.in_flight),
                "paused_partitions": len(state.paused),
                "transactions": {
                    name: state.transactions[name] for name in ("committed", "aborted", "refused", "in_doubt")
                },
                "aborted": dict(state.aborted),
                "rebalances": dict(state.rebalances),
                "outcomes": sum(state.events.values()),
            },
            "engine": {
                "name": worker.engine.name,
                "model": str(worker.engine.model),
                "sha256": worker.engine.model.sha256,
                "fallback": fallback,
            },
            "endpoints": [_endpoint(each) for each in endpoints],
        }

    def _partitions(self, state: TransportState, now: float) -> list[dict[str, Any]]:
        """Own ones as of now, those of others as they were looked at."""
        topic = self._settings.kafka.activity_topic
        rows = {
            tp.partition: {
                "partition": tp.partition,
                "unfinished": unfinished,
                "exact": True,
                "oldest_s": round(max(0.0, now - state.oldest_ms[tp] / 1000), 1) if tp in state.oldest_ms else None,
                "in_flight": state.in_flight.get(tp, 0),
                "paused": tp in state.paused,
                "ours": True,
            }
            for tp, unfinished in state.unfinished.items()
            if tp.topic == topic
        }
        for lag in self._watch.group.others:
            rows.setdefault(
                lag.partition,
                {
                    "partition": lag.partition,
                    "unfinished": lag.unfinished,
                    "exact": lag.exact,
                    "oldest_s": None if lag.oldest_s is None else round(lag.oldest_s, 1),
                    "in_flight": None,
                    "paused": None,
                    "ours": False,
                },
            )
        return [rows[partition] for partition in sorted(rows)]

    def _forsaken(self, partitions: Sequence[dict[str, Any]]) -> int:
        """How many have something unfinished, and nobody who reads them."""
        read = {partition for member in self._watch.group.members for partition in member.partitions}
        return sum(bool(row["unfinished"]) and not row["ours"] and row["partition"] not in read for row in partitions)

    def _unfinished(self, partitions: Sequence[dict[str, Any]]) -> int | None:
        """Of the whole group; None until its other partitions were looked at."""
        return sum(row["unfinished"] for row in partitions) if self._watch.group.known else None


def endpoints_of(engine: Engine) -> tuple[list[Endpoint[Any]], bool]:
    """An engine's inference servers, none where it has no servers; and whether its fallback scores."""
    pool, fallback = parts_of(engine)
    return [] if pool is None else list(pool.endpoints), fallback is not None and fallback.active


def _endpoint(endpoint: Endpoint[Any]) -> dict[str, Any]:
    return {
        "address": endpoint.address,
        "usable": endpoint.available,
        "breaker": endpoint.breaker.state.value,
        "why": endpoint.ejected,
        "outstanding_s": round(endpoint.outstanding, 1),
        "limit_s": round(endpoint.limiter.limit, 1),
        "rests_s": round(endpoint.rests_for, 2),
        "refusals": endpoint.refusals,
        "ejections": {why.value: count for why, count in endpoint.ejections.items() if count},
    }


def _verdict(verdict: ScoringVerdict) -> dict[str, Any]:
    return {
        "mood": verdict.mood.value,
        "headline": verdict.headline,
        "hints": [{"text": hint.text, "where": hint.where} for hint in verdict.hints],
    }
