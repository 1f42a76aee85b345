"""The function that rotates passwords. ``Vault`` stands in for Secrets Manager, which no machine here can reach."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.terraform import FOLDER

ROTATION = FOLDER / "modules" / "aws" / "rotation"


class Vault:
    """One secret with its versions, and the workers' service, as boto3's clients of both show them."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - boto3's name
            """There is no such version."""

    def __init__(self) -> None:
        self.versions = {"old": {"username": "worker", "password": "before"}}
        self.stages = {"old": ["AWSCURRENT"], "new": ["AWSPENDING"]}
        self.made = 0
        self.rolled: list[str] = []

    def describe_secret(self, **_: str) -> dict[str, Any]:
        return {"VersionIdsToStages": self.stages}

    def get_secret_value(self, VersionStage: str, VersionId: str | None = None, **_: str) -> dict[str, str]:  # noqa: N803
        for version, stages in self.stages.items():
            if VersionStage in stages and version in self.versions and VersionId in (None, version):
                return {"SecretString": json.dumps(self.versions[version])}
        raise self.exceptions.ResourceNotFoundException

    def get_random_password(self, PasswordLength: int, **_: bool) -> dict[str, str]:  # noqa: N803
        self.made += 1
        return {"RandomPassword": str(self.made) * PasswordLength}

    def put_secret_value(self, ClientRequestToken: str, SecretString: str, **_: Any) -> None:  # noqa: N803
        self.versions[ClientRequestToken] = json.loads(SecretString)

    def update_secret_version_stage(self, MoveToVersionId: str, RemoveFromVersionId: str, **_: str) -> None:  # noqa: N803
        self.stages = {RemoveFromVersionId: ["AWSPREVIOUS"], MoveToVersionId: ["AWSCURRENT"]}

    def update_service(self, service: str, **_: Any) -> None:
        self.rolled.append(service)


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def rotate(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    boto3 = ModuleType("boto3")
    boto3.client = lambda _: vault  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setenv("CLUSTER", "cluster")
    monkeypatch.setenv("SERVICES", json.dumps({"worker's": "service", "registry's": "registry"}))
    spec = importlib.util.spec_from_file_location("rotate", ROTATION / "rotate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def step(rotate: ModuleType, name: str, secret: str = "worker's") -> None:
    rotate.handler({"SecretId": secret, "ClientRequestToken": "new", "Step": name}, None)


def test_a_rotation_puts_one_new_password_into_force_and_rolls_the_workers(rotate: ModuleType, vault: Vault) -> None:
    for name in ("createSecret", "createSecret", "setSecret", "testSecret", "finishSecret", "finishSecret"):
        step(rotate, name)
    assert vault.stages == {"old": ["AWSPREVIOUS"], "new": ["AWSCURRENT"]}
    assert vault.versions["new"] == {"username": "worker", "password": "1" * 32}
    assert vault.made == 1
    assert vault.rolled == ["service"]


def test_the_registry_s_rotation_rolls_the_registry_alone(rotate: ModuleType, vault: Vault) -> None:
    for name in ("createSecret", "finishSecret"):
        step(rotate, name, "registry's")
    assert vault.rolled == ["registry"]


def test_another_user_s_rotation_leaves_the_workers_alone(rotate: ModuleType, vault: Vault) -> None:
    for name in ("createSecret", "finishSecret"):
        step(rotate, name, "publisher's")
    assert vault.rolled == []


def test_a_version_that_is_not_pending_is_refused(rotate: ModuleType, vault: Vault) -> None:
    vault.stages["new"] = []
    with pytest.raises(ValueError, match="not pending"):
        step(rotate, "finishSecret")


def test_an_unknown_step_is_refused(rotate: ModuleType) -> None:
    with pytest.raises(ValueError, match="unknown step eraseSecret"):
        step(rotate, "eraseSecret")


def test_the_package_is_of_this_source(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("pack", ROTATION / "pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.pack(tmp_path / "rotate.zip")
    assert (tmp_path / "rotate.zip").read_bytes() == (ROTATION / "rotate.zip").read_bytes(), "python pack.py"
