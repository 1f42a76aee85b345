"""The overview: what this worker knows, what was read of its group and told by the others, and the verdict on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from faust.types import TP

from streamproc import __version__
from streamproc.inference.endpoint import Endpoint
from streamproc.inference.engine import Engine
from streamproc.inference.wiring import parts_of
from streamproc.kafka.group import Member
from streamproc.routing.engine import champion_of
from streamproc.settings import Settings
from streamproc.transport.surface.monitor import TransportState
from streamproc.web.console.figures import (
    EndpointFigures,
    EngineFigures,
    PartitionFigures,
    WorkerFigures,
    endpoints_together,
    models_together,
    totals,
)
from streamproc.web.console.peers import PeerLook
from streamproc.web.console.steered import Steered, SteeredFigures, steered_together
from streamproc.web.console.verdict import PATIENCE_S, Facts, Mood, ScoringVerdict, duration, judge, worker_state
from streamproc.web.console.watch import Watch

_TOGETHER = {"endpoints", "partitions", "steered"}
"""Figures of a worker that the page shows of all workers as one."""
NO_ADDRESS = "does not tell where its pages are"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What the page asks of the worker that serves it; on the event loop, and at no cost to speak of.

    id: what it calls itself before Kafka. state: the driver's numbers. engine: what scores. ready: whether it has
    joined its group and no rebalance is under way. paused, stalled: as for the health pages. steered: what the control
    topic has it do.
    """

    id: str
    state: Callable[[], TransportState]
    engine: Engine
    ready: Callable[[], bool]
    paused: Callable[[], list[str]]
    stalled: Callable[[], float | None]
    steered: Steered = field(default_factory=Steered)


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

    def figures(self) -> WorkerFigures:
        """This worker's own, as other workers ask for them."""
        now, worker, state = self._clock(), self._worker, self._worker.state()
        engine = champion_of(worker.engine)
        endpoints, fallback = endpoints_of(engine)
        mood, word = worker_state(self._own_facts())
        topic = self._settings.kafka.activity_topic
        return WorkerFigures(
            id=worker.id,
            version=__version__,
            mood=mood,
            state=word,
            in_flight=sum(state.in_flight.values()),
            most_in_flight=self._most_in_flight(),
            outcomes=sum(state.events.values()),
            transactions={name: state.transactions[name] for name in ("committed", "aborted", "refused", "in_doubt")},
            aborted=dict(state.aborted),
            rebalances=dict(state.rebalances),
            partitions=tuple(
                PartitionFigures(
                    partition=tp.partition,
                    unfinished=count,
                    oldest_s=round(max(0.0, now - state.oldest_ms[tp] / 1000), 1) if tp in state.oldest_ms else None,
                    in_flight=state.in_flight.get(tp, 0),
                    paused=tp in state.paused,
                )
                for tp, count in state.unfinished.items()
                if tp.topic == topic
            ),
            engine=EngineFigures(
                name=engine.name,
                model=str(engine.model),
                sha256=engine.model.sha256,
                fallback=fallback,
            ),
            endpoints=tuple(EndpointFigures.of(each) for each in endpoints),
            steered=SteeredFigures.of(worker.steered),
        )

    def _most_in_flight(self) -> int:
        configured, live = self._settings.worker.max_in_flight, self._worker.steered.state().live.max_in_flight
        return configured if live is None else min(live, configured)

    def picture(self) -> dict[str, Any]:
        """As JSON values; figures alone, nothing of any activity."""
        now, watch = self._clock(), self._watch
        own = self.figures()
        told = [own, *(figures for _, figures in self._telling())]
        partitions = self._partitions(own)
        results, letters, window = watch.outcomes.window(now)
        facts = replace(
            self._own_facts(),
            others=self._others_in_trouble(now),
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
            "workers": self._workers(own, now),
            "totals": totals(told),
            "models": models_together(told),
            "endpoints": endpoints_together(told),
            "steered": steered_together([each.steered for each in told]),
        }

    def _own_facts(self) -> Facts:
        """What the verdict takes of this worker alone."""
        worker = self._worker
        endpoints, fallback = endpoints_of(champion_of(worker.engine))
        return Facts(
            joined=worker.ready(),
            paused=worker.paused(),
            stalled_s=worker.stalled(),
            endpoints=len(endpoints),
            usable=sum(each.available for each in endpoints),
            fallback=fallback,
            endpoint_reason=next((each.ejected for each in endpoints if not each.available), ""),
        )

    def _others_in_trouble(self, now: float) -> tuple[tuple[str, str], ...]:
        """Where they are, and what is wrong. Who has never answered is no news: it may not be reachable from here."""
        found = []
        for member in self._watch.group.members:
            look = self._watch.peers.looks.get(member.id)
            if look is None or look.said is None:
                continue
            if look.problem and now - look.at > PATIENCE_S:
                found.append((member.pages, f"has not answered for {duration(now - look.at)}"))
            elif not look.problem and look.said.mood is Mood.BAD:
                found.append((member.pages, look.said.state))
        return tuple(found)

    def _workers(self, own: WorkerFigures, now: float) -> list[dict[str, Any]]:
        """This one first, then the group's others: what each has told, or why it has not."""
        members = self._watch.group.members
        ours = next((member for member in members if member.id == own.id), None)
        rows = [_row(ours or Member("", ()), PeerLook(now, own), now, ours=True)]
        for member in members:
            if member is not ours:
                look = self._watch.peers.looks.get(member.id) or PeerLook(problem="" if member.pages else NO_ADDRESS)
                rows.append(_row(member, look, now, ours=False))
        return rows

    def _partitions(self, own: WorkerFigures) -> list[dict[str, Any]]:
        """As the worker that reads each tells of it; of those that nobody tells, as they were looked at in Kafka."""
        group = self._watch.group
        rows = {each.partition: _told(each, "this worker", ours=True) for each in own.partitions}
        for member, figures in self._telling():
            for each in figures.partitions:
                rows.setdefault(each.partition, _told(each, member.pages, ours=False))
        for lag in group.others:
            reader = next((member for member in group.members if lag.partition in member.partitions), None)
            row = {
                "partition": lag.partition,
                "unfinished": lag.unfinished,
                "exact": lag.exact,
                "oldest_s": None if lag.oldest_s is None else round(lag.oldest_s, 1),
                "in_flight": None,
                "paused": None,
                "reader": "" if reader is None else reader.pages or reader.host,
                "ours": False,
            }
            rows.setdefault(lag.partition, row)
        return [rows[partition] for partition in sorted(rows)]

    def _telling(self) -> Iterator[tuple[Member, WorkerFigures]]:
        """The other workers that answer, and what they say; who has told last comes first."""
        looks = self._watch.peers.looks
        told = [(member, looks[member.id]) for member in self._watch.group.members if member.id in looks]
        for member, look in sorted(told, key=lambda one: -one[1].at):
            if look.said is not None and not look.problem:
                yield member, look.said

    def _forsaken(self, partitions: Sequence[dict[str, Any]]) -> int:
        """How many have something unfinished, and nobody who reads them."""
        return sum(bool(row["unfinished"]) and not row["reader"] for row in partitions)

    def _unfinished(self, partitions: Sequence[dict[str, Any]]) -> int | None:
        """Of the whole group; None until its other partitions were looked at."""
        return sum(row["unfinished"] for row in partitions) if self._watch.group.known else None


