"""The engine of a model that the control topic names: the settings' own, but for the model."""

from __future__ import annotations

from typing import Any

from streamproc.inference.channel import Certificates
from streamproc.inference.configured import create_engine
from streamproc.inference.engine import Engine
from streamproc.inference.served import Catalogue
from streamproc.routing.lanes import Wanted
from streamproc.settings import Settings


def engine_of(wanted: Wanted, settings: Settings, certificates: Certificates, catalogue: Catalogue) -> Engine:
    """The engine of a model of the control topic's, not started.

    Raises:
        StreamprocError: SETTINGS_INVALID, models.toml has not this model.
    """
    kind = settings.inference.engine
    changed: dict[str, Any] = {}
    if wanted.model is not None:
        # It is not the settings' model that would be missing there.
        catalogue.pick(wanted.model.name, wanted.model.version, "STREAMPROC_INFERENCE__MODELS_FILE")
        section = getattr(settings, kind)
        changed[kind] = section.model_copy(update={"model": wanted.model.name, "model_version": wanted.model.version})
    if not wanted.champion:
        changed["inference"] = settings.inference.model_copy(update={"fallback": "pause"})
    return create_engine(settings.model_copy(update=changed), certificates, catalogue)
