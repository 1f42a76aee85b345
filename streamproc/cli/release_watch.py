"""``streamproc release watch``: takes a release back when an error budget burns too fast since it came."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import click

from streamproc.cli.numbers import Number
from streamproc.cli.release_repository import Repository
from streamproc.deployment.guard import BLIND_S, Guard, Verdict
from streamproc.deployment.promotion import IMAGES, ORDER
from streamproc.terminal import example, safe

_ANSWER_S = 5.0
_LARGEST = 8 * 1024 * 1024
"""Bytes of an answer; alerts are some kilobytes."""

ROLLED_BACK, BLIND = 3, 4
"""Exit codes."""


@click.command(
    epilog=example(
        "release watch worker --in prod --prometheus http://prometheus:9090 --push",
        "release watch worker --in dev --prometheus http://127.0.0.1:9090 --for 600 --json",
    )
)
@click.argument("image", type=click.Choice(IMAGES))
@click.option("--in", "overlay", required=True, type=click.Choice(ORDER), help="Where it was released to.")
@click.option("--prometheus", required=True, metavar="URL", help="Where the rules of deploy/prometheus are evaluated.")
@click.option("--for", "seconds", type=Number(0, 1e6), default=3600.0, show_default=True, help="Seconds to "
              "watch.")  # fmt: skip
@click.option("--every", type=Number(0.1, 3600), default=15.0, show_default=True, help="Seconds from one look "
              "to the next.")  # fmt: skip
@click.option("--push", is_flag=True, help="Push the commit that takes it back, so that Argo CD carries it out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.pass_obj
def watch(
    repository: Repository, image: str, overlay: str, prometheus: str, seconds: float, every: float, push: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Roll the newest release back if an error budget burns too fast.

    Start it right after the promotion. It looks at the alerts on error budgets that call a person (fast and medium
    burn); one that fires already when it starts is not held against the release until it has been over.

    Exit code 0: the time is over and the release stays; 3: it was rolled back; 4: Prometheus did not answer for five
    minutes, so that nobody can tell, and nothing was done.
    """
    url = prometheus.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{prometheus} is no http:// or https:// address", param_hint="--prometheus")
    watched = repository.digest(overlay, image)
    repository.before(image, overlay)  # what cannot be taken back is refused now rather than when it must be
    began = time.monotonic()
    guard = Guard(seconds, began)
    click.echo(safe(f"{image} {watched[:19]} in {overlay} is watched for {seconds:g} s"), err=True)
    verdict = _until_known(guard, FiringAlerts(url).firing, every)
    told: dict[str, Any] = {
        "image": image,
        "digest": watched,
        "in": overlay,
        "verdict": {"good": "stays", "bad": "rolled back", "blind": "unknown"}[verdict],
        "alerts": list(guard.blamed),
        "after_s": round(time.monotonic() - began, 1),
        "commit": None,
        "runs": watched,
    }
    if verdict == "bad":
        _roll_back(repository, told, push=push)
    _tell(told, as_json=as_json)
    raise SystemExit({"good": 0, "bad": ROLLED_BACK, "blind": BLIND}[verdict])


def _roll_back(repository: Repository, told: dict[str, Any], *, push: bool) -> None:
    if push:
        repository.git("pull", "--quiet", "--ff-only")
    image, overlay = told["image"], told["in"]
    if repository.digest(overlay, image) != told["digest"]:
        raise click.ClickException(
            f"{', '.join(told['alerts'])}: but {overlay} runs another {image} by now; nothing was rolled back"
        )
    back = repository.before(image, overlay)
    told["commit"] = repository.promote(back, f"{', '.join(told['alerts'])} began to fire after the release.")
    told["runs"] = back.digest
    if push:
        repository.git("push", "--quiet")


def _until_known(guard: Guard, firing: Callable[[], set[str] | None], every: float) -> Verdict:
    while (verdict := guard.look(time.monotonic(), firing())) == "watch":
        time.sleep(every)
    return verdict


class FiringAlerts:
    """Those of a Prometheus; what keeps it from telling them is said once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._said = ""

    def firing(self) -> set[str] | None:
        """The names of the alerts that fire; None: no answer that can be read."""
        try:
            address = f"{self._url}/api/v1/alerts"
            with urllib.request.urlopen(address, timeout=_ANSWER_S) as answer:  # noqa: S310 - looked at above
                found = json.loads(answer.read(_LARGEST))
            firing = {one["labels"]["alertname"] for one in found["data"]["alerts"] if one["state"] == "firing"}
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            self._say(f"{self._url} does not tell its alerts: {getattr(error, 'reason', error)}")
            return None
        self._said = ""
        return firing

    def _say(self, text: str) -> None:
        if text != self._said:
            click.echo(safe(text), err=True)
        self._said = text


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told))
        return
    match told["verdict"]:
        case "rolled back":
            again = f"{told['in']} runs {told['image']} {told['runs']} again"
            text = f"{', '.join(told['alerts'])}: {again}, commit {told['commit'][:9]}"
        case "stays":
            text = f"No error budget burnt too fast within {told['after_s']:g} s: the release stays"
        case _:
            text = f"Prometheus did not answer for {BLIND_S:g} s: whether the release is good is not known"
    click.echo(safe(text))
