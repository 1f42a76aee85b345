"""The stored reference of drift: of each model, by its SHA-256, how its results were distributed when all was well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.routing.drift import Profile, profile_of


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """Of one model; ``name``: its name and version, for people."""

    name: str
    profile: Profile


def read_reference(file: Path) -> dict[str, ModelProfile]:
    """SHA-256 -> profile.

    Raises:
        StreamprocError: SETTINGS_INVALID, it is no such file.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
        return {
            sha256: ModelProfile(str(one["name"]), profile_of(one["bins"])) for sha256, one in content["models"].items()
        }
    except OSError as error:
        reason = str(error.strerror)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
    told = f"{file} is no reference of drift: {reason}; 'streamproc models drift --save-reference FILE' makes one"
    raise StreamprocError(ErrorCode.SETTINGS_INVALID, told)


def write_reference(file: Path, profiles: Mapping[str, ModelProfile]) -> None:
    """Store profiles. Raises OSError."""
    models = {sha256: {"name": one.name, "bins": one.profile.bins} for sha256, one in profiles.items()}
    file.write_text(json.dumps({"models": models}) + "\n", "utf-8")