def endpoints_of(engine: Engine) -> tuple[list[Endpoint[Any]], bool]:
    """An engine's inference servers, none where it has no servers; and whether its fallback scores."""
    pool, fallback = parts_of(engine)
    return [] if pool is None else list(pool.endpoints), fallback is not None and fallback.active


def _told(figures: PartitionFigures, reader: str, *, ours: bool) -> dict[str, Any]:
    return {**figures.model_dump(), "exact": True, "reader": reader, "ours": ours}


def _row(member: Member, look: PeerLook, now: float, *, ours: bool) -> dict[str, Any]:
    """A worker in the group's table. ``age_s``: of its figures; None: there are none."""
    told = look.said if not look.problem else None
    held = member.partitions if told is None else sorted(each.partition for each in told.partitions)
    return {
        "address": member.pages or member.host,
        "partitions": list(held),
        "paused_partitions": 0 if told is None else sum(each.paused for each in told.partitions),
        "ours": ours,
        "age_s": None if look.said is None else round(max(0.0, now - look.at), 1),
        "problem": look.problem,
        "said": None if look.said is None else look.said.model_dump(mode="json", exclude=_TOGETHER),
    }


def _verdict(verdict: ScoringVerdict) -> dict[str, Any]:
    return {
        "mood": verdict.mood.value,
        "headline": verdict.headline,
        "hints": [{"text": hint.text, "where": hint.where} for hint in verdict.hints],
    }
