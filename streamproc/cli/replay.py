"""``streamproc replay``: past activities are read and scored again."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from streamproc import settings
from streamproc.agents.backfill import Backfill
from streamproc.cli.numbers import Number
from streamproc.cli.registries import with_registry
from streamproc.cli.replay_run import (
    Moment,
    MomentType,
    Wish,
    differences,
    other_weights,
    pinned,
    refuse,
    refuse_elapsed,
    spelled,
)
from streamproc.cli.replay_watch import ReplayWatch, say
from streamproc.cli.schemas import register_versions
from streamproc.cli.worker import run as work
from streamproc.contracts import files
from streamproc.contracts.majors import MAJORS
from streamproc.kafka import runs, topics
from streamproc.kafka.history import cut_off, history, is_begun, lost
from streamproc.kafka.runs import ReplayRun
from streamproc.settings import KafkaSettings, LogSettings, Settings
from streamproc.telemetry.logs import configure, leave_retries_to_us
from streamproc.terminal import counted, example

NICENESS = 14
"""The threads that score stand back by 5 more: 19 is the most."""

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,80}")

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,200}")
"""Kafka takes 249, and the topics beside it have longer names."""


@click.command(
    epilog=example(
        "replay model-3 --from 2026-09-01 --to 2026-10-01 --results streamproc.replay.model-3",
        "replay mended --from 7d --to 2026-10-01T12:00+02:00 --into-live --rate 20",
        "replay model-3",
    )
)
@click.argument("name")
@click.option(
    "--from", "since", type=MomentType(), help="Activities from this time on: ISO 8601, or 30s, 15m, 2h, 7d ago."
)
@click.option("--to", "until", type=MomentType(), help="Activities before this time. [default: now]")
@click.option("--results", help="The topic for the results; it is made. Dead letters go to one beside it, RESULTS.dlq.")
@click.option(
    "--into-live", is_flag=True, help="Results and dead letters go where the workers' go, in place of --results."
)
@click.option(
    "--rate",
    type=Number(0.01, 1e6),
    help="Most activities a second of this process. [default: no limit]",
)
@click.option("--json", "as_json", is_flag=True, help="At the end print one JSON object on standard output.")
def command(
    name: str,
    since: Moment | None,
    until: Moment | None,
    results: str | None,
    into_live: bool,
    rate: float | None,
    as_json: bool,
) -> None:
    """Score past activities again, each exactly once, as the worker of these settings would.

    It reads them as a consumer group of its own, the workers' with .replay.NAME behind it, so that live workers notice
    nothing; what it asks Triton goes behind what they ask. Times are those of the records, in UTC where no other offset
    is said.

    What NAME reads and makes is settled when it is begun. Stopped or killed, it goes on where it was when it is started
    again, by the same command or by NAME alone; with other times, another topic or model it is refused. Several at
    once, on several machines, share the work.

    A result has the id (ce_id) of its activity's place, so that whoever keeps results by it replaces the old one by the
    new one. To try another model, set it as for a worker (STREAMPROC_TRITON__MODEL_VERSION) and take another topic.

    Exit code 0: all is scored, or there was nothing. 1: not done, start it again. 2: it was refused, or cannot work so.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME: letters, digits, dots, dashes and underscores, 80 at most")
    tree = settings.load()
    leave_retries_to_us()
    wish = Wish(since, until, results, into_live)
    _refuse_unmeant(tree, wish)
    begun = runs.find(tree, name)
    run = _new_run(tree, wish) if begun is None else begun
    if begun is not None:
        refuse(name, differences(run, wish, tree))
    ours = _settings(tree, name, run)
    session = _Session(name, ours, run, rate, as_json)
    part = run.part
    say(f"{part.topic} from {spelled(run.since_ms)} to {spelled(run.until_ms)}: {counted(part.size, 'offset')}")
    if not part.size:
        say("no record has a time between these: nothing is to be done")
        session.end(0)
    _refuse_forgotten(name, ours, run, begun is not None)
    _refuse_deleted(name, ours, run)
    _stand_back()
    if cut := cut_off(tree, part):
        say(
            f"partitions {', '.join(map(str, cut))}: Kafka has deleted the oldest records, and begins within the part: "
            "some of it may be gone"
        )
    _prepare(tree, ours)
    # Faust's part of streamproc takes a while to import: what was refused above did not need it.
    from streamproc.app import check_dependencies
    from streamproc.telemetry.resource import identity

    # What the engine says of its servers is for the log, as a worker's: standard output is for the one object.
    configure(ours.log, identity(ours.telemetry.environment))
    model = asyncio.run(check_dependencies(ours, follows=False))
    if begun is None:
        run = runs.begin(tree, name, replace(run, model=model.name, version=model.version, sha256=model.sha256))
        # Another process may have been quicker.
        refuse(name, differences(run, wish, tree))
        session.run = run
    refuse(name, other_weights(run, model))
    say(f"model: {model}; group: {ours.kafka.group_id}")
    say(f"results: {run.results}; dead letters: {ours.kafka.dead_letter_topic}")
    say(f"if it is stopped, go on with: {session.again}")
    session.work(wish)


