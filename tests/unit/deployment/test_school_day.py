"""A school's day under the scaler's rule, simulated: nothing waits for longer than the objective allows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from streamproc.cli import cli
from streamproc.cli.plan_day import LATE
from streamproc.deployment.capacity import measured
from streamproc.deployment.day import Rule, school_day, simulate
from streamproc.telemetry.catalogue import exposed
from streamproc.telemetry.objectives import objectives

TERRAFORM = Path(__file__).parents[3] / "terraform"
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
    worker = (TERRAFORM / "kubernetes/base/scaling.yaml").read_text("utf-8").partition("---")[0]
    rule = Rule(least=2, most=12)
    assert f'threshold: "{rule.backlog_per_worker}"' in worker
    assert f'threshold: "{rule.oldest_s:g}"' in worker
    assert f"pollingInterval: {rule.look_s}" in worker
    assert f"{{type: Percent, value: 100, periodSeconds: {rule.grow_s}}}" in worker
    assert f"stabilizationWindowSeconds: {rule.quiet_s}" in worker
    assert f"{{type: Pods, value: 1, periodSeconds: {rule.shrink_s}}}" in worker


def test_on_aws_it_is_the_same_backlog_age_and_audio() -> None:
    kubernetes = (TERRAFORM / "kubernetes/base/scaling.yaml").read_text("utf-8")
    aws = TERRAFORM / "modules/aws"
    variables, policy = ((aws / name).read_text("utf-8") for name in ("variables.tf", "scaling.tf"))
    for name, of, metric in (
        ("backlog_per_worker", "sum", "streamproc_transport_unfinished"),
        ("oldest_age", "max", "streamproc_transport_oldest_age"),
        ("waiting_per_server", "sum", "streamproc_inference_waiting"),
    ):
        (each,) = re.findall(rf"{name} +\= optional\(number, (\d+)\)", variables)
        assert re.search(rf'query: {of}\({exposed(metric)}{{.*}}\)\n +threshold: "{each}"', kubernetes)
        shared = "true" if of == "sum" else "false"
        assert re.search(rf'metric = "{metric}", target = var\.\w+\.{name}, each = {shared} ', policy)


def told(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["plan", "day", *arguments])
    return done.exit_code, done.output


def test_the_command_compares_a_day_with_workers_for_the_peak() -> None:
    code, output = told("--peak", "1500", "--least", "3", "--most", "24", "--worker-hour", "2", "--json")
    found = json.loads(output)
    assert code == 0
    assert found["scaled"]["oldest_s"] < found["objective_s"] == WITHIN
    assert found["scaled"]["cost"] == pytest.approx(2 * found["scaled"]["worker_hours"], abs=0.2)
    assert found["fixed"]["worker_hours"] == 24 * found["fixed"]["most_workers"]


def test_the_command_fails_where_too_few_workers_may_come() -> None:
    code, output = told("--peak", "1500", "--most", "4")
    assert code == LATE
    assert "by the scaler's rule" in output


def test_how_to_scale_says_what_the_command_says() -> None:
    text = (TERRAFORM.parent / "docs/how-to/scale.md").read_text("utf-8")
    (arguments,) = re.findall(r"^\$ streamproc plan day (.*)$", text, re.MULTILINE)
    assert told(*arguments.split())[1] in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peak", "0"], "Invalid value for '--peak'"),
        (["--peak", "10", "--least", "5", "--most", "4"], "--least: 5 workers are more than --most, 4"),
    ],
)
def test_a_wrong_day_is_told(arguments: list[str], message: str) -> None:
    code, output = told(*arguments)
    assert code == 2
    assert message in output
