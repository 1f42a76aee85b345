"""What a load needs follows from what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streamproc.cli import cli
from streamproc.deployment.capacity import Costs, Load, Prices, measured, of_benchmark, plan

BENCHMARK = Path(__file__).parents[3] / "docs" / "benchmarks" / "worker.json"
COSTS = Costs(fixed_ms=2.0, per_audio_second_ms=0.5, triton_speed=1000.0)
PRICES = Prices(worker_hour=0.1, triton_hour=1.0)


def test_a_worked_example() -> None:
    # 4 ms an activity: 250 a second, 175 at 70 %. A Triton: 250 a second too.
    found = plan(Load(peak_per_s=350, mean_per_s=100, audio_s=4), COSTS, PRICES)
    assert (found.workers, found.tritons, found.partitions) == (3, 3, 6)
    assert found.worker_busy == pytest.approx(350 / 750)
    assert found.most_per_s == pytest.approx(750)
    assert found.per_million_fixed == pytest.approx((3 * 0.1 + 3 * 1.0) * 1e6 / 360_000)
    assert found.per_million_scaled == pytest.approx((2 * 0.1 + 2 * 1.0) * 1e6 / 360_000)


def test_the_scarcer_of_the_two_says_how_much_is_done_at_the_most() -> None:
    found = plan(Load(peak_per_s=10, mean_per_s=10, audio_s=20), COSTS, PRICES, spare=0)
    assert (found.workers, found.tritons) == (1, 1)
    assert found.most_per_s == pytest.approx(50), "a Triton's 1000 s of audio; the worker could do 83"


@given(st.floats(0.1, 1e5), st.floats(0.1, 600), st.floats(0.1, 0.95))
def test_nobody_is_busier_than_was_asked_and_one_fewer_would_be(peak: float, audio: float, busy: float) -> None:
    found = plan(Load(peak, peak, audio), COSTS, PRICES, busy, spare=0)
    assert found.worker_busy <= busy * (1 + 1e-6)
    assert found.triton_busy <= busy * (1 + 1e-6)
    if found.workers > 1:
        assert found.worker_busy * found.workers / (found.workers - 1) > busy * (1 - 1e-6)


def test_this_release_s_costs_are_those_of_the_kept_benchmark() -> None:
    kept = of_benchmark(json.loads(BENCHMARK.read_text("utf-8")), measured().triton_speed)
    for audio in (1.0, 4.4, 20.0):
        assert measured().worker_ms(audio) == pytest.approx(kept.worker_ms(audio), rel=0.25)


def told(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["plan", "capacity", *arguments])
    return done.exit_code, done.output


def test_the_command_tells_it_as_json_with_the_costs_behind_it() -> None:
    code, output = told("--peak", "500", "--triton-speed", "20000", "--measured", str(BENCHMARK), "--json")
    found = json.loads(output)
    assert code == 0
    assert found["workers"] == 5
    assert found["partitions"] == 10
    assert found["costs"]["triton_speed"] == 20000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peak", "0"], "Invalid value for '--peak'"),
        (["--peak", "10", "--mean", "20"], "are more than --peak"),
        (["--peak", "10", "--measured", __file__], "is no JSON, and no result of make bench-worker"),
        (
            ["--peak", "10", "--measured", str(BENCHMARK.with_name("capacity.json"))],
            "is no result of make bench-worker",
        ),
        (["--peak", "inf"], "Invalid value for '--peak'"),
        (["--peak", "10", "--mean", "nan"], "Invalid value for '--mean': nan is no number"),
        (["--peak", "10", "--triton-hour", "nan"], "Invalid value for '--triton-hour': nan is no number"),
    ],
)
def test_a_wrong_load_is_told(arguments: list[str], message: str) -> None:
    code, output = told(*arguments)
    assert code == 2
    assert message in output
