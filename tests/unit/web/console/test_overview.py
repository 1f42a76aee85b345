"""The overview's picture: what this worker knows as of now, beside what was read of the group."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from faust.types import TP

from streamproc.contracts.generated.events_control import LiveSettings
from streamproc.inference.engine import ModelIdentity
from streamproc.kafka.group import Member
from streamproc.kafka.lag import Lag
from streamproc.routing.control import ControlState
from streamproc.settings import Settings
from streamproc.transport.surface.monitor import TransportState
from streamproc.web.console.figures import WorkerFigures
from streamproc.web.console.overview import NO_ADDRESS, Overview, WorkerView
from streamproc.web.console.peers import PeerLook
from streamproc.web.console.steered import Steered
from streamproc.web.console.watch import GroupLook, Watch

NOW = 1_700_000_000.0
TOPIC = "reading.activity.v1"
OWN, OTHER = "aaaaaaaa", "bbbbbbbb"


class EngineWithoutServers:
    """Stands in for an engine in the worker itself; it scores nothing."""

    name = "onnx"
    model = ModelIdentity("phonemes", "2", "ab" * 32)


def overview(
    group: GroupLook,
    state: TransportState,
    paused: Sequence[str] = (),
    peers: Mapping[str, PeerLook] | None = None,
    says: ControlState | None = None,
) -> Overview:
    engine: Any = EngineWithoutServers()
    steered = Steered(lambda: says or ControlState())
    worker = WorkerView(OWN, lambda: state, engine, lambda: True, lambda: list(paused), lambda: None, steered)
    watch = Watch(Settings(), lambda: (), OWN, lambda: NOW)
    watch.group = group
    watch.peers.looks = dict(peers or {})
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
    (row,) = picture["workers"]
    assert row["said"]["state"] == ("paused: REGISTRY_UNAVAILABLE" if paused else "scoring")
    assert picture["endpoints"] == []
    assert len(json.dumps(picture)) < 4_000


def test_topics_that_are_not_the_activities_are_left_out() -> None:
    mixed = state(p0=1)
    mixed.unfinished[TP("another", 5)] = 9
    made = overview(look(), mixed)
    assert made.own() == [TP(TOPIC, 0)]
    assert made.picture()["group"]["unfinished"] == 1


def told(state: TransportState, paused: Sequence[str] = (), **changed: Any) -> WorkerFigures:
    """What another worker in this state says of itself."""
    own = overview(GroupLook(), state, paused).figures()
    return own.model_copy(update={"id": OTHER, **changed})


def two_workers(peer: PeerLook, own: TransportState) -> dict[str, Any]:
    """The picture of a worker with partition 0 whose group has another one with partition 1."""
    members = (Member("10.0.0.1", (0,), OWN, "10.0.0.1:6066"), Member("10.0.0.2", (1,), OTHER, "10.0.0.2:6066"))
    group = GroupLook(NOW - 3, (Lag(TOPIC, 1, 7, 4.0, True),), members, "", True)
    return overview(group, own, peers={OTHER: peer}).picture()


def test_what_another_worker_tells_is_shown_as_its_own_is() -> None:
    peer = told(state(p1=7))
    own = state(p0=3)
    own.transactions["committed"] = 2
    picture = two_workers(PeerLook(NOW - 1.5, peer.model_copy(update={"transactions": {"committed": 5}})), own)
    ours, other = picture["workers"]
    assert (ours["ours"], ours["age_s"], other["ours"], other["age_s"]) == (True, 0.0, False, 1.5)
    assert (other["address"], other["partitions"], other["problem"]) == ("10.0.0.2:6066", [1], "")
    assert (other["said"]["state"], other["said"]["in_flight"]) == ("scoring", 1)
    assert picture["totals"]["workers"] == 2
    assert picture["totals"]["in_flight"] == 2
    assert picture["totals"]["transactions"]["committed"] == 7
    assert [model["workers"] for model in picture["models"]] == [2]
    assert [row["in_flight"] for row in picture["partitions"]] == [1, 1]
    assert [row["reader"] for row in picture["partitions"]] == ["this worker", "10.0.0.2:6066"]


def test_what_a_worker_tells_of_its_partitions_goes_before_what_was_read_in_kafka() -> None:
    picture = two_workers(PeerLook(NOW, told(state(p1=0))), state(p0=3))
    assert [row["unfinished"] for row in picture["partitions"]] == [3, 0]
    assert picture["group"]["unfinished"] == 3
    silent = two_workers(PeerLook(NOW, told(state(p1=0)), "does not answer"), state(p0=3))
    assert [row["unfinished"] for row in silent["partitions"]] == [3, 7]
    assert silent["partitions"][1]["reader"] == "10.0.0.2:6066"


def test_a_worker_that_does_not_answer_is_shown_as_such_and_counts_in_no_sum() -> None:
    silent = PeerLook(NOW - 60, told(state(p1=7)), "does not answer")
    picture = two_workers(silent, state(p0=3))
    _, other = picture["workers"]
    assert (other["problem"], other["age_s"], other["partitions"]) == ("does not answer", 60.0, [1])
    assert picture["totals"]["workers"] == 1
    assert [row["in_flight"] for row in picture["partitions"]] == [1, None]


def test_a_worker_of_an_older_release_tells_no_address() -> None:
    group = GroupLook(NOW, (), (Member("10.0.0.9", (1,)),), "", True)
    ours, other = overview(group, state(p0=3)).picture()["workers"]
    assert (ours["ours"], other["problem"], other["address"]) == (True, NO_ADDRESS, "10.0.0.9")


def test_trouble_of_another_worker_is_told_on_top() -> None:
    picture = two_workers(PeerLook(NOW, told(state(p1=7), ["REGISTRY_UNAVAILABLE"])), state(p0=3))
    hints = [hint["text"] for hint in picture["verdict"]["hints"]]
    assert "Another worker is in trouble: 10.0.0.2:6066 (paused: REGISTRY_UNAVAILABLE)." in hints


@pytest.mark.parametrize(("age", "hinted"), [(5.0, False), (60.0, True)])
def test_one_that_answered_and_is_silent_for_a_while_is_in_trouble(age: float, hinted: bool) -> None:
    picture = two_workers(PeerLook(NOW - age, told(state(p1=7)), "does not answer"), state(p0=3))
    hints = [hint["text"] for hint in picture["verdict"]["hints"]]
    assert ("Another worker is in trouble: 10.0.0.2:6066 (has not answered for 60 s)." in hints) is hinted


def test_one_that_never_answered_may_not_be_reachable_from_here() -> None:
    assert two_workers(PeerLook(problem="does not answer"), state(p0=3))["verdict"]["hints"] == []


@pytest.mark.parametrize(("live", "most"), [(None, 64), (3, 3), (1_000, 64)])
def test_a_live_setting_lowers_what_is_worked_on_at_once_and_never_raises_it(live: int | None, most: int) -> None:
    says = ControlState(live=LiveSettings(max_in_flight=live))
    picture = overview(look(), state(p0=0), says=says).picture()
    assert picture["totals"]["most_in_flight"] == most
    assert picture["steered"]["live"] == ({} if live is None else {"max_in_flight": live})
