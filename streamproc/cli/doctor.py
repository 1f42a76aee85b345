"""``streamproc doctor``: will a worker work here, and if not, what is to be done?"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys

import click

from streamproc.terminal import example, indented, safe

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(epilog=example("doctor", "doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(as_json: bool) -> None:
    """Look at all that a worker needs: each is ok, warn or fail, with what to do.

    Settings, versions, names, TLS, the clock, Kafka, its topics and permissions (ACLs), the registry, its schemas, and
    the model. Nothing is changed, and no secret is shown. Exit code 0 unless something fails, then 1.

    In JSON: {"ok": true or false, "checks": [{"name", "state", "detail", "remedy"}]}.
    """
    # gRPC's core would write of each failed handshake to standard error; all it knows is in what is shown.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    from streamproc.cli.diagnosis import Check, diagnose
    from streamproc.telemetry.logs import leave_retries_to_us, without_a_log

    leave_retries_to_us()

    async def look() -> list[Check]:
        checks = []
        async for check in diagnose():
            if not as_json:
                _show(check.name, check.state, check.detail, check.remedy)
            checks.append(check)
        return checks

    # What a worker would log of it, the checks say.
    with without_a_log():
        found = asyncio.run(look())
    well = all(check.state != "fail" for check in found)
    if as_json:
        click.echo(json.dumps({"ok": well, "checks": [dataclasses.asdict(check) for check in found]}))
    sys.exit(0 if well else 1)


def _show(name: str, state: str, detail: str, remedy: str) -> None:
    lines = [safe(line) for line in detail.splitlines()]
    click.echo(f"{click.style(f'{state:<4}', fg=_COLOURS[state])}  {name:<9} {lines[0]}")
    for line in lines[1:]:
        click.echo(f"                {line}")
    for line in indented(safe(f"→ {remedy}") if remedy else ""):
        click.echo(f"            {line}")
