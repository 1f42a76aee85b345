"""PSI and KS of what models say: nothing for the same, more for more; and the file that they are compared with."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from streamproc.contracts.upkeep.examples import RESULT
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing.drift import BINS, LEAST, Drift, Profile, drift, ks, psi
from streamproc.routing.reference import ModelProfile, read_reference, write_reference


def drawn(mean: float, count: int, seed: int) -> list[int]:
    """Bins of values around a mean."""
    random, counts = Random(seed), [0] * BINS
    for _ in range(count):
        counts[min(int(min(max(random.gauss(mean, 0.1), 0.0), 1.0) * BINS), BINS - 1)] += 1
    return counts


def test_equal_shares_have_no_distance_however_many_they_are() -> None:
    counts = drawn(0.7, 10_000, 1)
    assert psi(counts, counts) == 0
    assert ks(counts, [10 * count for count in counts]) == pytest.approx(0)


def test_the_figures_are_those_of_their_definitions() -> None:
    # By hand: shares 0.75 and 0.25 against 0.25 and 0.75; ten values are added to each four, as both together are: half
    # and half.
    assert psi([3, 1], [1, 3]) == pytest.approx(2 * (8 / 14 - 6 / 14) * math.log(8 / 6))
    assert psi([3, 1, 0], [1, 3, 0]) == psi([3, 1], [1, 3]), "what is empty in both adds nothing"
    assert ks([3, 1, 0], [1, 3, 0]) == 0.5
    assert ks([5, 0, 0], [0, 0, 5]) == 1


def test_a_larger_move_is_a_larger_distance() -> None:
    reference = drawn(0.7, 20_000, 1)
    moved = [psi(drawn(0.7 - by, 20_000, 2), reference) for by in (0.0, 0.03, 0.1, 0.3)]
    assert moved == sorted(moved)
    assert moved[0] < 0.01
    assert moved[-1] > 1


def test_an_empty_bin_is_no_infinite_drift() -> None:
    assert psi([100] + [0] * (BINS - 1), [0] * (BINS - 1) + [100]) < 100


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (Drift(9.0, 1.0, LEAST - 1), "few"),
        (Drift(0.05, 0.1, LEAST), "steady"),
        (Drift(0.15, 0.1, LEAST), "watch"),
        (Drift(0.3, 0.1, LEAST), "shifted"),
        (Drift(0.15, 0.1, LEAST, 0.2), "steady"),
        (Drift(0.3, 0.1, LEAST, 0.31), "few"),
        (Drift(0.3, 0.1, LEAST, 0.29), "shifted"),
    ],
)
def test_a_drift_is_named_by_its_size(found: Drift, state: str) -> None:
    assert found.state == state


@pytest.mark.parametrize("readings", [LEAST, 200, 500, 3000])
def test_what_chance_explains_is_no_drift(readings: int) -> None:
    """Days of readings of one sort, against 2,000 of them: one alarm in 200 days at the most; a shift is found."""
    reference = day(2000, 0.8, 1)
    states = [drift(day(readings, 0.8, seed), reference).values() for seed in range(2, 202)]
    assert sum(any(one.state in ("watch", "shifted") for one in found) for found in states) <= 1
    worse = drift(day(readings, 0.5, 7), reference)
    assert worse["accuracy"].state == "shifted"


def day(readings: int, well: float, seed: int) -> Profile:
    """Readings of six words, of which so many are read well; and readers differ."""
    random, profile = Random(seed), Profile()
    for _ in range(readings):
        reader = min(max(random.gauss(well, 0.15), 0.0), 1.0)
        words = [random.random() < reader for _ in range(6)]
        for one in words:
            profile.bins["confidence"][min(int((reader if one else 1 - reader) * BINS), BINS - 1)] += 1
        profile.bins["accuracy"][min(int(sum(words) / 6 * BINS), BINS - 1)] += 1
        profile.bins["silence"][0 if random.random() < 0.98 else BINS - 1] += 1
    return profile


def test_a_result_counts_its_words_its_accuracy_and_its_silence() -> None:
    profile = Profile()
    silent = replace(RESULT.phrases[1], error_code="NOTHING_HEARD", error_message=None)
    profile.note(replace(RESULT, phrases=(RESULT.phrases[0], silent)))
    assert profile.count("confidence") == 4, "extra speech is no expected word"
    assert profile.bins["accuracy"][10] == 1, "two of four words are read well"
    assert profile.bins["silence"][10] == 1, "one of two phrases is silent"
    profile.note(RESULT)
    assert profile.bins["silence"][0] == 1, "audio that is not found is no silence"


def test_what_has_no_values_is_not_compared() -> None:
    assert drift(Profile(), Profile()) == {}


def test_a_reference_is_stored_and_read_again(tmp_path: Path) -> None:
    profile = Profile()
    profile.note(RESULT)
    write_reference(tmp_path / "reference.json", {"5f": ModelProfile("phonemes/2", profile)})
    assert read_reference(tmp_path / "reference.json") == {"5f": ModelProfile("phonemes/2", profile)}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"models": {"a": {"name": "b", "bins": {"confidence": [1]}}}}', '{"models": 1}']
)
def test_what_is_no_reference_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "reference.json").write_text(content)
    with pytest.raises(StreamprocError, match="--save-reference") as caught:
        read_reference(tmp_path / "reference.json")
    assert caught.value.code is ErrorCode.SETTINGS_INVALID


def test_a_reference_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StreamprocError, match="No such file"):
        read_reference(tmp_path / "nothing.json")
