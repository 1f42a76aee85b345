"""``streamproc health``: whether the worker on this machine lives, for those who have no curl beside it."""

from __future__ import annotations

import http.client
import json

import click

from streamproc import settings
from streamproc.terminal import example, safe

TIMEOUT_S = 4.0


@click.command(epilog=example("health", "health --ready"))
@click.option("--ready", is_flag=True, help="Ask whether it begins new activities, instead of whether it lives.")
@click.option("--json", "as_json", is_flag=True, help="Print what the worker answers, one JSON object.")
def command(ready: bool, as_json: bool) -> None:
    """Ask the worker at STREAMPROC_WEB__PORT of this machine; exit code 1 when it does not, or does not answer.

    It is what a container's health check runs: no shell and no other program is needed for it.
    """
    web = settings.load().web
    # A worker that listens everywhere does so here too.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104 - compared, not bound
    path = "/health/ready" if ready else "/health/live"
    connection = http.client.HTTPConnection(host, web.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise click.ClickException(f"no worker answers on {web.address}: {error}") from None
    finally:
        connection.close()
    click.echo(json.dumps(said) if as_json else safe(str(said.get("status", said))))
    if answer.status != 200:
        raise click.exceptions.Exit(1)