class _Session:
    """What this process does of a run, and says in the end."""

    def __init__(self, name: str, tree: Settings, run: ReplayRun, rate: float | None, as_json: bool) -> None:
        self.run = run
        self.again = f"streamproc replay {name}" + ("" if rate is None else f" --rate {rate:g}")
        self._name = name
        self._tree = tree
        self._rate = rate
        self._as_json = as_json
        self._began = time.monotonic()

    def work(self, wish: Wish) -> NoReturn:
        """Score what is left, then ``end``."""
        backfill = Backfill(self._name, self.run.part.ends, self._rate)
        watch = ReplayWatch(self._tree, self.run.part, backfill)
        if watch.look():
            _refuse_deleted(self._name, self._tree, self.run)
            refuse_elapsed(self._name, self.run, wish)
            self.end(0)
        watch.start()
        try:
            work(pinned(self._tree, self.run.version), backfill)
        except SystemExit as ended:
            watch.stop()
            if not watch.left:
                # Perhaps because it was deleted meanwhile.
                _refuse_deleted(self._name, self._tree, self.run)
            self.end(watch.left, dict(backfill.outcomes), ended.code)
        finally:
            watch.stop()

    def end(self, left: int, outcomes: dict[str, int] | None = None, code: int | str | None = None) -> NoReturn:
        """Say what was done, and what is left; exit with 0 if that is nothing, else with ``code`` or 1."""
        outcomes = outcomes or {}
        seconds = time.monotonic() - self._began
        if left or code:
            say(f"not done: {left:,} left at the last look; go on with: {self.again}")
        else:
            found = ", ".join(f"{kind} {count:,}" for kind, count in sorted(outcomes.items()))
            say(
                f"done: {sum(outcomes.values()):,} by this process in {seconds:,.0f} s"
                + (f" ({found})" if found else "")
            )
        if self._as_json:
            dead, run = outcomes.pop("dead_letter", 0), self.run
            row = {
                "replay": self._name, "group": self._tree.kafka.group_id, "from": spelled(run.since_ms),
                "to": spelled(run.until_ms), "results": run.results,
                "model": f"{run.model}/{run.version}" if run.model else None,  # nothing was read: none was asked for
                "scored": sum(outcomes.values()), "dead_letters": dead, "left": left, "seconds": round(seconds, 1),
            }  # fmt: skip
            click.echo(json.dumps(row))
        # Stopped before its end is no success: a script must not go on as if all were there.
        sys.exit(code or (1 if left else 0))


