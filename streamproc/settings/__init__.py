"""Every setting of streamproc: one typed tree, from the environment or a TOML file, checked before anything starts.

A variable's name is ``STREAMPROC_`` + the section + ``__`` + the setting, for example
``STREAMPROC_WORKER__MAX_IN_FLIGHT=8``. The file named by ``STREAMPROC_CONFIG`` holds the same tree; the
environment wins over it.
"""

from __future__ import annotations

from streamproc.settings.console import ConsoleSettings
from streamproc.settings.inference import InferenceSettings
from streamproc.settings.kubernetes import service_links
from streamproc.settings.loading import given, load
from streamproc.settings.reference import documentation
from streamproc.settings.sections import (
    AudioSettings,
    EventSettings,
    KafkaSettings,
    LogSettings,
    OnnxSettings,
    QuarantineSettings,
    RegistrySettings,
    ScoringSettings,
    TelemetrySettings,
    TorchSettings,
    TritonSettings,
    WebSettings,
    WorkerSettings,
)
from streamproc.settings.servers import is_loopback
from streamproc.settings.tree import Settings
from streamproc.settings.variables import CONFIG_VARIABLE, PREFIX, variable

__all__ = [
    "CONFIG_VARIABLE",
    "PREFIX",
    "AudioSettings",
    "ConsoleSettings",
    "EventSettings",
    "InferenceSettings",
    "KafkaSettings",
    "LogSettings",
    "OnnxSettings",
    "QuarantineSettings",
    "RegistrySettings",
    "ScoringSettings",
    "Settings",
    "TelemetrySettings",
    "TorchSettings",
    "TritonSettings",
    "WebSettings",
    "WorkerSettings",
    "documentation",
    "given",
    "is_loopback",
    "load",
    "service_links",
    "variable",
]
