"""What the control topic says, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from streamproc.contracts.generated.events_control import ControlledModel
from streamproc.inference.index import ModelThere
from streamproc.routing.control import Canary, ControlState
from streamproc.routing.telling import live_of
from streamproc.settings import Settings
from streamproc.terminal import safe


def print_state(state: ControlState) -> None:
    """For people."""
    champion = "the configuration's" if state.champion is None else _model(state.champion)
    click.echo(safe(f"champion  {champion}"))
    if state.canary is not None:
        share = f"{100 * state.canary.share:g} % of learners"
        click.echo(safe(f"canary    {_model(state.canary.model)}  {share}  id {state.canary.id}"))
    if state.shadow is not None:
        click.echo(safe(f"shadow    {_model(state.shadow)}"))
    for name, value in live_of(state.live).items():
        click.echo(safe(f"live      {name} = {value}"))


def _model(model: ControlledModel) -> str:
    return f"{model.name}/{model.version}  {model.sha256[:12]}…"


def state_json(state: ControlState) -> dict[str, Any]:
    """The state, for programs."""
    return {
        "revision": state.revision,
        "champion": _model_json(state.champion),
        "previous": _model_json(state.previous),
        "canary": _canary_json(state.canary),
        "shadow": _model_json(state.shadow),
        "live": asdict(state.live),
    }


def _model_json(model: ControlledModel | None) -> dict[str, str] | None:
    return None if model is None else asdict(model)


def _canary_json(canary: Canary | None) -> dict[str, Any] | None:
    return None if canary is None else asdict(canary)


def model_row(there: ModelThere, state: ControlState, tree: Settings) -> dict[str, Any]:
    """A model that is there, for people and programs."""
    model = there.model
    same = ControlledModel(name=model.name, version=model.version, sha256=model.sha256)
    parts = []
    if same == state.champion or (state.champion is None and _configured(there, tree)):
        parts.append("champion")
    if state.canary is not None and same == state.canary.model:
        parts.append(f"canary {100 * state.canary.share:g} %")
    if same == state.shadow:
        parts.append("shadow")
    return {
        "name": model.name, "version": model.version, "sha256": model.sha256, "where": there.where,
        "ready": there.ready, "parts": parts,
    }  # fmt: skip


def _configured(there: ModelThere, tree: Settings) -> bool:
    section = getattr(tree, tree.inference.engine)
    return bool(section.model == there.model.name and section.model_version in ("", there.model.version))
