"""``streamproc replay``: past activities are read and scored again."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamproc import settings, terminal
from streamproc.agents.backfill import Backfill
from streamproc.cli.letters import Time
from streamproc.cli.registries import with_registry
from streamproc.cli.schemas import register_versions
from streamproc.cli.worker import run
from streamproc.contracts import files
from streamproc.contracts.majors import MAJORS
from streamproc.deadletter.times import iso_of
from streamproc.errors import StreamprocError
from streamproc.kafka import topics
from streamproc.kafka.history import History, begin, history, is_begun, left
from streamproc.settings import KafkaSettings, LogSettings, Settings
from streamproc.telemetry.logs import leave_retries_to_us
from streamproc.terminal import example, safe

_LOOK_S = 2.0
"""Seconds between two looks at what is left."""

_TELL_S = 10.0
"""Seconds between two lines, where there is no terminal for a bar."""

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,80}")

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,200}")
"""Kafka takes 249, and the topics beside it have longer names."""


@click.command(
    epilog=example(
        "replay model-3 --from 2026-09-01 --to 2026-10-01 --results reading.result.model-3",
        "replay model-3 --from 30d --to 2026-10-01 --into-live --rate 20",
    )
)
@click.argument("name")
@click.option(
    "--from",
    "since",
    type=Time(),
    required=True,
    help="Activities from this time on: ISO 8601, or 30s, 15m, 2h, 7d ago.",
)
@click.option("--to", "until", type=Time(), help="Activities before this time. [default: now]")
@click.option("--results", help="The topic for the results; it is made. Dead letters go to one beside it, RESULTS.dlq.")
@click.option(
    "--into-live", is_flag=True, help="Results and dead letters go where the workers' go, in place of --results."
)
@click.option(
    "--rate", type=click.FloatRange(min=0.01), help="Most activities a second of this process. [default: no limit]"
)
@click.option("--json", "as_json", is_flag=True, help="At the end print one JSON object on standard output.")
def command(
    name: str,
    since: int,
    until: int | None,
    results: str | None,
    into_live: bool,
    rate: float | None,
    as_json: bool,
) -> None:
    """Score past activities again, each exactly once, as the worker of these settings would.

    It reads them as a consumer group of its own, the workers' with .replay.NAME behind it, so that live workers notice
    nothing; what it asks Triton goes behind what they ask. Stopped or killed, it goes on where it was when it is
    started again with the same NAME, --from and --to. Several at once, on several machines, share the work.

    A result has the id (ce_id) of its activity's place, so that whoever keeps results by it replaces the old one by the
    new one. To try another model, set it as for a worker (STREAMPROC_TRITON__MODEL_VERSION) and take another topic.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME: letters, digits, dots, dashes and underscores, 80 at most")
    if (results is None) is not into_live:
        raise click.UsageError("say where results go: --results TOPIC, or --into-live")
    tree = settings.load()
    leave_retries_to_us()
    now = time.time_ns() // 1_000_000
    told, until = until is not None, now if until is None else until
    if not since < until <= now:
        raise click.UsageError("--from must be before --to, and --to not in the future")
    if results is not None and len(tree.kafka.result_majors) > 1:
        raise click.UsageError("--results is one topic, and STREAMPROC_KAFKA__RESULT_MAJORS names several versions")
    if results is not None:
        _refuse_topic(tree, results)
    tree = _settings(tree, name, results)
    kafka = tree.kafka
    # What is refused for these leaves no topic behind; an activity topic that is misspelt is not made either.
    part = history(tree, kafka.activity_topic, since, until)
    begun = is_begun(tree, kafka.group_id, part)
    if begun and not told:
        raise click.UsageError(f"{name} was begun already: say the --to that it said then, or take another NAME")
    _prepare(tree)
    if not begun:
        begin(tree, kafka.group_id, part)
    again = f"streamproc replay {name} --from {_time(since)} --to {_time(until)} "
    again += ("--into-live" if results is None else f"--results {results}") + (
        "" if rate is None else f" --rate {rate:g}"
    )
    _say(f"{kafka.activity_topic} from {_time(since)} to {_time(until)}: {part.size:,} offsets")
    _say(f"group: {kafka.group_id}")
    _say(f"results: {kafka.result_topic}; dead letters: {kafka.dead_letter_topic}")
    _say(f"if it is stopped, go on with: {again}")
    backfill, began = Backfill(part.ends, rate), time.monotonic()
    watch = _Watch(tree, part, backfill)
    try:
        if watch.look():
            sys.exit(0)
        watch.start()
        run(tree, backfill)
    except SystemExit as ended:
        watch.stop()
        outcomes = dict(backfill.outcomes)
        if ended.code or not watch.done.is_set():
            _say(f"not done: {watch.left:,} left at the last look; go on with: {again}")
        else:
            found = ", ".join(f"{kind} {count:,}" for kind, count in sorted(outcomes.items()))
            took = f"{sum(outcomes.values()):,} by this process in {time.monotonic() - began:,.0f} s"
            _say(f"done: {took}" + (f" ({found})" if found else ""))
        if as_json:
            dead = outcomes.pop("dead_letter", 0)
            row = {
                "replay": name, "group": kafka.group_id, "from": _time(since), "to": _time(until),
                "results": kafka.result_topic, "scored": sum(outcomes.values()), "dead_letters": dead,
                "left": watch.left, "seconds": round(time.monotonic() - began, 1),
            }  # fmt: skip
            click.echo(json.dumps(row))
        # Stopped before its end is no success: a script must not go on as if all were there.
        sys.exit(ended.code or (0 if watch.done.is_set() else 1))
    finally:
        watch.stop()


