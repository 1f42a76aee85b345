"""A school's day under the scaler's rule, simulated: nothing waits for longer than the objective allows."""

from __future__ import annotations

from pathlib import Path

from support.school_day import Rule, school_day, simulate

from streamproc.deployment.capacity import measured
from streamproc.telemetry.objectives import objectives

PEAK = 1500.0
"""Activities a second: a large school district's first lesson."""
WORKER = 1000 / measured().worker_ms(4.4)
(WITHIN,) = [one.within for one in objectives() if one.name == "outcome"]
FIXED = 10
"""Workers that are enough for the peak, at 70 %."""


def test_the_rule_keeps_the_backlog_within_the_objective_and_costs_less_than_workers_for_the_peak() -> None:
    scaled = simulate(school_day(PEAK), WORKER, Rule(least=3, most=24))
    fixed = simulate(school_day(PEAK), WORKER, Rule(least=FIXED, most=FIXED))
    assert scaled.activities == fixed.activities
    assert fixed.oldest_s <= 1
    assert scaled.oldest_s < WITHIN
    assert scaled.worker_hours < 0.6 * fixed.worker_hours


def test_too_few_workers_miss_the_objective() -> None:
    few = simulate(school_day(PEAK), WORKER, Rule(least=4, most=4))
    assert few.oldest_s > WITHIN


def test_a_rule_that_may_not_grow_misses_it_too() -> None:
    assert simulate(school_day(PEAK), WORKER, Rule(least=3, most=4)).oldest_s > WITHIN


def test_the_scaler_s_file_has_this_rule() -> None:
    text = (Path(__file__).parents[3] / "terraform/kubernetes/base/scaling.yaml").read_text("utf-8")
    worker = text.partition("---")[0]
    rule = Rule(least=2, most=12)
    assert f'threshold: "{rule.backlog_per_worker}"' in worker
    assert f'threshold: "{rule.oldest_s:g}"' in worker
    assert f"pollingInterval: {rule.look_s}" in worker
    assert f"{{type: Percent, value: 100, periodSeconds: {rule.grow_s}}}" in worker
    assert f"stabilizationWindowSeconds: {rule.quiet_s}" in worker
    assert f"{{type: Pods, value: 1, periodSeconds: {rule.shrink_s}}}" in worker
