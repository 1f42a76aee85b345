"""The overview's picture: what this worker knows as of now, beside what was read of the group."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP

from streamproc.inference.engine import ModelIdentity
from streamproc.kafka.group import Member
from streamproc.kafka.lag import Lag
from streamproc.settings import Settings
from streamproc.transport.surface.monitor import TransportState
from streamproc.web.console.overview import Overview, WorkerView
from streamproc.web.console.watch import GroupLook, Watch

NOW = 1_700_000_000.0
TOPIC = "reading.activity.v1"


class EngineWithoutServers:
    """Stands in for an engine in the worker itself; it scores nothing."""

    name = "onnx"
    model = ModelIdentity("phonemes", "2", "ab" * 32)


def overview(group: GroupLook, state: TransportState, paused: Sequence[str] = ()) -> Overview:
    engine: Any = EngineWithoutServers()
    worker = WorkerView(lambda: state, engine, lambda: True, lambda: list(paused), lambda: None)
    watch = Watch(Settings(), lambda: (), lambda: NOW)
    watch.group = group
    return Overview(Settings(), worker, watch, lambda: NOW)


def state(**unfinished: int) -> TransportState:
    counts = {TP(TOPIC, int(name.removeprefix("p"))): count for name, count in unfinished.items()}
    oldest = {tp: int((NOW - 2) * 1000) for tp, count in counts.items() if count}
    return TransportState(in_flight=dict.fromkeys(counts, 1), unfinished=counts, oldest_ms=oldest)


def look(*others: Lag, members: Sequence[tuple[int, ...]] = ()) -> GroupLook:
    present = tuple(Member("10.0.0.1", partitions) for partitions in members)
    return GroupLook(NOW - 3, others, present, "", True)


def test_own_partitions_are_as_of_now_and_others_as_of_the_last_look() -> None:
    others = (Lag(TOPIC, 0, 99, 50.0, True), Lag(TOPIC, 1, 7, 4.0, False))
    picture = overview(look(*others, members=[(0,), (1,)]), state(p0=3)).picture()
    assert [(row["partition"], row["unfinished"], row["ours"]) for row in picture["partitions"]] == [
        (0, 3, True),
        (1, 7, False),
    ]
    assert picture["group"]["unfinished"] == 10
    assert not picture["group"]["exact"]
    assert picture["group"]["oldest_s"] == 4.0
    assert picture["group"]["age_s"] == 3.0


def test_nothing_is_said_of_the_group_before_it_was_looked_at() -> None:
    picture = overview(GroupLook(), state(p0=3)).picture()
    assert picture["group"]["unfinished"] is None
    assert picture["verdict"]["headline"] == "Looking …"


def test_a_partition_that_nobody_reads_is_told_of() -> None:
    picture = overview(look(Lag(TOPIC, 1, 7, 4.0, True), members=[(0,)]), state(p0=0)).picture()
    assert "no worker" in picture["verdict"]["hints"][0]["text"]
    done = overview(look(Lag(TOPIC, 1, 0, None, True), members=[(0,)]), state(p0=0)).picture()
    assert done["verdict"]["hints"] == []


@pytest.mark.parametrize("paused", [[], ["REGISTRY_UNAVAILABLE"]])
def test_it_is_json_and_small(paused: list[str]) -> None:
    picture = overview(look(), state(p0=0, p1=2), paused).picture()
    assert picture["worker"]["paused"] == paused
    assert picture["worker"]["state"] == ("paused: REGISTRY_UNAVAILABLE" if paused else "scoring")
    assert picture["endpoints"] == []
    assert len(json.dumps(picture)) < 4_000


def test_topics_that_are_not_the_activities_are_left_out() -> None:
    mixed = state(p0=1)
    mixed.unfinished[TP("another", 5)] = 9
    made = overview(look(), mixed)
    assert made.own() == [TP(TOPIC, 0)]
    assert made.picture()["group"]["unfinished"] == 1
