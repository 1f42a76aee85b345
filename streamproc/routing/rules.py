"""What a control event must keep to, beyond its schema: held by the commands that write it and by all who obey it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from streamproc.contracts.generated.events_control import ControlEvent, ControlKind, ControlledModel, LiveSettings

LONGEST = 500
"""Characters of a name or a reason: it is shown in one line, and logged."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def faults(event: ControlEvent) -> Iterator[str]:
    """Everything that is wrong with an event, each in a few words; nothing of it is quoted but numbers."""
    for name in ("change_id", "by", "reason"):
        text = getattr(event, name)
        if not text.strip():
            yield f"{name} is missing"
        elif len(text) > LONGEST or not text.isprintable():
            yield f"{name} is longer than {LONGEST} characters, or no line of text"
    if event.model is not None:
        yield from _model_faults(event.model)
    if event.kind is ControlKind.CANARY:
        if event.model is None:
            yield "a canary needs a model"
        yield from _share_faults(event.share)
    elif event.share is not None:
        yield "a share belongs to a canary alone"
    if (event.kind is ControlKind.ROLLBACK) != bool(event.canary_id):
        yield "a rollback, and nothing else, names the canary that ends"
    if event.kind is ControlKind.SETTINGS and event.live is None:
        yield "the settings are missing"
    if event.live is not None:
        yield from live_faults(event.live)


def _share_faults(share: float | None) -> Iterator[str]:
    if share is None:
        yield "a canary needs a share"
    elif not 0 < share <= 1:  # also what is no number
        yield f"a canary's share is above 0 % and up to 100 %, not {100 * share:g} %"


def _model_faults(model: ControlledModel) -> Iterator[str]:
    if not model.name or len(model.name) > LONGEST or not model.name.isprintable():
        yield "the model has no name"
    if not (model.version.isdecimal() and model.version.isascii()):
        yield "the model's version is no number"
    if not _SHA256.fullmatch(model.sha256):
        yield "the model's sha256 is not 64 digits, 0-9 and a-f"


def live_faults(live: LiveSettings) -> Iterator[str]:
    """What is wrong with live settings."""
    if live.max_in_flight is not None and live.max_in_flight < 1:
        yield f"max_in_flight is {live.max_in_flight}, not at least 1"
    seconds = live.max_audio_seconds
    if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
        yield f"max_audio_seconds is {seconds:g}, not above 0"
    if live.fallback not in (None, "pause", "onnx"):
        yield "fallback is neither pause nor onnx"
    if live.decode not in (None, "greedy", "beam"):
        yield "decode is neither greedy nor beam"
    if live.debug_share is not None and not 0 <= live.debug_share <= 1:
        yield f"debug_share is {live.debug_share:g}, not from 0 to 1"
