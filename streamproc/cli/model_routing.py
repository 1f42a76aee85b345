"""``streamproc models list|status|promote|canary|shadow|rollback|live``: which models score, told to all workers."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from streamproc.cli.failing import Failed
from streamproc.cli.model_changes import (
    ask_gate,
    configured_model,
    event_of,
    identify,
    load,
    models_and_state,
    share_of,
    tell_workers,
)
from streamproc.cli.model_state import model_row, print_state, state_json
from streamproc.cli.numbers import Number
from streamproc.cli.registries import with_registry
from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, LiveSettings
from streamproc.routing.change import read_all
from streamproc.routing.control import ControlState, Fate
from streamproc.routing.telling import change_json, what
from streamproc.terminal import example, safe

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
reason_option = click.option("--reason", required=True, help="Why, in a sentence: it stays in the topic for ever.")
by_option = click.option("--by", default=None, help="Who decides. [default: user@host]")
sha_option = click.option(
    "--sha256", default=None, help="The weights' SHA-256: take it as it is, and ask no server for it."
)


class ModelName(click.ParamType):
    """NAME/VERSION."""

    name = "NAME/VERSION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Both parts."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\S+)/([0-9]+)", str(value))
        if found is None:
            self.fail(f"{value!r} is not NAME/VERSION, for example phonemes/2", param, ctx)
        return found[1], found[2]


MODEL = ModelName()


@click.command(
    "list",
    short_help="The models that there are, and what each does.",
    epilog=example("models list", "models list --json"),
)
@json_option
def list_models(as_json: bool) -> None:
    """List the models that the inference servers have, and what each does.

    The servers are those of STREAMPROC_TRITON__URLS; with the engine onnx or torch it is the folder of models. What a
    model does, the control topic says (STREAMPROC_KAFKA__CONTROL_TOPIC); the model of the configuration is champion
    until it says something else.
    """
    tree = load()
    found, state = with_registry(tree, lambda registry: models_and_state(tree, registry))
    rows = [model_row(one, state, tree) for one in found]
    if as_json:
        click.echo(json.dumps({"models": rows}))
        return
    for row in rows:
        part = ", ".join(row["parts"]) or ("-" if row["ready"] else "not ready")
        click.echo(safe(f"{row['name']}/{row['version']}  {part}  {row['sha256'] or 'no SHA-256'}  at {row['where']}"))
    if not rows:
        click.echo("no models")


@click.command(
    short_help="Who scores now, who changed it, when and why.",
    epilog=example("models status", "models status --changes 50 --json"),
)
@click.option(
    "--changes", type=click.IntRange(0), default=10, show_default=True, help="How many of the last changes to show."
)
@json_option
def status(changes: int, as_json: bool) -> None:
    """Show champion, canary, shadow and live settings, and who changed them last, when and why.

    A change that came too late, or that broke a rule, is shown with the reason for which nobody obeys it. How the
    canary's tests stand, and how far a shadow agrees, workers tell: see the page of any of them, /console/.
    """
    tree = load()
    fold = with_registry(tree, lambda registry: read_all(tree, registry))
    last = fold.changes[len(fold.changes) - changes :] if changes < len(fold.changes) else fold.changes
    if as_json:
        click.echo(json.dumps({**state_json(fold.state), "changes": [change_json(one) for one in last]}))
        return
    print_state(fold.state)
    for one in last:
        event = one.event
        click.echo(safe(f"{one.offset}  {event.at:%Y-%m-%d %H:%M:%S}Z  {what(event)}  by {event.by}: {event.reason}"))
        if one.fate is not Fate.OBEYED:
            click.echo(safe(f"    not obeyed ({one.fate.value}): {one.why}"))


@click.command(
    short_help="Make a model the champion.",
    epilog=example("models promote --reason 'a week as canary'", "models promote phonemes/3 --reason new"),
)
@click.argument("model", type=MODEL, required=False)
@click.option(
    "--reports",
    default="reports",
    show_default=True,
    metavar="FOLDER|STORE",
    help="Folder of the reports that 'streamproc models evaluate --output' wrote, or MLflow's store: sqlite:///FILE.",
)
@click.option("--force", is_flag=True, help="Promote it whatever the reports say, or without any.")
@reason_option
@by_option
@sha_option
@json_option
def promote(
    model: tuple[str, str] | None,
    reports: str,
    force: bool,
    reason: str,
    by: str | None,
    sha256: str | None,
    as_json: bool,
) -> None:
    """Make MODEL, or the canary where none is named, the champion of all workers.

    Its report must be in --reports, and no worse than the champion's by the bounds of 'streamproc models gate', whether
    the control topic or the configuration names the champion; --force overrules that, which the audit says.

    Readings that are being scored end with the model that they began with. A worker that cannot use MODEL goes on with
    the champion that it has, and says so in its log.
    """
    tree = load()
    named = None if model is None else identify(tree, model, sha256)
    before = None if force else with_registry(tree, lambda registry: read_all(tree, registry)).state
    # Whoever is forced asks for no comparison, and so for no server that knows the champion.
    configured = configured_model(tree) if before is not None and before.champion is None else None

    def event(state: ControlState) -> ControlEvent:
        canary = None if state.canary is None else state.canary.model
        wanted, champion = named or canary, state.champion or configured
        if wanted is None:
            raise Failed("models promote", "there is no canary: name the model, NAME/VERSION")
        if wanted == champion:
            raise Failed("models promote", f"{wanted.name}/{wanted.version} is champion already")
        if not force:
            if champion is None:
                raise Failed("models promote", "somebody has changed the champion meanwhile: try again")
            ask_gate(reports, champion, wanted)
        return event_of(ControlKind.CHAMPION, reason, by, model=wanted, forced=force)

    tell_workers(tree, "models promote", event, as_json)


@click.command(
    short_help="Have a model score a share of the learners.",
    epilog=example("models canary phonemes/3 --share 5% --reason 'first look'"),
)
@click.argument("model", type=MODEL)
@click.option("--share", required=True, help="Share of the learners that it scores: 5% or 0.05.")
@reason_option
@by_option
@sha_option
@json_option
def canary(model: tuple[str, str], share: str, reason: str, by: str | None, sha256: str | None, as_json: bool) -> None:
    """Have MODEL score a share of the learners, always the same ones, on every worker.

    A canary that fails, is slow, or judges otherwise than the champion is rolled back by the workers themselves; where
    it fails the champion answers at once. A larger share keeps the learners of a smaller one.
    """
    wanted = share_of(share)
    tree = load()
    named = identify(tree, model, sha256)

    def event(state: ControlState) -> ControlEvent:
        if named == state.champion:
            raise Failed("models canary", f"{named.name}/{named.version} is the champion")
        if state.canary is not None and (named, wanted) == (state.canary.model, state.canary.share):
            raise Failed("models canary", f"{named.name}/{named.version} has this share of the learners already")
        return event_of(ControlKind.CANARY, reason, by, model=named, share=wanted)

    tell_workers(tree, "models canary", event, as_json)


@click.command(
    short_help="Have a model compared, and never published.",
    epilog=example("models shadow phonemes/3 --reason compare", "models shadow --off --reason done"),
)
@click.argument("model", type=MODEL, required=False)
@click.option("--off", is_flag=True, help="Compare no model any more.")
@reason_option
@by_option
@sha_option
@json_option
def shadow(
    model: tuple[str, str] | None, off: bool, reason: str, by: str | None, sha256: str | None, as_json: bool
) -> None:
    """Have MODEL hear what the champion hears, for comparison alone.

    Nothing of it is published. Under load it is the first to go. How far both agree is in the metrics
    streamproc_compared_words and streamproc_comparisons.
    """
    if (model is None) is not off:
        raise click.UsageError("name a model, or say --off")
    tree = load()
    named = None if model is None else identify(tree, model, sha256)

    def event(state: ControlState) -> ControlEvent:
        if named == state.shadow:
            told = "no model is compared" if named is None else f"{named.name}/{named.version} is compared already"
            raise Failed("models shadow", told)
        return event_of(ControlKind.SHADOW, reason, by, model=named)

    tell_workers(tree, "models shadow", event, as_json)


@click.command(
    short_help="End the canary, or take the champion back.",
    epilog=example("models rollback --reason 'teachers complain'", "models rollback --champion --reason x"),
)
@click.option("--champion", is_flag=True, help="Put the champion before this one back; the canary stays.")
@reason_option
@by_option
@json_option
def rollback(champion: bool, reason: str, by: str | None, as_json: bool) -> None:
    """End the canary; or, with --champion, go back to the champion before this one.

    What the canary's learners read from now on the champion scores. Exit code 1 where there is no canary, or where the
    champion has been put back already: a command that is given twice changes nothing more.
    """
    tree = load()

    def event(state: ControlState) -> ControlEvent:
        if champion:
            if state.champion is None:
                raise Failed("models rollback", "the champion is the configuration's: there is none before it")
            if state.put_back and state.previous is not None:
                now, gone = (f"{one.name}/{one.version}" for one in (state.champion, state.previous))
                told = f"{now} has been put back already, in place of {gone}: for another, name it to"
                raise Failed("models rollback", f"{told} 'streamproc models promote'")
            return event_of(ControlKind.CHAMPION, reason, by, model=state.previous)
        if state.canary is None:
            raise Failed("models rollback", "there is no canary; --champion goes back to the champion before this one")
        return event_of(ControlKind.ROLLBACK, reason, by, canary_id=state.canary.id)

    tell_workers(tree, "models rollback", event, as_json)


@click.command(
    short_help="Change settings while workers run.",
    epilog=example("models live --max-in-flight 8 --reason 'a slow GPU'", "models live --reason normal"),
)
@click.option("--max-in-flight", type=click.IntRange(1), default=None, help="As STREAMPROC_WORKER__MAX_IN_FLIGHT.")
@click.option(
    "--max-audio-seconds", type=Number(0, min_open=True), default=None,
    help="As STREAMPROC_TRITON__MAX_AUDIO_SECONDS.",
)  # fmt: skip
@click.option("--fallback", type=click.Choice(["pause", "onnx"]), help="As STREAMPROC_INFERENCE__FALLBACK.")
@click.option("--decode", type=click.Choice(["greedy", "beam"]), help="As STREAMPROC_SCORING__DECODE.")
@click.option("--debug-share", type=Number(0, 1), default=None, help="As STREAMPROC_LOG__DEBUG_SHARE.")
@reason_option
@by_option
@json_option
def live(
    max_in_flight: int | None,
    max_audio_seconds: float | None,
    fallback: str | None,
    decode: str | None,
    debug_share: float | None,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Set the settings that all workers take while they run; what is not named is each worker's own again.

    MAX_IN_FLIGHT only ever lowers what a worker started with, and onnx as fallback works only where a worker started
    with it.
    """
    wanted = LiveSettings(
        max_in_flight=max_in_flight,
        max_audio_seconds=max_audio_seconds,
        fallback=fallback,
        decode=decode,
        debug_share=debug_share,
    )
    tell_workers(load(), "models live", lambda _: event_of(ControlKind.SETTINGS, reason, by, live=wanted), as_json)


COMMANDS = (list_models, status, promote, canary, shadow, rollback, live)
