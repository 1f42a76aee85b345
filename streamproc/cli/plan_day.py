"""``streamproc plan day``: a school's day under the scaler's rule, simulated."""

from __future__ import annotations

import json

import click

from streamproc.cli.numbers import Number
from streamproc.deployment.capacity import Load, Prices, measured, plan
from streamproc.deployment.day import Day, Rule, school_day, simulate
from streamproc.telemetry.objectives import objectives
from streamproc.terminal import example, safe

LATE = 1
"""The exit code where an activity would be older than the objective allows."""

PRICE = Number(0, 1e6)
audio_option = click.option("--audio", type=Number(0.1, 3600), default=4.4, show_default=True, help="Seconds of audio "
                            "in an activity.")  # fmt: skip
worker_hour_option = click.option("--worker-hour", type=PRICE, default=0.05, show_default=True, help="Price of a "
                                  "worker with one core for an hour.")  # fmt: skip


@click.command(epilog=example("plan day --peak 1500 --most 24", "plan day --peak 1500 --most 24 --start 90 --json"))
@click.option("--peak", required=True, type=Number(1, 1e6), help="Activities a second when the first lesson "
              "has begun.")  # fmt: skip
@audio_option
@click.option("--least", type=click.IntRange(1), default=2, show_default=True, help="Workers at night: the scaler's "
              "minReplicaCount.")  # fmt: skip
@click.option("--most", type=click.IntRange(1), default=12, show_default=True, help="Workers at the most: its "
              "maxReplicaCount.")  # fmt: skip
@click.option("--start", type=click.IntRange(0, 3600), default=40, show_default=True, help="Seconds until a worker "
              "that is wanted works.")  # fmt: skip
@worker_hour_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def day(
    peak: float, audio: float, least: int, most: int, start: int, worker_hour: float, as_json: bool
) -> None:  # fmt: skip
    """Try the scaler's rule on a school's day.

    It is compared with as many workers as the peak needs all day. Lessons from 8 to 15 h begin within two minutes each,
    the first one is the peak; at night comes a hundredth of it. The rule is that of
    terraform/kubernetes/base/scaling.yaml. Tritons are taken to keep up.

    Exit code 1: some activity would be older than the objective `outcome` allows; a larger --least or --most helps.
    """
    if least > most:
        raise click.UsageError(f"--least: {least} workers are more than --most, {most}")
    costs, prices = measured(), Prices(worker_hour, 0)
    needed = plan(Load(peak, peak, audio), costs, prices)
    per_s, enough = needed.worker_per_s, needed.workers
    (within,) = [one.within for one in objectives() if one.name == "outcome"]
    days = {
        "scaled": simulate(school_day(peak), per_s, Rule(least=least, most=most, start_s=start)),
        "fixed": simulate(school_day(peak), per_s, Rule(least=enough, most=enough)),
    }
    if as_json:
        told = {name: _told(one, worker_hour) for name, one in days.items()}
        click.echo(json.dumps({**told, "objective_s": within, "activities": days["fixed"].activities}))
    else:
        _show(days, enough, worker_hour, within)
    raise SystemExit(LATE if days["scaled"].oldest_s > within else 0)


def _told(one: Day, worker_hour: float) -> dict[str, float]:
    return {
        "oldest_s": round(one.oldest_s, 1),
        "most_workers": one.most_workers,
        "worker_hours": round(one.worker_hours, 1),
        "cost": round(one.worker_hours * worker_hour, 2),
    }


def _show(days: dict[str, Day], enough: int, worker_hour: float, within: float) -> None:
    click.echo(f"{days['fixed'].activities:,} activities; each should have its outcome within {within:g} s.")
    click.echo(f"{'':24}{'most workers':>14}{'oldest':>10}{'worker hours':>14}{'cost':>10}")
    for name, one in zip(("by the scaler's rule", f"{enough} workers all day"), days.values(), strict=True):
        told = _told(one, worker_hour)
        click.echo(
            safe(
                f"{name:<24}{told['most_workers']:>14}{told['oldest_s']:>8g} s{told['worker_hours']:>14,}"
                f"{told['cost']:>10,.2f}"
            )
        )
