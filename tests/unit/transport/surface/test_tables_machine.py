"""One worker's tables through anything that can happen to it, against a plain model.

What is committed is always what its events make of a dict when they are worked on one after the other, in the order of
their ends; and the changelog, replayed, is the same.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from typing import NamedTuple, cast

import pytest
from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from streamproc.transport.errors import Unsupported
from streamproc.transport.flight.entries import FINISHED, Entry
from streamproc.transport.flight.ledger import Batch
from streamproc.transport.flight.state.access import TableAccess
from streamproc.transport.flight.state.store import MemoryStore
from streamproc.transport.flight.state.versions import TableState
from streamproc.transport.surface.delivery import Delivery

from .test_progress_machine import PARTITIONS, Machine, picks

TABLES = ("counts", "sets")
PLACES = [(table, key) for table in TABLES for key in (b"x", b"y", b"z")]
#: Small ones, all of which an event does in this order. A digest of all that it has read goes into what it writes.
ACTIONS = ("read", "read", "write", "read and write", "read and write", "delete", "read all", "count")


class Step(NamedTuple):
    """What an event does to a table."""

    event: bytes | None
    action: str
    table: str
    key: bytes


State = dict[tuple[str, bytes], bytes]


@dataclasses.dataclass
class Work:
    """The steps of an event, and what came of them so far."""

    steps: list[Step] = dataclasses.field(default_factory=list)
    digest: int = 0
    end: int = 0

    def see(self, seen: object) -> None:
        self.digest = zlib.crc32(repr(seen).encode(), self.digest)

    def do(self, step: Step, state: State) -> None:
        """What the step makes of a plain dict."""
        place = (step.table, step.key)
        self.see(step.event)
        if step.action.startswith("read all"):
            self.see(sorted((key, value) for (table, key), value in state.items() if table == step.table))
        elif step.action == "count":
            self.see(sum(1 for table, _ in state if table == step.table))
        elif step.action.startswith("read"):
            self.see(state.get(place))
        if step.action.endswith("write"):
            state[place] = b"%d" % self.digest
        elif step.action == "delete":
            state.pop(place, None)

    def do_really(self, step: Step, access: TableAccess, table: TableState) -> None:
        """The same with the driver's."""
        self.steps.append(step)
        self.see(step.event)
        if step.action.startswith("read all"):
            self.see(sorted(access.read_all(table)))
        elif step.action == "count":
            self.see(access.count(table))
        elif step.action.startswith("read"):
            self.see(access.read(table, step.key))
        if step.action.endswith("write"):
            value: bytes | None = b"%d" % self.digest
        elif step.action == "delete":
            value = None
        else:
            return
        if table.plain:
            access.write(table, step.key, value)
        else:
            # Of this table each record counts, so that the changelog's are chained: none may be left out.
            access.log(table, step.key, value, [(step.key, value)])


def after(works: list[Work]) -> State:
    """A plain dict when these were done one after the other."""
    state: State = {}
    for done in sorted(works, key=lambda work: work.end):
        again = Work()
        for step in done.steps:
            again.do(step, state)
    return state


