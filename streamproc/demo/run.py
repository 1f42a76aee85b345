"""One run of the demonstration: stack, schemas, topics, worker, readings, outcomes; and everything down again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from streamproc import settings as settings_module
from streamproc.contracts.generated.events import SourcePosition
from streamproc.demo.activities import make_activities
from streamproc.demo.exchange import ActivityOutcome, OutcomeReader, publish
from streamproc.demo.judging import Row, match, problems
from streamproc.demo.people import PersonRow, match_people, people_activity, read_people
from streamproc.demo.progress import Display
from streamproc.demo.readings import demo_readings
from streamproc.demo.worker import WorkerProcess, environment_of
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka import topics
from streamproc.localstack.errors import StackError
from streamproc.localstack.processes import log_tail
from streamproc.localstack.stack import LocalStack
from streamproc.settings import Settings, given, variable
from streamproc.training.speech import Synthesiser

OUTCOMES_TIMEOUT_S = 90.0
"""How long the outcomes of all activities may take; what is not there then is missing."""


DUPLICATES_WINDOW_S = 3600.0
"""So long the worker remembers activities, where the settings say nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has shown; it has passed if there are no ``problems``.

    ``left_up``: the stack still runs and, if ``worker`` is set, that worker too. ``environment``: the variables that
    point a process at the stack.
    """

    rows: list[Row]
    problems: list[str]
    environment: Mapping[str, str]
    left_up: bool
    worker: WorkerProcess | None
    people: list[PersonRow]


def run(folder: Path, display: Display, *, keep: bool, speech: Path | None = None) -> Run:
    """Publish the demonstration's readings to the local stack in ``folder`` and collect what becomes of them.

    A stack that is up already is used and left up, as is a worker that an earlier run has kept (a new one takes its
    place); otherwise all is taken down, unless ``keep``. Of a run that fails, the worker's log is left. ``speech``: a
    folder of recordings of people that are read too; they decide nothing about whether the run has passed.

    Raises:
        FolderError: ``speech`` cannot be used.
        StackError: a part or the worker does not come up.
        StreamprocError: settings, the registry or Kafka.
        EspeakError: espeak-ng is not installed.
    """
    # What is wrong with the settings or the installation is said before anything starts.
    refuse_what_is_not_shown(settings_module.load())
    synthesiser = Synthesiser()
    clips = read_people(speech) if speech else []
    spoken = [people_activity(clip, number) for number, clip in enumerate(clips, start=1)]
    stack = LocalStack(folder, tie=not keep, report=display.say)
    worker = WorkerProcess(folder)
    keep_worker = keep or worker.is_kept()
    was_up = worker.is_kept() or any(part.pid is not None for part in stack.status().values())
    readings = demo_readings()
    with ExitStack() as cleanup:
        if not keep and not was_up:
            cleanup.callback(_take_down, stack, display)
        with display.waiting("starting the stack"):
            settings = _bring_up(stack)
        prepare(settings, display)
        worker.end_kept()
        if not keep_worker:
            cleanup.callback(worker.end)
        display.say("the worker is starting; meanwhile the readings are spoken")
        with display.waiting("starting the worker"), worker.starting(settings, keep=keep_worker):
            activities = make_activities(readings, synthesiser, worker.clips)
            reader = OutcomeReader(settings)
            cleanup.callback(reader.close)
        display.say(f"the worker consumes; its log: {worker.log}")
        if keep_worker:
            display.say(f"look on: {worker.page}")
        twice = [number for number, reading in enumerate(readings) if reading.comes_twice]
        published = publish(settings, [*activities, *spoken, *(activities[number] for number in twice)])
        display.say(f"{len(published)} activities are published, {len(twice)} of them for the second time")
        outcomes = _await_outcomes(reader, published, worker, display)
        if not keep_worker:
            worker.end()
        # To the end: a duplicate may come later than what was waited for.
        outcomes += reader.rest()
        made, rest = published[: len(activities)], published[len(activities) :]
        again = dict(zip((made[number] for number in twice), rest[len(spoken) :], strict=True))
        rows = match(readings, {position: reader.activity_timestamps[position] for position in made}, outcomes, again)
        people = match_people(clips, rest[: len(spoken)], outcomes)
        failed = problems(rows)
        if failed:
            display.say(f"the run has failed; the worker's log is left: {worker.log}")
        elif not keep_worker:
            worker.clean()
    return Run(rows, failed, environment_of(settings), keep or was_up, worker if keep_worker else None, people)


def refuse_what_is_not_shown(settings: Settings) -> None:
    """Refuse settings that the demonstration could only pass over in silence.

    Raises:
        StreamprocError: SETTINGS_INVALID.
    """
    problems = []
    servers = variable("kafka", "bootstrap_servers")
    if settings.transport.security_protocol != "plaintext" and not given("kafka", "bootstrap_servers"):
        problems.append(
            f"{variable('transport', 'security_protocol')}: the local stack's Kafka speaks plaintext; set {servers} to "
            "the Kafka that it is meant for, or leave it out"
        )
    if 1 not in settings.kafka.result_majors:
        problems.append(
            f"{variable('kafka', 'result_majors')}: the demonstration reads results of major version 1; add it"
        )
    if problems:
        raise StreamprocError(ErrorCode.SETTINGS_INVALID, "\n".join(problems))


def _bring_up(stack: LocalStack) -> Settings:
    """The settings, with the addresses of the stack's parts."""
    addresses = stack.up()
    tree = settings_module.load()
    return tree.model_copy(
        update={
            "kafka": tree.kafka.model_copy(update={"bootstrap_servers": addresses.kafka_bootstrap}),
            "registry": tree.registry.model_copy(update={"url": addresses.registry_url}),
            "triton": tree.triton.model_copy(update={"urls": addresses.triton_urls}),
            "duplicates": tree.duplicates.model_copy(update={"window": tree.duplicates.window or DUPLICATES_WINDOW_S}),
        }
    )


def _take_down(stack: LocalStack, display: Display) -> None:
    if stack.down():
        display.say("the stack is down")


def prepare(settings: Settings, display: Display) -> None:
    """Register the schemas and create the topics, where they are missing.

    Raises:
        StackError: the registry refuses; with its reason.
    """
    # The very command that operators run, and the only thing that may register.
    command = [sys.executable, "-m", "streamproc", "schemas", "register"]
    environment = {**os.environ, **environment_of(settings)}
    registered = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if registered.returncode:
        raise StackError(f"the schemas cannot be registered:\n{registered.stderr.strip()}")
    topics.create(settings)
    display.say("schemas are registered, topics are there")


def _await_outcomes(
    reader: OutcomeReader, published: Sequence[SourcePosition], worker: WorkerProcess, display: Display
) -> list[ActivityOutcome]:
    """Every outcome until each activity has one, or the time is over."""
    waiting = set(published)
    outcomes: list[ActivityOutcome] = []
    deadline = time.monotonic() + OUTCOMES_TIMEOUT_S
    with display.counting("outcomes", len(published)) as count:
        while waiting and time.monotonic() < deadline:
            outcome = reader.poll(0.2)
            if outcome is None:
                _check_alive(worker)
                continue
            outcomes.append(outcome)
            waiting.discard(outcome.source)
            count(len(published) - len(waiting))
    display.say(f"{len(published) - len(waiting)} of {len(published)} activities have their outcome")
    return outcomes


def _check_alive(worker: WorkerProcess) -> None:
    if worker.process is not None and not worker.process.alive():
        raise StackError(f"the worker has ended.\n{log_tail(worker.log)}")
