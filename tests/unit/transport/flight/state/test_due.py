"""Due times of keys: which come up when, and that what is outdated takes no memory."""

from __future__ import annotations

import tracemalloc

from streamproc.transport.flight.state.due import Due, DueTimes

PER_KEY_BYTES = 200


def due_of(_: bytes, value: bytes) -> Due:
    return Due(int(value))


def test_keys_come_up_by_time_and_each_once() -> None:
    times = DueTimes(due_of, [(b"late", b"9"), (b"early", b"3"), (b"never", b"7")])
    times.note(b"never", None)
    assert times.take(10, 1) == [(b"early", Due(3))]
    assert times.take(10, 9) == [(b"late", Due(9))]
    assert times.take(10, 9) == []


def test_a_key_that_is_put_off_again_and_again_takes_the_memory_of_one() -> None:
    """A session's timer: each of its events sets it anew, far ahead of the stream time."""
    keys = 2_000
    times = DueTimes(due_of)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for turn in range(50):
        for key in range(keys):
            times.note(b"%d" % key, b"%d" % (1_000_000 + turn))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 4 * keys * PER_KEY_BYTES
    assert times.take(1_000_048, 9) == []
    assert len(times.take(1_000_049, 2 * keys)) == keys


def test_keys_that_are_called_off_take_no_memory() -> None:
    times = DueTimes(due_of)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(20_000):
        times.note(b"%d" % number, b"1000000")
        times.note(b"%d" % number, None)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000 * PER_KEY_BYTES
    assert len(times) == 0