class TablesMachine(Machine):
    """One worker with two tables, again and again."""

    def __init__(self) -> None:
        #: The changelogs' records, by source partition.
        self.changelogs: dict[TP, list[tuple[str, bytes, bytes | None]]] = {tp: [] for tp in PARTITIONS}
        self.booked: dict[TP, list[Work]] = {tp: [] for tp in PARTITIONS}
        self.works: dict[TableAccess, Work] = {}
        self.ends = 0

        super().__init__()

    def start_worker(self) -> None:
        self.works.clear()
        super().start_worker()

    def assign(self, tp: TP) -> None:
        super().assign(tp)
        assignment = self.readers[tp].assignment
        for table in TABLES:
            store = MemoryStore()
            store.apply((key, value) for of, key, value in self.changelogs[tp] if of == table)
            plain = table == "counts"
            assignment.states[table] = TableState(table, f"{table}-changelog", tp.partition, store, plain=plain)

    # -- what events do to tables

    @rule(steps=st.lists(st.tuples(picks, st.sampled_from(ACTIONS), st.sampled_from(PLACES)), min_size=1, max_size=12))
    def use_tables(self, steps: list[tuple[int, str, tuple[str, bytes]]]) -> None:
        """Events at work take their steps in turn."""
        for pick, action, (table, key) in steps:
            if self.started:
                self.take_step(self.started[pick % len(self.started)], action, table, key)

    def take_step(self, message: Delivery, action: str, table: str, key: bytes) -> None:
        entry = message.entry
        if not message.current or message.acked:
            return
        try:
            access = self.ledger.tables.access(entry)
        except Unsupported:
            assert len({one.assignment for one in entry.joint or ()}) > 1
            return
        work = self.works.setdefault(access, Work())
        step = Step(message.record.value(), action, table, key)
        work.do_really(step, access, entry.assignment.states[table])

    @rule(size=st.integers(2, 4))
    def take_as_a_batch(self, size: int) -> None:
        """As the other machine's, before the events touch tables: the model has no place for what two have begun."""
        alone = [one for one in self.started if one.current and one.entry.joint is None and one.entry.access is None]
        self.consumer.desk.join(alone[-size:])

    @rule(times=st.integers(1, 3), place=st.sampled_from(PLACES))
    def compete(self, times: int, place: tuple[str, bytes]) -> None:
        """All that are at work count in one place, and end, the last that began first; again and again."""
        for _ in range(times):
            self.pass_on("started", 8)
            for message in self.started:
                self.take_step(message, "read and write", *place)
            for _ in range(len(self.started)):
                self.finish(1, 7)

    @rule(order=st.lists(picks, min_size=2, max_size=6), place=st.sampled_from(PLACES))
    def build_upon_each_other(self, order: list[int], place: tuple[str, bytes]) -> None:
        """Events count in one place, each after the end of the one before: all depend on those before them."""
        self.publish(PARTITIONS[0], [None, b"a", b"b", b"a", None], 0)
        self.poll(PARTITIONS[0], 10)
        self.pass_on("started", 10)
        for pick in order:
            if self.started:
                self.take_step(self.started[pick % len(self.started)], "read and write", *place)
                self.finish(1, pick)
            self.pass_on("started", 10)

    @rule(pick=picks)
    def refuse_one(self, pick: int) -> None:
        """Brokers refuse the next transaction, and then one of its records."""
        for _ in range(2):
            if self.batch is None:
                self.batch = self.ledger.form(b"%d" % self.generation)
            if self.batch is not None:
                self.book("refused", pick)

    @rule(place=st.sampled_from(PLACES), actions=st.lists(st.sampled_from(ACTIONS), min_size=2, max_size=2))
    def withhold(self, place: tuple[str, bytes], actions: list[str]) -> None:
        """An outcome is refused: the event behind it in its key must wait, and so must one that builds upon that."""
        if self.batch is not None:
            self.book("aborted")
        tp = PARTITIONS[0]
        if tp not in self.readers:
            return
        self.publish(tp, [b"a", b"a", None], 0)
        self.poll(tp, 1000)
        self.pass_on("started", 1000)
        refused = next((one for one in self.started if one.key == b"a" and one.current and not one.entry.joint), None)
        if refused is None or refused.entry.access is not None:
            return
        self.finish(1, self.started.index(refused))
        self.pass_on("started", 1000)
        for key, action in zip((b"a", None), actions, strict=True):
            for message in [one for one in self.started if one.key == key and one.current][-1:]:
                self.take_step(message, action, *place)
                self.finish(1, self.started.index(message))
        if refused.entry.live and refused.entry.state is FINISHED:
            self.refuse(refused.entry)
        self.batch = self.ledger.form(b"%d" % self.generation)
        if self.batch is not None:
            self.book("committed")

    @rule(
        order=st.lists(picks, min_size=2, max_size=4),
        place=st.sampled_from(PLACES),
        under_way=st.sampled_from(["nothing", "aborted", "committed", "committed"]),
    )
    def tear(self, order: list[int], place: tuple[str, bytes], under_way: str) -> None:
        """Events of both partitions share their outcomes, others build upon what came after; one partition goes.

        A transaction may be under way meanwhile; its commit may have arrived before the loss, and be heard of after.
        """
        for tp in PARTITIONS:
            if tp not in self.readers:
                self.assign(tp)
        if self.batch is not None:
            self.book("committed")
        for tp in PARTITIONS:
            self.publish(tp, [b"a", b"a", b"b"], 0)
            self.poll(tp, 1000)
        self.pass_on("started", 1000)
        first = {message.entry.assignment.tp: message for message in self.started if message.current}
        if len(first) == len(PARTITIONS) and not any(one.entry.joint or one.entry.access for one in first.values()):
            self.consumer.desk.join(list(first.values()))
            for message in first.values():
                self.finish(1, self.started.index(message))
        self.build_upon_each_other(order, place)
        if under_way != "nothing":
            self.batch = self.ledger.form(b"%d" % self.generation)
            self.build_upon_each_other(order, place)
        if self.batch is not None and under_way == "committed":
            self.take_effect(self.batch)
        self.give_up(PARTITIONS[1])
        self.assign(PARTITIONS[1])
        self.build_upon_each_other(order, place)
        if self.batch is not None and under_way == "committed":
            batch, self.batch = self.batch, None
            self.ledger.settle(batch)
            for call in self.due:
                call()
            self.due.clear()
        elif self.batch is not None:
            self.book("aborted")

    def finish(self, count: int, pick: int) -> None:
        for _ in range(count):
            super().finish(1, pick)
            self.note_ends()

    def note_ends(self) -> None:
        for access in sorted(self.accesses(), key=lambda access: access.seq):
            work = self.works.get(access)
            if access.finished and work is not None and not work.end:
                self.ends += 1
                work.end = self.ends

    def accesses(self) -> Iterator[TableAccess]:
        found: dict[TableAccess, None] = {}
        for assignment in self.ledger.assignments.values():
            found |= {entry.access: None for entry in assignment.entries.values() if entry.access is not None}
        return iter(found)

    # -- transactions

    def take_effect(self, batch: Batch) -> None:
        rest = []
        assignments = {assignment.tp.partition: assignment.tp for assignment, _ in batch.offers}
        for entry, outcome in batch.outcomes:
            if outcome.topic.endswith("-changelog"):
                tp = assignments[cast(int, outcome.partition)]
                assert tp == entry.assignment.tp
                self.changelogs[tp].append(
                    (outcome.topic[: -len("-changelog")], cast(bytes, outcome.key), outcome.value)
                )
            else:
                rest.append((entry, outcome))
        for access in batch.accesses:
            if access in self.works:
                self.booked[access.entry.assignment.tp].append(self.works[access])
        super().take_effect(dataclasses.replace(batch, outcomes=rest))

    def refuse(self, entry: Entry) -> None:
        together = list(entry.joint or [entry])
        super().refuse(entry)
        self.consumer.desk.withdraw(together)

    # -- what must hold

    @invariant()
    def what_is_committed_is_the_work_of_its_events_one_after_the_other(self) -> None:
        for tp, works in self.booked.items():
            expected = after(works)
            replayed: State = {}
            for table, key, value in self.changelogs[tp]:
                if value is None:
                    replayed.pop((table, key), None)
                else:
                    replayed[table, key] = value
            assert replayed == expected
            assignment = self.ledger.assignments.get(tp)
            if assignment is not None and self.batch is None and assignment.alive:
                stored = {
                    (name, key): value
                    for name, table in assignment.states.items()
                    for key, value in table.store.items()
                }
                assert stored == expected

    @invariant()
    def nothing_is_kept_of_what_is_over(self) -> None:
        for assignment in self.ledger.assignments.values():
            here = [entry.access for entry in assignment.entries.values() if entry.access is not None]
            for table in assignment.states.values():
                assert {version.access for version in table.newest.values()} <= set(here)
                noting = {cast(TableAccess, reader) for readers in table.readers.values() for reader in readers}
                assert noting | cast(set[TableAccess], table.readers_of_all) <= set(here)
            if not assignment.entries:
                assert all(not table.newest for table in assignment.states.values())

    def come_to_rest(self) -> None:
        super().come_to_rest()
        self.what_is_committed_is_the_work_of_its_events_one_after_the_other()
        for reader in self.readers.values():
            assert all(entry.state is FINISHED for entry in reader.assignment.entries.values())


@pytest.mark.timeout(3_600)
class TestTables(TablesMachine.TestCase):  # type: ignore[misc,valid-type]
    """Runs the machine."""

    settings = settings(stateful_step_count=60)
