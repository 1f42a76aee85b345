"""How the commands of `streamproc models` ask for models and change what the control topic says."""

from __future__ import annotations

import asyncio
import getpass
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from streamproc import settings as settings_module
from streamproc.cli.failing import Failed
from streamproc.cli.model_state import print_state, state_json
from streamproc.cli.registries import with_registry
from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, ControlledModel
from streamproc.contracts.registry import Registry
from streamproc.inference.configured import catalogue_of, certificates_of
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.index import ModelThere, of_folder, of_servers
from streamproc.routing.change import RuleError, change, new_event, read_all
from streamproc.routing.control import ControlState, Fate
from streamproc.routing.engines import engine_of
from streamproc.routing.lanes import CONFIGURED, Wanted
from streamproc.routing.telling import change_json, what
from streamproc.settings import Settings
from streamproc.telemetry.logs import leave_retries_to_us, without_a_log
from streamproc.terminal import safe
from streamproc.training.gate import gate_of
from streamproc.training.mlflow_registry import MlflowError, gate_of_store, is_store


def load() -> Settings:
    """The settings; what is tried again is told to nobody."""
    tree = settings_module.load()
    leave_retries_to_us()
    return tree


async def models_and_state(tree: Settings, registry: Registry) -> tuple[list[ModelThere], ControlState]:
    """The models that there are, and what the control topic says."""
    return await _there(tree), (await read_all(tree, registry)).state


async def _there(tree: Settings) -> list[ModelThere]:
    if tree.inference.engine == "triton":
        return await of_servers(tree.triton.servers, certificates_of(tree), min(tree.triton.timeout, 10.0))
    return await of_folder(getattr(tree, tree.inference.engine).repository)


def identify(tree: Settings, model: tuple[str, str], sha256: str | None) -> ControlledModel:
    """The model with the SHA-256 that its servers tell, once it has answered."""
    name, version = model
    if sha256 is not None:
        return ControlledModel(name=name, version=version, sha256=sha256.lower())
    return _answering(tree, Wanted(ControlledModel(name=name, version=version, sha256=""), champion=False))


def configured_model(tree: Settings) -> ControlledModel:
    """The champion where the control topic names none, with the SHA-256 that its servers tell."""
    return _answering(tree, CONFIGURED)


def _answering(tree: Settings, wanted: Wanted) -> ControlledModel:
    async def ask() -> ModelIdentity:
        engine = engine_of(wanted, tree, certificates_of(tree), catalogue_of(tree))
        try:
            return await engine.start()
        finally:
            await engine.close()

    with without_a_log():
        found = asyncio.run(ask())
    if not found.sha256:
        raise Failed("models", f"{found.name}/{found.version} does not tell its SHA-256: name it with --sha256")
    return ControlledModel(name=found.name, version=found.version, sha256=found.sha256)


def share_of(text: str) -> float:
    """A share like 5% or 0.05."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither like 5% nor like 0.05", param_hint="'--share'") from None


def event_of(kind: ControlKind, reason: str, by: str | None, **fields: Any) -> ControlEvent:
    """An event by whoever is there, now."""
    return new_event(kind, by or _who(), reason, **fields)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def tell_workers(tree: Settings, command: str, make: Callable[[ControlState], ControlEvent], as_json: bool) -> None:
    """Write an event, and say what came of it; exit code 1 where nobody obeys it.

    Raises:
        Failed: it breaks a rule, or somebody was quicker.
        StreamprocError: it cannot be written, or whether it was is not known.
    """
    try:
        state, told = with_registry(tree, lambda registry: change(tree, registry, make))
    except RuleError as error:
        raise Failed(command, error) from None
    assert told is not None
    if told.fate is not Fate.OBEYED:
        raise Failed(
            command, f"not obeyed: {told.why}; somebody was quicker: see 'streamproc models status', and try again"
        )
    if as_json:
        click.echo(json.dumps({**state_json(state), "change": change_json(told)}))
        return
    click.echo(safe(f"revision {told.offset}: {what(told.event)}"))
    print_state(state)


def ask_gate(reports: str, champion: ControlledModel, wanted: ControlledModel) -> None:
    """Whether a model may take the champion's place, by their reports.

    Args:
        reports: their folder, or the address of MLflow's store.

    Raises:
        Failed: it may not, or there is no report.
    """
    try:
        verdict = (
            gate_of_store(reports, champion.sha256, wanted.sha256)
            if is_store(reports)
            else gate_of(Path(reports), champion.sha256, wanted.sha256)
        )
        refusals = list(verdict.refusals)
    except MlflowError as error:
        refusals = [str(error)]
    except OSError as error:
        refusals = [f"{reports}, the folder of the reports (--reports), cannot be read: {error.strerror}"]
    if refusals:
        told = "; ".join(refusals)
        raise Failed("models promote", f"the evaluation refuses it: {told}; --force promotes it all the same")
