"""Requests, timers, leaders, clients, commands and failures of plain Faust apps, on a real broker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from support.holes import hole
from support.waiting import PATIENCE

from .surface import QUERY, App, Reader

INPUTS = (
    "asks-in",
    "raises-in",
    "clumsy-in",
    "clumsy-crew-in",
    "placed-in",
    "batches-in",
    "stuck-in",
    "quick-in",
    "late-in",
    "memory-in",
    "double",
    "block-in",
    "task-in",
)
OUTPUTS = (
    *("clumsy-out", "clumsy-crew-out"),
    *("asks-out", "raises-out", "forced-out", "batches-out", "quick-out", "late-out"),
    *("ticks", "leaders", "crons", "hellos", "statistics", "memory-out", "block-out", "task-out"),
)


class Running:
    """A worker of features.py, and a reader of what it writes."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.reader = Reader(app.bootstrap, [app.topic(name) for name in OUTPUTS], partitions=1)

    def put(self, topic: str, values: range | list[Any]) -> None:
        """Publish values as JSON, without keys."""
        producer = Producer({"bootstrap.servers": self.app.bootstrap, "enable.idempotence": True})
        for value in values:
            producer.produce(self.app.topic(topic), value=json.dumps(value).encode())
        assert producer.flush(30) == 0

    def found(self, topic: str) -> list[Any]:
        """What a topic holds."""
        return [json.loads(value) for value in self.reader.values(self.app.topic(topic))]

    def wait_for(self, topic: str, count: int, timeout: float = 60.0) -> list[Any]:
        """Wait for so many records, and a little for more of them."""
        what = f"{count} on {topic}"
        self.reader.wait_for(lambda: len(self.found(topic)) >= count, what, timeout, self.app)
        self.reader.read(1.0)
        return self.found(topic)


