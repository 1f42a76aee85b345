"""``streamproc progress``: how a learner gets on; and that it is forgotten."""

from __future__ import annotations

import json
import sys

import click
from rich.table import Table

from streamproc import settings as settings_module
from streamproc import terminal
from streamproc.client.progress import forget_progress, read_progress
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.progress_json import to_json
from streamproc.terminal import counted, example, safe


@click.command(
    epilog=example(
        "progress learner-4711 --tenant district-12",
        "progress learner-4711 --tenant district-12 --forget",
    )
)
@click.argument("learner")
@click.option("--tenant", required=True, help="Whose learner: an identifier is one learner's within a tenant alone.")
@click.option("--worker", "url", help="Any worker's pages. [default: http:// and STREAMPROC_WEB__HOST:PORT]")
@click.option("--forget", is_flag=True, help="Delete what is kept of the learner, for good; it is asked first.")
@click.option("--yes", is_flag=True, help="With --forget: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(learner: str, tenant: str, url: str | None, forget: bool, yes: bool, as_json: bool) -> None:
    """Show how LEARNER gets on: the last readings, trends, words to practise, streak.

    A worker is asked, with the token STREAMPROC_PROGRESS__TOKEN; it logs that. What is shown is a child's: mind who
    looks on. Exit code 1: there is no progress of such a learner, or no worker can tell now.

    --forget deletes what workers keep, and is done when it says so. What was published of the learner stays in its
    topics for their time: 30 days for results and progress, a week for recordings, a year for corrections.
    """
    if yes and not forget:
        raise click.UsageError("--yes goes with --forget.")
    if forget and not yes:
        if as_json or not sys.stdin.isatty():
            raise click.UsageError("--forget deletes for good: add --yes.")
        click.confirm("Delete what is kept of this learner, for good?", abort=True, err=True)
    tree = settings_module.load()
    token = tree.progress.token.get_secret_value()
    if not token:
        raise click.UsageError("STREAMPROC_PROGRESS__TOKEN is not set: it must be the workers'.")
    url = url or f"http://{tree.web.address}"
    found: Progress | bool | None
    try:
        if forget:
            found = forget_progress(url, token, tenant_id=tenant, learner_id=learner)
        else:
            found = read_progress(url, token, tenant_id=tenant, learner_id=learner)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if not found:
        raise click.ClickException("there is no progress of such a learner in this tenant")
    if found is True:
        click.echo(json.dumps({"forgotten": True}) if as_json else "it is forgotten")
        return
    if as_json:
        click.echo(json.dumps(to_json(found)))
        return
    _show(found)


def _show(progress: Progress) -> None:
    table = Table(title=f"{counted(len(progress.readings), 'reading')}, revision {progress.revision}")
    for name in ("began", "words", "accuracy", "WCPM", "corrected"):
        table.add_column(name, justify="left" if name == "began" else "right")
    for one in progress.readings:
        table.add_row(
            f"{one.read_at:%Y-%m-%d %H:%M}",
            str(one.words_judged),
            _percent(one.accuracy),
            _number(one.words_correct_per_minute),
            str(one.corrected_words or ""),
        )
    table.add_section()
    table.add_row("all", "", _percent(progress.accuracy), _number(progress.words_correct_per_minute), "")
    table.add_row(
        "from one to the next",
        "",
        _change(progress.accuracy_trend, 100, " %"),
        _change(progress.words_correct_per_minute_trend, 1, ""),
        "",
    )
    terminal.console().print(table)
    words = ", ".join(f"{safe(word.text)} ({word.readings_missed})" for word in progress.words_to_practise)
    click.echo(f"to practise: {words or 'nothing'}")
    click.echo(f"streak: {counted(progress.streak_days, 'day')} up to {progress.streak_last_day}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _change(value: float | None, factor: float, unit: str) -> str:
    return "" if value is None else f"{factor * value:+.1f}{unit}"
