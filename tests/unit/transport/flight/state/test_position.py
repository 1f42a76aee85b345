"""How much of a changelog is in a store: the arithmetic of recovery, against a log that is only a list."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.flight.mark import Mark
from streamproc.transport.flight.state.position import ChangelogPosition, Log, Reach, resume
from streamproc.transport.flight.state.store import MemoryStore, Write

HERE = Mark(1, (2, 3))
KEPT_S = 100.0


@dataclass(frozen=True)
class Slot:
    """What lies at an offset: a record, unless it is a marker's, was aborted, or compacted away."""

    write: Write | None


slots = st.builds(
    Slot, st.none() | st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.sampled_from([b"1", b"2", b"3"]))
)


def outcome(slots: list[Slot]) -> dict[bytes, bytes]:
    """What a table holds after them."""
    plain: dict[bytes, bytes] = {}
    for slot in slots:
        if slot.write is not None:
            key, value = slot.write
            if value is None:
                plain.pop(key, None)
            else:
                plain[key] = value
    return plain


def read(store: MemoryStore, log: list[Slot], first: int, sizes: list[int], *, stop_after: int | None = None) -> None:
    """As the recovery does, in fetches of these sizes; it may be killed after one of them."""
    asked = Log(HERE, first, len(log), KEPT_S, 0.0)
    start = resume(store.position, asked, empty=not len(store))
    assert not start.rebuild
    reach = Reach(start.offset, asked.end)
    for number, size in enumerate([*sizes, len(log) + 1]):
        if number == stop_after:
            return
        if reach.done:
            break
        upto = min(reach.position + size, len(log))
        found = [(offset, log[offset].write) for offset in range(reach.position, upto)]
        writes = [(offset, write) for offset, write in found if write is not None]
        if writes:
            reach.records(writes[-1][0])
        if upto == len(log):
            reach.end(upto)
        store.apply([write for _, write in writes], ChangelogPosition(HERE, reach.position, start.since))
    assert reach.done
    store.apply((), ChangelogPosition(HERE, reach.position, start.since))


@given(st.lists(slots, max_size=30), st.lists(st.integers(1, 7)), st.integers(0, 12), st.lists(slots, max_size=10))
def test_wherever_it_is_killed_a_store_ends_as_its_log(
    log: list[Slot], sizes: list[int], killed_after: int, more: list[Slot]
) -> None:
    """Also when the log has grown meanwhile."""
    store = MemoryStore()
    read(store, log, 0, sizes, stop_after=killed_after)
    read(store, log + more, 0, sizes)
    assert dict(store.items()) == outcome(log + more)
    assert store.position == ChangelogPosition(HERE, len(log + more), 0.0)


@given(st.lists(slots, max_size=30), st.data())
def test_a_store_may_know_less_than_it_holds(log: list[Slot], data: st.DataObject) -> None:
    """What was written while a partition was active is read once more: the last write counts, so it changes nothing."""
    known = data.draw(st.integers(0, len(log)))
    store = MemoryStore()
    store.apply([slot.write for slot in log if slot.write is not None], ChangelogPosition(HERE, known, 0.0))
    read(store, log, 0, data.draw(st.lists(st.integers(1, 7))))
    assert dict(store.items()) == outcome(log)


@given(
    position=st.none() | st.builds(ChangelogPosition, st.just(HERE), st.integers(0, 20), st.floats(0, 1_000)),
    first=st.integers(0, 20),
    length=st.integers(0, 20),
    now=st.floats(0, 1_000),
    empty=st.booleans(),
)
def test_nothing_is_skipped_and_no_deletion_missed(
    position: ChangelogPosition | None, first: int, length: int, now: float, *, empty: bool
) -> None:
    """It reads on only where all that it has not seen is in the log still, and else from the log's start, saying so."""
    log = Log(HERE, first, first + length, KEPT_S, now)
    start = resume(position, log, empty=empty)
    if position is not None and first <= position.offset <= log.end and -60 <= now - position.since <= KEPT_S:
        assert start == (position.offset, position.since, "")
    else:
        assert (start.offset, start.since) == (first, now)
        assert bool(start.rebuild) == (position is not None or not empty)


def test_a_store_of_another_topic_or_cluster_says_nothing() -> None:
    position = ChangelogPosition(HERE, 5, 0.0)
    log = Log(HERE, 0, 10, KEPT_S, 0.0)
    assert not resume(position, log, empty=False).rebuild
    assert "anew" in resume(position, log._replace(mark=replace(HERE, topic_id=(4, 4))), empty=False).rebuild
    assert "cluster" in resume(position, log._replace(mark=replace(HERE, cluster=9)), empty=False).rebuild


def test_a_store_from_after_now_does_not_tell_how_old_it_is() -> None:
    """The clock was set back: it may have missed deletions, and only looks young."""
    log = Log(HERE, 0, 10, KEPT_S, 1_000.0)
    assert not resume(ChangelogPosition(HERE, 5, 1_060.0), log, empty=False).rebuild, "clocks are set back a little"
    assert resume(ChangelogPosition(HERE, 5, 1_061.0), log, empty=False).rebuild == (
        "its time is 61 s ahead of the clock, so nobody knows how old it is"
    )


def test_an_estimate_comes_from_the_rate_so_far() -> None:
    reach = Reach(100, 1_100)
    assert (reach.left, reach.seconds_left(1.0)) == (1_000, None)
    reach.records(299)
    assert (reach.left, reach.seconds_left(2.0)) == (800, 8.0)
    reach.end(1_100)
    assert reach.done
    assert reach.seconds_left(3.0) == 0.0
    assert Reach(7, 7).seconds_left(0.0) == 0.0


def test_a_position_never_goes_back() -> None:
    """An end that was told before the last records is late news."""
    reach = Reach(0, 10)
    reach.records(7)
    reach.end(4)
    assert reach.position == 8
