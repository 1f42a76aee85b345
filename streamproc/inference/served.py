"""The models that a worker may serve, by name and by what answers say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.engine import ModelIdentity
from streamproc.inference.form import BUILT_IN, ModelForm
from streamproc.inference.models_file import read_models


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model as the worker serves it. Never changed."""

    name: str
    """In the model repository."""
    version: str
    """There; empty: the newest."""
    form: ModelForm
    """What it takes and gives."""
    key: str = ""
    """What operators call it: its table in models.toml. Empty without one."""
    declared: ModelDeclaration | None = None
    """What its servers are compared with. None: they are taken as they are."""

    @property
    def identity(self) -> ModelIdentity:
        """As results name it; without a declaration there is no SHA-256."""
        return ModelIdentity(self.name, self.version, self.declared.sha256 if self.declared else "")


def built_in(name: str, version: str) -> ServedModel:
    """A model of the shipped one's form, of which nobody has said which weights it has."""
    return ServedModel(name, version, BUILT_IN)


class Catalogue:
    """The models of a models.toml, or none.

    Args:
        models: by the names of their tables.
        file: for messages; None: there is no models.toml.
    """

    def __init__(self, models: Mapping[str, ModelDeclaration], file: Path | None) -> None:
        self._file = file
        self._models = {
            key: ServedModel(declared.model or key, declared.version, declared, key, declared)
            for key, declared in models.items()
        }

    @classmethod
    def read(cls, file: Path | None) -> Catalogue:
        """Of a file; None: an empty one.

        Raises:
            ModelsFileError: SETTINGS_INVALID, all that is wrong with it.
        """
        return cls({} if file is None else read_models(file), file)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def get(self, key: str) -> ServedModel | None:
        """The one whose table is called so."""
        return self._models.get(key)

    def of(self, identity: ModelIdentity) -> ServedModel:
        """The one that has answered: by its SHA-256, as names and versions of a repository may be used anew."""
        for model in self:
            if model.identity.sha256 == identity.sha256:
                return model
        return built_in(identity.name, identity.version)

    def pick(self, name: str, version: str, setting: str) -> ServedModel:
        """The one that the settings name, by its table or by its name in the repository.

        Args:
            name, version: as they are set; an empty version: the only one that there is.
            setting: which one names the model, for the message.

        Raises:
            StreamprocError: SETTINGS_INVALID, the file has none, or several.
        """
        if self._file is None:
            return built_in(name, version)
        named = [model for model in self if model.key == name] or [model for model in self if model.name == name]
        found = [model for model in named if version in ("", model.version)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(f"{model.key} (version {model.version})" for model in self)
        what = f"{name!r}" + (f" of version {version}" if version else "")
        why = f"has several models {what}" if found else f"has no model {what}"
        raise StreamprocError(ErrorCode.SETTINGS_INVALID, f"{setting}: {self._file} {why}; it has {there}")