def _refuse_topic(tree: Settings, results: str) -> None:
    """Its results and dead letters are for no topic that live workers write or read."""
    if not _TOPIC.fullmatch(results):
        raise click.UsageError("--results: letters, digits, dots, dashes and underscores, 200 at most")
    live = topics.wanted(tree).keys() | {tree.kafka.topic_of(major) for major in MAJORS.values()}
    for topic in (results, f"{results}.dlq", f"{results}.progress"):
        if topic in live:
            raise click.UsageError(f"--results: {topic} is a topic of the live workers: take another, or --into-live")


def _settings(tree: Settings, name: str, results: str | None) -> Settings:
    """A worker's, with a group, a page and, unless they are the live ones, topics of its own."""
    kafka = tree.kafka.model_dump()
    kafka["group_id"] = f"{tree.kafka.group_id}.replay.{name}"
    # Live workers alone may write to their topic of progress, and know what teachers have said since.
    progress: dict[str, object] = {"enabled": tree.progress.enabled and results is not None, "corrections": False}
    if results is not None:
        progress["topic"] = f"{results}.progress"
        (number,) = tree.kafka.result_majors
        kafka |= {MAJORS[number].topic_setting: results, "dead_letter_topic": f"{results}.dlq"}
    return tree.model_copy(
        update={
            "kafka": KafkaSettings(**kafka),
            # A second worker on this machine must find a port.
            "web": tree.web.model_copy(update={"port": 0}),
            "progress": tree.progress.model_copy(update=progress),
            "log": _log(tree.log),
        }
    )


def _log(log: LogSettings) -> LogSettings:
    """On a terminal a line for each activity would bury the bar; whoever wants it says so."""
    if settings.given("log", "level") or not sys.stderr.isatty():
        return log
    return log.model_copy(update={"level": "WARNING"})


def _prepare(tree: Settings) -> None:
    """The topics that it needs, and the schemas of its results: those of its own, and for its own state."""
    for topic in topics.create(tree):
        _say(f"{topic}: created")
    wanted = topics.contracts_written(tree)
    contracts = [contract for contract in files.contracts() if contract.name in wanted]
    with_registry(tree, lambda registry: register_versions(registry, contracts, wanted, None))


class _Watch(threading.Thread):
    """Looks what is left, tells it, and ends the worker when that is nothing."""

    def __init__(self, tree: Settings, part: History, backfill: Backfill) -> None:
        super().__init__(name="replay", daemon=True)
        self._tree = tree
        self._part = part
        self._begun = backfill.begun
        self._stopped = threading.Event()
        console = terminal.console(sys.stderr)
        columns = (TextColumn("at work"), BarColumn(), TextColumn("{task.fields[left]} left"), TimeRemainingColumn())
        # None of rich's off a terminal: even one that is disabled writes a line there.
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._drawing = threading.Lock()
        self.done = threading.Event()
        self.left = part.size

    def stop(self) -> None:
        """Tell nothing any more, and leave the terminal as it was: what is drawn later would be over what is said."""
        with self._drawing:
            self._stopped.set()
            if self._bar is not None:
                self._bar.stop()

    def look(self) -> bool:
        """Whether nothing is left."""
        self.left = left(self._tree, self._tree.kafka.group_id, self._part)
        if not self.left:
            self.done.set()
        return self.done.is_set()

    def run(self) -> None:
        """Until nothing is left, or ``stop``."""
        self._begun.wait()
        told = began = time.monotonic()
        size = self.left
        with self._drawing:
            if self._stopped.is_set():
                return
            if self._bar is not None:
                self._bar.add_task("at work", total=size, left=f"{size:,}")
                self._bar.start()
        while not self._stopped.wait(_LOOK_S):
            try:
                if self.look():
                    # What a supervisor would do: it drains and leaves its group.
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except StreamprocError as error:
                if not self._stopped.is_set():
                    _say(f"what is left is not known now: {error.message}")
                continue
            now = time.monotonic()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=size - self.left, left=f"{self.left:,}")
            elif now - told > _TELL_S:
                told, speed = now, (size - self.left) / (now - began)
                _say(f"{self.left:,} left" + (f", about {self.left / speed:,.0f} s" if speed else ""))


def _time(milliseconds: int) -> str:
    return str(iso_of(milliseconds))


def _say(text: str) -> None:
    click.echo(safe(text), err=True)