@pytest.fixture(scope="module")
def running(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker, `on_raise` retry."""
    query = f"{QUERY}&on_raise=retry&retry_backoff=0.1"
    with App(kafka_bootstrap, "features.py", tmp_path_factory.mktemp("features"), query) as app:
        app.create(*INPUTS, *OUTPUTS, partitions=1)
        app.start("a")
        found = Running(app)
        yield found
        found.reader.close()


def test_an_agent_asks_another_in_the_middle_of_an_event(running: Running) -> None:
    """The request does not wait for the event that it belongs to, or it would wait for ever."""
    running.put("asks-in", range(5))
    assert sorted(running.wait_for("asks-out", 5)) == [0, 2, 4, 6, 8]


def test_an_agent_that_raises_leaves_no_half_outcome(running: Running) -> None:
    """Retried: one outcome for each. What was sent by force was not tied to the attempt."""
    running.put("raises-in", range(9))
    assert sorted(running.wait_for("raises-out", 9)) == list(range(9))
    forced = running.wait_for("forced-out", 12)
    assert sorted(forced) == sorted([*range(9), 0, 3, 6])


@hole("D8")
@pytest.mark.parametrize("name", ["clumsy", "clumsy-crew"])
def test_an_agent_that_raises_begins_anew_at_once(running: Running, name: str) -> None:
    """Faust's supervisor would look five seconds later: at so many raises the test would take ten minutes, or 200 s."""
    # Numbers that no other agent has failed on.
    first = 1_000 if name == "clumsy" else 2_000
    values = range(first, first + 120)
    running.put(f"{name}-in", values)
    assert sorted(running.wait_for(f"{name}-out", len(values))) == list(values)
    assert "Restarting dead" not in running.app.text()


@hole("D8")
def test_a_topic_is_made_as_declared_and_a_record_goes_where_it_is_sent(running: Running) -> None:
    """Partitions as the app says, and a record's partition as the send says."""
    running.put("placed-in", range(9))
    name = running.app.topic("declared")
    reader = Reader(running.app.bootstrap, [name], partitions=3)
    reader.wait_for(lambda: len(reader.found[name]) == 9, "nine records", 60, running.app)
    places = {int(message.value() or b""): message.partition() for message in reader.found[name]}
    assert places == {number: number % 3 for number in range(9)}
    reader.close()


def test_a_batch_whose_agent_raises_is_done_again(running: Running) -> None:
    """What was sent for it is discarded with it."""
    running.put("batches-in", range(100, 110))
    expected = list(range(100, 110))
    numbers: list[int] = []

    def all_there() -> bool:
        numbers[:] = [number for batch in running.found("batches-out") for number in batch]
        return len(numbers) >= 10

    running.reader.wait_for(all_there, "the batches", 60, running.app)
    running.reader.read(1.0)
    all_there()
    assert sorted(numbers) == expected


def test_a_stuck_agent_starves_no_other(running: Running) -> None:
    """An agent that finishes nothing holds back its own topic alone."""
    running.put("stuck-in", list(range(60_000)))
    running.put("quick-in", range(500))
    assert running.wait_for("quick-out", 500) == list(range(500))


def test_a_channel_in_memory_makes_its_producer_wait(running: Running) -> None:
    """A bounded channel between two agents."""
    running.put("memory-in", range(200))
    assert running.wait_for("memory-out", 200) == list(range(200))


def test_outside_agents_the_end_of_block_or_task_finishes_what_break_left(running: Running) -> None:
    """Nobody iterates again, and no agent returns."""
    running.put("block-in", [1])
    running.put("task-in", [1, 2])
    assert running.wait_for("block-out", 1) == [1]
    assert running.wait_for("task-out", 1) == [[1, 2]]


def test_a_send_after_the_acknowledgement_raises(running: Running) -> None:
    """It could no longer share the event's transaction."""
    running.put("late-in", [1])
    assert running.wait_for("late-out", 1) == ["SentAfterAck"]


def test_timers_crontabs_and_tasks_send(running: Running) -> None:
    """Outside any event: with the next transaction."""
    for topic in ("ticks", "crons", "hellos", "leaders"):
        assert set(running.wait_for(topic, 1)) == {"a"}


def test_one_leader_at_a_time_and_another_after_it(running: Running) -> None:
    """Leadership is a partition of the leader topic."""
    app = running.app
    app.start("b")
    try:
        # Two members settle; from then on only one of them leads.
        running.reader.read(5.0)
        before = len(running.found("leaders"))
        running.wait_for("leaders", before + 6)
        leaders = set(running.found("leaders")[before:])
        assert len(leaders) == 1
        running.wait_for("ticks", len(running.found("ticks")) + 4)
        assert set(running.found("ticks")) == {"a", "b"}
    finally:
        app.kill("b")
    deadline = time.monotonic() + 40 * PATIENCE
    while running.found("leaders")[-1:] != ["a"] or "a" not in running.found("leaders")[before:]:
        assert time.monotonic() < deadline
        running.reader.read(0.5)


def test_sensors(running: Running) -> None:
    """Positions, lag, what is in flight, transactions, commits, rebalances: through Faust's monitor."""
    app = running.app
    running.put("quick-in", range(10))

    def latest() -> dict[str, Any]:
        return dict(running.found("statistics")[-1])

    def caught_up() -> bool:
        found = [record["transport"]["lag"].get(f"{app.topic('quick-in')}-0") for record in running.found("statistics")]
        return found[-1:] == [0]

    running.reader.wait_for(caught_up, "no lag on the quick topic", 30, app)
    found = latest()
    transport = found["transport"]
    assert transport["transactions"]["committed"] > 10
    assert transport["in_flight"][f"{app.topic('quick-in')}-0"] == 0
    assert found["messages_sent"] >= found["events_total"] > 10
    assert found["commits"] > 10
    assert found["rebalances"] >= 1
    assert found["topic_end_offsets"][app.topic("quick-in")]["0"] >= 10
    assert found["topic_read_offsets"][app.topic("quick-in")]["0"] >= 10
    assert f"{app.topic('quick-in')}-0" in transport["metadata_size"]


def test_the_app_knows_of_its_partitions_and_of_every_rebalance(running: Running) -> None:
    """`app.unassigned`, and the signal `on_rebalance_complete`."""

    def told() -> bool:
        latest = running.found("statistics")[-1:]
        return bool(latest) and not latest[0]["unassigned"] and latest[0]["rebalances_completed"] >= 2

    running.reader.wait_for(told, "an assigned app, and its second rebalance", 30, running.app)


def test_a_client_asks_a_worker(running: Running) -> None:
    """A client-only app: no group, no partitions, replies on a topic of its own."""
    done = running.app.run("ask-it", "--number", "21")
    assert "answer 42" in done.stdout, done.stderr[-3000:]


def test_faust_send(running: Running) -> None:
    """`faust send` publishes at once, and says where."""
    before = len(running.found("quick-out"))
    done = running.app.run("send", running.app.topic("quick-in"), "4711")
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["offset"] >= 0
    assert running.wait_for("quick-out", before + 1)[-1] == 4711


def test_faust_reset_and_lists(running: Running) -> None:
    """Commands that need no broker work as they do elsewhere."""
    for command in ("reset", "agents", "models"):
        done = running.app.run(command)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name", ["raises", "block"])
def test_what_raises_stops_the_worker_by_default(kafka_bootstrap: str, tmp_path: Path, name: str) -> None:
    """An agent, or the block around an iteration: with the reason, and nothing of the event is committed."""
    with App(kafka_bootstrap, "features.py", tmp_path) as app:
        app.create(*INPUTS, *OUTPUTS, partitions=1)
        running = Running(app)
        running.put(f"{name}-in", [3])
        app.start("a", ready=False)
        log = app.wait_end("a")
        assert "the agent raised ValueError, and on_raise is 'stop'" in log
        running.reader.read(1.0)
        assert running.found(f"{name}-out") == []
        running.reader.close()
