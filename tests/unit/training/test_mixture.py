"""Whom a training hears, and whom it hears when it is to hear fewer."""

from __future__ import annotations

from collections.abc import Sequence

from streamproc.training.mixture import Fewer, calibration_speakers, heard_readings

ROWS = [
    {"speaker": f"{number:03}", "age": 6 + number * 7 % 30, "reading": reading}
    for number in range(125)
    for reading in range(20)
]


def _speakers(places: Sequence[int]) -> set[str]:
    return {str(ROWS[place]["speaker"]) for place in places}


def test_all_are_heard_but_those_whom_thresholds_are_fitted_on() -> None:
    heard = _speakers(heard_readings(ROWS))
    assert len(heard) == 100
    assert heard.isdisjoint(calibration_speakers(ROWS))


def test_fewer_speakers_are_some_of_the_same_of_all_ages_with_all_that_they_read() -> None:
    quarter, half = (heard_readings(ROWS, Fewer(speakers=every)) for every in (4, 2))
    assert (len(_speakers(quarter)), len(quarter)) == (25, 500)
    assert _speakers(quarter) < _speakers(half) < _speakers(heard_readings(ROWS))
    ages = sorted(int(str(ROWS[place]["age"])) for place in quarter)
    assert ages[0] <= 8
    assert ages[-1] >= 32


def test_fewer_readings_are_of_as_many_speakers() -> None:
    few = heard_readings(ROWS, Fewer(readings=4))
    assert (len(_speakers(few)), len(few)) == (100, 500)