def _stand_back() -> None:
    """Let whatever else runs on this machine go first."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        # Where Linux shares processors out by sessions first, niceness holds only within one (sched(7), autogroup).
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(f"{NICENESS}")


def _refuse_unmeant(tree: Settings, wish: Wish) -> None:
    """What no run can be."""
    now = time.time_ns() // 1_000_000
    if wish.since is not None and wish.since.ms >= (now if wish.until is None else wish.until.ms):
        raise click.UsageError(f"--from must be before --to: {wish.since} is not before {wish.until or 'now'}")
    if wish.until is not None and wish.until.ms > now:
        raise click.UsageError(f"--to must not be in the future: {wish.until}, and now it is {spelled(now)}")
    if wish.results is None:
        return
    if wish.into_live:
        raise click.UsageError("say where results go: --results TOPIC, or --into-live")
    if len(tree.kafka.result_majors) > 1:
        raise click.UsageError("--results is one topic, and STREAMPROC_KAFKA__RESULT_MAJORS names several versions")
    if not _TOPIC.fullmatch(wish.results):
        raise click.UsageError("--results: letters, digits, dots, dashes and underscores, 200 at most")
    # Its results and dead letters are for no topic that live workers write or read.
    live = topics.wanted(tree).keys() | {tree.kafka.topic_of(major) for major in MAJORS.values()}
    for topic in (wish.results, f"{wish.results}.dlq", f"{wish.results}.progress"):
        if topic in live:
            raise click.UsageError(f"--results: {topic} is a topic of the live workers: take another, or --into-live")


def _new_run(tree: Settings, wish: Wish) -> ReplayRun:
    """What is asked for, its model yet unknown."""
    if wish.since is None:
        raise click.UsageError(
            "it was not begun yet: say --from, and where results go: --results TOPIC, or --into-live"
        )
    if wish.results is None and not wish.into_live:
        raise click.UsageError("say where results go: --results TOPIC, or --into-live")
    until = wish.until or Moment(time.time_ns() // 1_000_000, "")
    part = history(tree, tree.kafka.activity_topic, wish.since.ms, until.ms)
    results = wish.results or ", ".join(topics.result_topics(tree.kafka).values())
    times = wish.since.ms, until.ms, wish.since.said, until.said
    return ReplayRun(part, *times, results, wish.into_live, model="", version="", sha256="")


def _refuse_forgotten(name: str, tree: Settings, run: ReplayRun, begun: bool) -> None:
    """Its offsets and what is written of it began together: one without the other says that something was lost."""
    group = tree.kafka.group_id
    if begun == is_begun(tree, group, run.part):
        return
    if begun:
        raise click.UsageError(
            f"Kafka has forgotten how far {name} was, as it does some days after a group's last member has left "
            "(offsets.retention.minutes). What it has scored would be scored twice: take another NAME, and another "
            "topic or a later --from"
        )
    raise click.UsageError(f"the group {group} has read activities, and nothing says what for: take another NAME")


def _refuse_deleted(name: str, tree: Settings, run: ReplayRun) -> None:
    """What is deleted before it was scored has no outcome: whoever goes on without it must have said so."""
    if tree.transport.out_of_range == "stop" and (found := lost(tree, tree.kafka.group_id, run.part)):
        raise click.UsageError(
            f"Kafka has deleted activities that {name} had still to score, in partitions {', '.join(map(str, found))}. "
            f"To go on without them: STREAMPROC_TRANSPORT__OUT_OF_RANGE=earliest streamproc replay {name}"
        )


def _settings(tree: Settings, name: str, run: ReplayRun) -> Settings:
    """A worker's, with a group, a page and, unless they are the live ones, topics of its own."""
    kafka = tree.kafka.model_dump()
    kafka["group_id"] = runs.group_of_run(tree.kafka.group_id, name)
    # Live workers alone may write to their topic of progress, and know what teachers have said since.
    progress: dict[str, object] = {"enabled": tree.progress.enabled and not run.into_live, "corrections": False}
    if not run.into_live:
        progress["topic"] = f"{run.results}.progress"
        (number,) = tree.kafka.result_majors
        kafka |= {MAJORS[number].topic_setting: run.results, "dead_letter_topic": f"{run.results}.dlq"}
    ours = tree.model_copy(
        update={
            "kafka": KafkaSettings(**kafka),
            # A second worker on this machine must find a port.
            "web": tree.web.model_copy(update={"port": 0}),
            "progress": tree.progress.model_copy(update=progress),
            "log": _log(tree.log),
        }
    )
    return pinned(ours, run.version) if run.version else ours


def _log(log: LogSettings) -> LogSettings:
    """On a terminal a line for each activity would bury the bar; whoever wants it says so."""
    if settings.given("log", "level") or not sys.stderr.isatty():
        return log
    return log.model_copy(update={"level": "WARNING"})


def _prepare(tree: Settings, ours: Settings) -> None:
    """The schemas of its results, and the topics that it needs: those of its own, and for its own state.

    The schemas first: what the registry refuses leaves no topics behind.
    """
    wanted = topics.contracts_written(ours)
    contracts = [contract for contract in files.contracts() if contract.name in wanted]
    with_registry(ours, lambda registry: register_versions(registry, contracts, wanted, None))
    for topic in topics.create(ours, {runs.runs_topic(tree.kafka): runs.CONFIG}, follows=False):
        say(f"{topic}: created")
