"""The limit on the work in flight, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import pytest
from support.gradient2 import Gradient2
from support.simulated_load import Fixed, Load

from streamproc.inference.limiter import Ended, Limiter

HALF_AN_HOUR = 1800.0
SERVICE = 0.1
SEEDS = range(3)


def limiter(start: float = 8.0, least: float = 1.0, most: float = 10_000.0) -> Callable[[Callable[[], float]], Limiter]:
    return lambda clock: Limiter(clock, least=least, most=most, start=start)


def steady(sizes: list[float]) -> float:
    return SERVICE


def jittered(seed: int) -> Callable[[list[float]], float]:
    rng = random.Random(seed)
    return lambda sizes: SERVICE * rng.lognormvariate(-0.08, 0.4)


def of_the_size(sizes: list[float]) -> float:
    return 0.002 + 0.01 * sum(sizes)


def of_the_batch(sizes: list[float]) -> float:
    return 0.008 + 0.001 * len(sizes)


def lognormal(rng: random.Random) -> float:
    """Seconds of a batch: mostly 2 to 10, now and then a minute."""
    return min(60.0, rng.lognormvariate(1.3, 1.0))


def best_fixed(limits: list[float], make: Callable[[Callable[[Callable[[], float]], Fixed]], Load]) -> float:
    return max(make(lambda clock, limit=limit: Fixed(limit)).run(120).rate_between(20, 120) for limit in limits)  # type: ignore[misc]


@cache
def best_of_two_servers() -> float:
    return best_fixed([2, 3, 4, 8, 200], lambda fixed: Load(steady, [fixed], instances=2))


@pytest.mark.parametrize("start", [1.0, 8.0, 200.0])
@pytest.mark.parametrize("tells", [True, False], ids=["told", "probed"])
def test_half_an_hour_of_backlog_keeps_the_servers_busy_and_their_queue_short(tells: bool, start: float) -> None:
    load = Load(steady, [limiter(start)], instances=2, tells=tells).run(HALF_AN_HOUR)
    assert load.rate_between(60, HALF_AN_HOUR) >= 0.95 * best_of_two_servers()
    assert load.queueing(60, HALF_AN_HOUR) <= SERVICE + 1e-9


def test_gradient2_drifts_in_the_same_half_hour() -> None:
    load = Load(steady, [Gradient2], instances=2).run(HALF_AN_HOUR)
    minute, end = (load.limits[second][1][0] for second in (59, -1))
    assert 35 < minute < 45
    assert end == 200
    assert load.queueing(60, HALF_AN_HOUR) > 9


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tells", [True, False], ids=["told", "probed"])
def test_service_times_may_scatter(tells: bool, seed: int) -> None:
    load = Load(jittered(seed), [limiter()], instances=2, tells=tells, seed=seed).run(HALF_AN_HOUR)
    served = sorted(request.computed for request in load.done)
    assert load.rate_between(60, HALF_AN_HOUR) >= 0.95 * 20
    assert load.queueing(60, HALF_AN_HOUR) <= served[int(0.99 * len(served))]


@pytest.mark.parametrize("tells", [True, False], ids=["told", "probed"])
def test_capacity_may_be_halved_and_doubled(tells: bool) -> None:
    load = Load(steady, [limiter()], instances=4, tells=tells).run(100)
    load.server.resize(2)
    load.run(200)
    load.server.resize(4)
    load.run(300)
    for changed, capacity in ((100, 20), (200, 40)):
        # A second at a time: a probe of one that does not tell takes part of one.
        settled = [load.rate_between(second, second + 5) for second in range(changed + 10, changed + 90, 5)]
        assert min(settled) >= (0.95 if tells else 0.85) * capacity
        assert load.queueing(changed + 10, changed + 100) <= SERVICE * (1 if tells else 2) + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("instances", [1, 2, 8])
@pytest.mark.parametrize("tells", [True, False], ids=["told", "probed"])
def test_batches_may_differ_in_length(tells: bool, instances: int, seed: int) -> None:
    def make(limits: Callable[[Callable[[], float]], Fixed | Limiter], tells: bool = True) -> Load:
        rng = random.Random(seed)
        size = lambda: lognormal(rng)  # noqa: E731
        return Load(of_the_size, [limits], instances=instances, size=size, tells=tells, seed=seed)

    load = make(limiter(start=20), tells).run(300)
    assert load.rate_between(30, 300) >= 0.95 * best_fixed([400, 800], make)
    assert load.queueing(30, 300) <= of_the_size([60.0])


@pytest.mark.parametrize("away", [0.0, 0.001])
def test_a_server_that_forms_batches_is_filled(away: float) -> None:
    load = Load(of_the_batch, [limiter()], most=32, away=away).run(240)
    best = best_fixed([32, 48, 64, 96], lambda fixed: Load(of_the_batch, [fixed], most=32, away=away))
    assert load.rate_between(60, 240) >= 0.95 * best
    assert load.queueing(60, 240) <= of_the_batch([1.0] * 32) + 1e-9


def test_a_server_for_which_batches_are_of_no_use_is_not_kept_waiting() -> None:
    load = Load(lambda sizes: 0.004 * len(sizes), [limiter()], most=32, away=0.001).run(300)
    assert load.rate_between(60, 300) >= 0.95 * 250
    assert load.limits[-1][1][0] < load.limits[15][1][0]


@pytest.mark.parametrize("heavy", [True, False])
def test_a_quick_server_that_holds_requests_for_its_batches_is_not_starved(heavy: bool) -> None:
    """Queueing of 2 ms where computing takes 1 ms, as Triton's max_queue_delay has it on an idle GPU."""
    now = 0.0
    tried = Limiter(lambda: now, least=1.0, most=100.0, start=10.0)
    for _ in range(100):
        now += 1.0
        while tried.in_flight < 5 or (heavy and tried.admits(1.0)):
            tried.began(1.0)
        tried.served(0.002, 0.001)
        while tried.in_flight:
            tried.ended(1.0, 0.003, Ended.ANSWERED)
    assert tried.limit > 10 if heavy else tried.limit == 10


