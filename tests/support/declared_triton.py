"""A real Triton whose models are written by what a models.toml says of them, and replaced while it serves."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tritonclient.grpc import InferenceServerClient

from streamproc.inference.declaration import ModelDeclaration
from streamproc.inference.served import Catalogue, ServedModel
from streamproc.inference.triton_repository import write_model
from streamproc.localstack.triton import TritonPart
from support.tiny_wav2vec2 import models_toml


def declared(file: Path, key: str) -> ServedModel:
    """One model of a models.toml."""
    model = Catalogue.read(file).get(key)
    assert model is not None
    return model


def changed(model: ServedModel, **said: object) -> ServedModel:
    """The same with other keys."""
    assert model.declared is not None
    declaration: ModelDeclaration = model.declared.model_copy(update=said)
    return replace(model, version=declaration.version, form=declaration, declared=declaration)


def wav2vec2(folder: Path, content: bytes, name: str = "ipa", **said: Any) -> ServedModel:
    """Such a model, declared in a folder of its own."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    return declared(models_toml(place, content, name, **said), name)


class DeclaredTriton(TritonPart):
    """It loads what it is told to."""

    def __init__(self, folder: Path) -> None:
        repository = folder / "repository"
        repository.mkdir(parents=True)
        super().__init__(folder / "triton", models=repository, arguments=("--model-control-mode=explicit",))

    def serve(self, model: ServedModel, content: bytes, *, said: str | None = None) -> None:
        """Load a model, or another in its place.

        Args:
            model: its name, tensors and so on.
            content: of its file.
            said: the SHA-256 that its configuration has; without it that of the file.
        """
        file = self.folder.parent / f"{model.name}.onnx"
        file.write_bytes(content)
        own = hashlib.sha256(content).hexdigest()
        folder = write_model(changed(model, sha256=own), file, self._models, "python", max_batch=4)
        if said is not None:
            config = folder / "config.pbtxt"
            config.write_text(config.read_text().replace(own, said))
        with InferenceServerClient(self.address) as client:
            client.load_model(model.name)
