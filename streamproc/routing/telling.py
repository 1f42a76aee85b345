"""Control events and what they came to, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from streamproc.contracts.generated.events_control import ControlEvent, LiveSettings
from streamproc.routing.control import ControlChange


def live_of(live: LiveSettings) -> dict[str, int | float | str]:
    """The settings that the control topic sets; those that are each worker's own are left out."""
    return {name: value for name, value in asdict(live).items() if value is not None}


def what(event: ControlEvent) -> str:
    """What an event changes, in a few words."""
    model = "" if event.model is None else f" {event.model.name}/{event.model.version}"
    share = "" if event.share is None else f" {100 * event.share:g} %"
    forced = " (forced)" if event.forced else ""
    live = ""
    if event.live is not None:
        live = " " + (", ".join(f"{name}={value}" for name, value in live_of(event.live).items()) or "of each worker")
    return f"{event.kind.value.lower()}{model}{share}{forced}{live}"


def change_json(told: ControlChange) -> dict[str, Any]:
    """A change, for programs."""
    event = asdict(told.event)
    event["at"] = told.event.at.isoformat().replace("+00:00", "Z")
    event["kind"] = told.event.kind.value
    return {"offset": told.offset, "fate": told.fate.value, "why": told.why, **event}