def test_a_step_is_judged_by_requests_that_came_after_it() -> None:
    """Requests of 4 s answer for a limit that was another four seconds ago, and the server tells each second."""
    load = Load(lambda sizes: 4.0, [limiter()], instances=8).run(200)
    load.server.resize(4)
    load.run(400)
    # One cut too much, and a server runs dry.
    assert min(limits[0] for second, limits in load.limits if second > 210) >= 4
    assert load.rate_between(220, 400) >= 0.95


def test_a_full_queue_shrinks_the_limit_and_hardly_ever_is_met_again() -> None:
    load = Load(steady, [limiter(start=64)], instances=2, queue=4).run(300)
    assert load.rate_between(30, 300) >= 0.95 * 20
    assert load.refused
    assert max(load.refused) < 10


def test_one_round_of_refusals_is_one_cut() -> None:
    now = 0.0
    tried = Limiter(lambda: now, least=1.0, most=100.0, start=100.0)
    for _ in range(40):
        tried.began(1.0)
    for _ in range(40):
        tried.ended(1.0, 0.001, Ended.BUSY)
    assert tried.limit == pytest.approx(70)


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_workers_share_a_server(workers: int) -> None:
    # The first has had it alone, and each later one comes with next to nothing.
    starts = [64.0, *[1.0] * (workers - 1)]
    load = Load(steady, [limiter(start) for start in starts], instances=16).run(600)
    assert load.rate_between(60, 600) >= 0.95 * 160
    assert load.queueing(60, 600) <= SERVICE * 1.1
    served = [0.0] * workers
    for request in load.between(300, 600):
        served[request.worker] += request.seconds
    assert min(served) >= 0.5 * max(served)


def test_more_workers_than_a_server_has_room_for_starve_none() -> None:
    load = Load(steady, [limiter()] * 8, instances=2).run(300)
    served = [0] * 8
    for request in load.between(60, 300):
        served[request.worker] += 1
    assert min(served) >= 0.8 * max(served)
    # One each: less there cannot be.
    assert load.queueing(60, 300) <= 3 * SERVICE + 1e-9


@pytest.mark.parametrize("tells", [True, False], ids=["told", "probed"])
@pytest.mark.parametrize("rate", [0.1, 4.0])
def test_light_load_leaves_the_limit_alone(rate: float, tells: bool) -> None:
    load = Load(jittered(1), [limiter()], instances=2, rate=rate, tells=tells).run(HALF_AN_HOUR)
    assert min(limits[0] for _, limits in load.limits) >= 4
    assert max(limits[0] for _, limits in load.limits) <= 8


def test_what_is_light_becomes_heavy_at_once() -> None:
    load = Load(steady, [limiter()], instances=4, rate=2.0).run(600)
    load.workers[0].rush()
    load.run(660)
    assert load.rate_between(610, 660) >= 0.95 * 40


@pytest.mark.parametrize("told", [True, False], ids=["after a pause", "at the start"])
def test_who_has_had_nothing_to_tell_is_not_probed(told: bool) -> None:
    now = 0.0
    tried = Limiter(lambda: now, least=1.0, most=100.0, start=50.0)
    if told:
        tried.began(1.0)
        tried.ended(1.0, 0.1, Ended.ANSWERED)
        tried.served(0.0, 0.1)
    now = 3600.0
    for _ in range(20):
        assert tried.admits(1.0)
        tried.began(1.0)


def test_answers_before_the_first_probe_are_compared_with_nothing() -> None:
    now = 0.0
    tried = Limiter(lambda: now, least=1.0, most=100.0, start=50.0)
    for _ in range(50):
        tried.began(1.0)
    for second in range(50):
        now = float(second)
        tried.ended(1.0, 1.0, Ended.ANSWERED)
    assert tried.limit == 50.0


def test_failures_say_nothing() -> None:
    tried = Limiter(lambda: 0.0, least=1.0, most=100.0, start=50.0)
    for _ in range(100):
        tried.began(2.0)
        tried.ended(2.0, 30.0, Ended.FAILED)
    assert (tried.limit, tried.in_flight) == (50.0, 0.0)


def test_one_request_is_let_in_whatever_its_length_and_more_up_to_the_bounds() -> None:
    tried = Limiter(lambda: 0.0, least=1.0, most=30.0, start=10.0)
    tried.served(0.0, 0.1)
    assert tried.admits(100.0)
    tried.began(100.0)
    assert not tried.admits(0.1)
    tried.ended(100.0, 1.0, Ended.ANSWERED)
    tried.began(9.0)
    assert tried.admits(21.0)
    assert not tried.admits(21.1)
    tried.began(21.0)
    assert not tried.admits(0.1)


@pytest.mark.parametrize(("least", "most"), [(0.0, 10.0), (-1.0, 10.0), (2.0, 1.0)])
def test_bounds_are_bounds(least: float, most: float) -> None:
    with pytest.raises(ValueError, match="bounds"):
        Limiter(lambda: 0.0, least=least, most=most, start=1.0)
