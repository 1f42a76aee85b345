"""Partitions are added when nothing waits and nobody publishes, and stays so for a while."""

from __future__ import annotations

from streamproc.kafka.growth import Drain, Stillness


def waiting(count: int, end: int = 10) -> Drain:
    return Drain({"workers": count, "reports": 0}, {0: end, 1: 5})


def test_it_is_still_when_nothing_has_waited_and_nothing_has_come_for_so_long() -> None:
    stillness = Stillness(15)
    assert not stillness.look(100, waiting(0))
    assert not stillness.look(114.9, waiting(0))
    assert stillness.look(115, waiting(0))


def test_what_waits_begins_the_time_anew() -> None:
    stillness = Stillness(15)
    stillness.look(0, waiting(0))
    assert not stillness.look(20, waiting(1))
    assert not stillness.look(34, waiting(0))
    assert stillness.look(49, waiting(0))


def test_so_does_what_comes_though_it_is_finished_at_once() -> None:
    stillness = Stillness(15)
    stillness.look(0, waiting(0))
    assert not stillness.look(15, waiting(0, end=11))
    assert not stillness.look(29, waiting(0, end=11))
    assert stillness.look(30, waiting(0, end=11))


def test_a_reader_of_results_is_waited_for_too() -> None:
    stillness = Stillness(0)
    behind = Drain({"workers": 0, "reports": 3}, {0: 10})
    assert behind.left == 3
    assert not stillness.look(0, behind)


def test_no_time_at_all_is_still_at_once() -> None:
    assert Stillness(0).look(0, waiting(0))
