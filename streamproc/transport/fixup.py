"""Gives an app whose broker is ``rdkafka://`` this driver's classes, where the app names none of its own.

A Faust fixup, found by its entry point whenever an app is made, so it imports next to nothing.
"""

from __future__ import annotations

import warnings
from typing import Any, cast

from faust.fixups.base import Fixup as FaustFixup
from mode.utils.imports import symbol_by_name

#: Faust's settings that name a class, and ours.
CLASSES = {
    "Stream": "streamproc.transport.surface.stream:Stream",
    "Topic": "streamproc.transport.surface.topic:Topic",
    "Agent": "streamproc.transport.surface.agent:Agent",
    "Monitor": "streamproc.transport.surface.monitor:Monitor",
    "Table": "streamproc.transport.surface.tables.table:Table",
    "SetTable": "streamproc.transport.surface.tables.sets:SetTable",
    "Router": "streamproc.transport.surface.tables.router:TableRouter",
    "TableManager": "streamproc.transport.surface.tables.manager:TableManager",
}


class Fixup(FaustFixup):
    """Waits until the app's settings are known."""

    def enabled(self) -> bool:
        """Always: at this time nobody knows the app's broker."""
        self.app.on_configured.connect(cast(Any, _on_configured))
        return True


def _on_configured(_app: Any, conf: Any, **_: Any) -> None:
    url = (_value(conf, "broker_consumer") or _value(conf, "broker") or [None])[0]
    if url is not None and url.scheme == "rdkafka":
        adopt(conf)


def adopt(conf: Any) -> None:
    """Set the classes that are still Faust's own."""
    with warnings.catch_warnings():
        # Faust warns when a setting changes that was read before; what was made from the old ones still works.
        warnings.simplefilter("ignore")
        for name, ours in CLASSES.items():
            if symbol_by_name(_value(conf, name)) is symbol_by_name(type(conf).SETTINGS[name].default):
                setattr(conf, name, ours)


def _value(conf: Any, name: str) -> Any:
    # Not the setting itself: Faust takes note of what was read, and warns when the app sets it later.
    return getattr(conf, type(conf).SETTINGS[name].storage_name)
