"""``streamproc demo``: the whole system at work on readings whose mistakes are known."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamproc import terminal
from streamproc.cli.failing import Failed
from streamproc.cli.local import DEFAULT_FOLDER, folder_option

if TYPE_CHECKING:
    from streamproc.demo.run import Run


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=terminal.example("demo", "demo --keep", "demo --json"),
)
@folder_option
@click.option("--keep", is_flag=True, help="Leave the stack and the worker up, and say how to publish and follow.")
@click.option(
    "--speech",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Recordings of people, read too: a folder as `streamproc models evaluate` takes it, at most 120 of them.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line; the rest goes to stderr."
)
def command(folder: Path, keep: bool, speech: Path | None, as_json: bool) -> None:
    """Publish known readings, wait for their results and show them.

    Brings up a Kafka, a schema registry and a Triton (or uses those that are up, or that the environment names),
    registers the schemas, creates the topics, starts a worker, publishes 30 readings spoken by espeak-ng, and shows
    what was scored. Words were mispronounced, left out and put in on purpose; two recordings are damaged; every tenth
    activity comes twice. Everything is taken down again, unless it was up before.

    Exit code 0 when every activity got exactly its outcome, at least 80 % of the seeded mistakes were found and at
    most 2 % of the well-read words were flagged; else 1; 2 for wrong settings.

    In the JSON object, seconds runs from the first activity's to the last outcome's Kafka timestamp, and p50_ms and
    p95_ms are percentiles of the time from an activity's to its result's. With --speech it has people too: how many
    words that experts found perfect were flagged, and how many bad ones were found. They decide nothing.
    """
    # Imported here: --help must not wait for numpy.
    from confluent_kafka import KafkaException

    from streamproc.demo import judging, report
    from streamproc.demo.people import people_figures, people_report
    from streamproc.demo.progress import Display
    from streamproc.demo.run import run
    from streamproc.localstack.errors import StackError
    from streamproc.localstack.private import UMASK
    from streamproc.scoring.espeak import EspeakError
    from streamproc.training.people.clips import FolderError

    os.umask(UMASK)
    errors = terminal.console(sys.stderr)
    output = errors if as_json else terminal.console()
    try:
        shown = run(folder, Display(errors), keep=keep, speech=speech)
    except (StackError, EspeakError, FolderError, KafkaException, TimeoutError) as failure:
        raise Failed("demo", failure) from None
    if shown.people:
        output.print(people_report(shown.people))
        output.print()
    report.show(shown.rows, shown.problems, output)
    if shown.left_up:
        output.print(_left_up(shown, folder), highlight=False, markup=False, soft_wrap=True)
    if as_json:
        people = {"people": dataclasses.asdict(people_figures(shown.people))} if shown.people else {}
        click.echo(json.dumps({**dataclasses.asdict(judging.figures(shown.rows)), **people}))
    sys.exit(1 if shown.problems else 0)


def _left_up(shown: Run, folder: Path) -> str:
    """What still runs, and what to do with it."""
    option = "" if folder == DEFAULT_FOLDER else f" --folder {folder}"
    activate = [f"  . {sys.prefix}/bin/activate"] if sys.prefix != sys.base_prefix else []
    worker = {"metrics:": f"curl {shown.worker.address}/metrics", "log:": str(shown.worker.log)} if shown.worker else {}
    steps = {
        "publish:": "python docs/examples/publish_activities.py",
        "follow:": "python docs/examples/read_results.py",
        **worker,
        "these readings again:": f"streamproc demo{option}",
        "take it down:": f"streamproc local down{option}",
    }
    page = [f"Look on: {shown.worker.page}", ""] if shown.worker else []
    return "\n".join(
        [
            *page,
            "The stack is left up" + (", and a worker too." if shown.worker else "."),
            "In a shell of your own, first:",
            *activate,
            *(f"  export {name}={value}" for name, value in shown.environment.items()),
            "then",
            *(f"  {what:<22}{how}" for what, how in steps.items()),
        ]
    )
