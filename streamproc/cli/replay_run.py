"""Which run `streamproc replay` is asked for: a new one, or one that was begun before and goes on as it was begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from streamproc.cli.letters import Time
from streamproc.deadletter.times import iso_of
from streamproc.inference.engine import ModelIdentity
from streamproc.kafka.runs import ReplayRun
from streamproc.settings import Settings


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in milliseconds since 1970, and how it was written."""

    ms: int
    said: str

    def __str__(self) -> str:
        """As it was written, and what that is."""
        time = spelled(self.ms)
        return time if not self.said or time.startswith(self.said) else f"{self.said} ({time})"


class MomentType(Time):
    """As Time; what is so long ago is another moment each time it is said, so the words are kept."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it; a usage error otherwise."""
        return value if isinstance(value, Moment) else Moment(super().convert(value, param, ctx), value)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; None, and False: it says nothing of it."""

    since: Moment | None
    until: Moment | None
    results: str | None
    into_live: bool


def spelled(milliseconds: int) -> str:
    """A time as the command writes it."""
    return str(iso_of(milliseconds))


def differences(run: ReplayRun, wish: Wish, tree: Settings) -> Iterator[str]:
    """In what a run that was begun differs from what is asked for now, a line each; ``tree``: the workers'."""
    since, until = Moment(run.since_ms, run.since_said), Moment(run.until_ms, run.until_said)
    for option, then, now in (("--from", since, wish.since), ("--to", until, wish.until)):
        # The same words are the same moment: whatever starts a command again starts it as it was.
        if now is not None and now.ms != then.ms and now.said != then.said:
            yield _line(option, then, now)
    results = "--into-live" if run.into_live else f"--results {run.results}"
    if wish.into_live and not run.into_live:
        yield _line("results", results, "--into-live")
    if wish.results is not None and (run.into_live or wish.results != run.results):
        yield _line("results", results, f"--results {wish.results}")
    if tree.kafka.activity_topic != run.part.topic:
        yield _line("STREAMPROC_KAFKA__ACTIVITY_TOPIC", run.part.topic, tree.kafka.activity_topic)
    model, version = configured(tree)
    if model != run.model or version not in ("", run.version):
        yield _line("model", f"{run.model}/{run.version}", f"{model}/{version or 'the newest'}")


def other_weights(run: ReplayRun, found: ModelIdentity) -> Iterator[str]:
    """In what the model that answers differs from the run's."""
    if (found.name, found.version, found.sha256) != (run.model, run.version, run.sha256):
        told = f"{found} ({found.sha256[:12]})"
        yield _line("model", f"{run.model}/{run.version} ({run.sha256[:12]})", told)


def refuse_elapsed(name: str, run: ReplayRun, wish: Wish) -> None:
    """A usage error where a run is done and its time was said as so long ago: who says so again means another one."""
    for then, now in ((run.since_ms, wish.since), (run.until_ms, wish.until)):
        if now is not None and now.ms != then:
            raise click.UsageError(
                f"{name} is done: it has read from {spelled(run.since_ms)} to {spelled(run.until_ms)}, and {now.said} "
                "is another time today: take another NAME"
            )


def refuse(name: str, lines: Iterator[str]) -> None:
    """A usage error that has these lines, if there are any."""
    if found := list(lines):
        told = "\n".join(f"  {line}" for line in found)
        raise click.UsageError(
            f"{name} was begun otherwise:\n{told}\nTo go on as it was begun: streamproc replay {name}, with the model "
            "from then. For anything else take another NAME."
        )


def configured(tree: Settings) -> tuple[str, str]:
    """Name and version of the model that the settings name; the version is empty for the newest."""
    section = getattr(tree, tree.inference.engine)
    return section.model, section.model_version


def pinned(tree: Settings, version: str) -> Settings:
    """With this version of the model: a newer one that is loaded meanwhile makes no result of this run."""
    engine = tree.inference.engine
    section = getattr(tree, engine)
    return tree.model_copy(update={engine: section.model_copy(update={"model_version": version})})


def _line(what: str, then: object, now: object) -> str:
    return f"{what}: {then} then, {now} now"
