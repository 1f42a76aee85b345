"""``streamproc plan``: what a load needs, and how a day goes with it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from streamproc.cli.numbers import Number
from streamproc.cli.plan_day import PRICE, audio_option, day, worker_hour_option
from streamproc.deployment.capacity import Capacity, Costs, Load, Prices, measured, of_benchmark, plan
from streamproc.terminal import example, safe

PER_SECOND = Number(0, 1e6, min_open=True)


@click.group()
def command() -> None:
    """Plan a deployment from measured costs."""


command.add_command(day)


@command.command(
    epilog=example(
        "plan capacity --peak 200", "plan capacity --peak 200 --mean 40 --audio 6 --triton-speed 20000 --json"
    )
)
@click.option("--peak", required=True, type=PER_SECOND, help="Activities a second at the busiest time.")
@click.option("--mean", type=PER_SECOND, help="Activities a second on average.  [default: a quarter of the peak]")
@audio_option
@click.option("--triton-speed", type=Number(1, 1e7), help="Seconds of audio that one Triton infers in a second: "
              "measure yours.  [default: that of two CPU cores]")  # fmt: skip
@click.option("--busy", type=Number(0.1, 0.95), default=0.7, show_default=True, help="Share of the time in "
              "which a worker or Triton may be at work at the peak.")  # fmt: skip
@click.option("--spare", type=click.IntRange(min=0), default=1, show_default=True, help="Workers, and Tritons, that "
              "may be lost at the peak.")  # fmt: skip
@worker_hour_option
@click.option("--triton-hour", type=PRICE, default=1.0, show_default=True, help="Price of a Triton "
              "with its GPU for an hour.")  # fmt: skip
@click.option("--measured", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What `make "
              "bench-worker` saved on your machine.  [default: this release's figures]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def capacity(
    peak: float,
    mean: float | None,
    audio: float,
    triton_speed: float | None,
    busy: float,
    spare: int,
    worker_hour: float,
    triton_hour: float,
    file: Path | None,
    as_json: bool,
) -> None:
    """Tell workers, partitions, Tritons and cost for a load.

    The figures behind it are milliseconds of processor time that an activity costs a worker, and the speed of a Triton;
    they come from benchmarks, which --measured and --triton-speed replace by yours.
    """
    mean = peak / 4 if mean is None else mean
    if mean > peak:
        raise click.UsageError(f"--mean: {mean:g} activities a second on average are more than --peak, {peak:g}")
    costs = _costs(file, triton_speed)
    found = plan(Load(peak, mean, audio), costs, Prices(worker_hour, triton_hour), busy, spare)
    if as_json:
        told = {name: round(value, 3) for name, value in dataclasses.asdict(found).items()}
        click.echo(json.dumps({**told, "costs": dataclasses.asdict(costs)}))
    else:
        _show(found, costs, audio)


def _costs(file: Path | None, triton_speed: float | None) -> Costs:
    costs = measured()
    if triton_speed is not None:
        costs = dataclasses.replace(costs, triton_speed=triton_speed, triton_on="")
    if file is None:
        return costs
    try:
        return of_benchmark(json.loads(file.read_text("utf-8")), costs.triton_speed, costs.triton_on)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise click.UsageError(f"--measured: {file} is no JSON, and no result of make bench-worker") from None
    except ValueError as error:
        raise click.UsageError(f"--measured: {file} {error}") from None


def _show(found: Capacity, costs: Costs, audio: float) -> None:
    rows = [
        ("workers", str(found.workers), f"{found.worker_busy:.0%} busy; each does {found.worker_per_s:,.0f} a second"),
        ("Tritons", str(found.tritons), f"{found.triton_busy:.0%} busy; {costs.triton_speed:,.0f} s of audio a second"),
        ("partitions", str(found.partitions), "for twice as many workers"),
        ("most a second", f"{found.most_per_s:,.0f}", "activities, with nothing in reserve"),
        ("a million cost", f"{found.per_million_fixed:,.2f}", "with all of these all the time"),
        ("", f"{found.per_million_scaled:,.2f}", "with as many as the mean load needs"),
    ]
    for name, value, why in rows:
        click.echo(safe(f"{name:<15}{value:>10}  {why}"))
    click.echo(safe(f"An activity with {audio:g} s of audio costs a worker {costs.worker_ms(audio):.1f} ms of a core."))
    if costs.triton_on:
        click.echo(safe(f"The Triton's speed is that of {costs.triton_on}; give yours by --triton-speed."))
