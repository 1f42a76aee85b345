"""``streamproc synthetic``: are readings scored? An activity of our own tells, each minute."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import time

import click

from streamproc import settings as settings_module
from streamproc.terminal import example


@click.command(epilog=example("synthetic", "synthetic --once --json"))
@click.option("--once", is_flag=True, help="One alone: exit code 0 if it has become a result, else 1.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object an activity and nothing else.")
def command(once: bool, as_json: bool) -> None:
    """Publish a synthetic activity every STREAMPROC_SYNTHETIC__INTERVAL seconds, and tell what became of it.

    It is a short sentence that a synthesiser has read, of the tenant streamproc-synthetic: subscribers and figures of
    readers leave it out, the objectives count it. Run it once in each environment, beside the workers; its user needs
    what a publisher needs, and may read results and dead letters. What fails is told, and the next one is tried.
    """
    from streamproc.client import ActivityPublisher, OutcomeFollower
    from streamproc.client.operating import connection_of
    from streamproc.client.synthetic import SOURCE, Probe, probe
    from streamproc.errors import StreamprocError

    tree = settings_module.load()
    kafka, interval = tree.kafka, tree.synthetic.interval
    connection = connection_of(tree)
    follower = OutcomeFollower(connection, result_topic=kafka.result_topic, dead_letter_topic=kafka.dead_letter_topic)
    publisher = ActivityPublisher(connection, source=SOURCE, topic=kafka.activity_topic)
    with follower, publisher:
        for number in itertools.count(int(time.time())):
            began = time.monotonic()
            try:
                found = probe(publisher, follower, number, tree.synthetic.timeout)
            except StreamprocError as error:
                if once:
                    raise
                found = Probe("none", time.monotonic() - began, -1, -1, error.code.name)
            _tell(dataclasses.asdict(found), as_json)
            if once:
                sys.exit(0 if found.outcome == "result" else 1)
            time.sleep(max(0.0, interval - (time.monotonic() - began)))


_SAID = {
    "result": ("green", "a result"),
    "dead_letter": ("red", "a dead letter"),
    "none": ("red", "no outcome"),
}


def _tell(found: dict[str, object], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    colour, said = _SAID[str(found["outcome"])]
    place = f"{found['partition']}:{found['offset']}"
    code = f" {found['code']}" if found["code"] else ""
    click.echo(f"{click.style(said, fg=colour)}{code} in {found['seconds']:.2f} s, activity {place}")
