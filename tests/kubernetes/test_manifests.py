"""Every overlay is valid, keeps to the policies, and says what the code says."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamproc import settings
from streamproc.telemetry.catalogue import METRICS, exposed
from streamproc.telemetry.objectives import objectives

from .manifests import FOLDER, OVERLAYS, Manifest, invalid, one, refused, rendered


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(request.param)


def written(manifests: list[Manifest], folder: Path) -> Path:
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    return file


def test_an_overlay_is_valid(overlay: list[Manifest], tmp_path: Path) -> None:
    assert invalid(written(overlay, tmp_path)) == ""


def test_an_overlay_keeps_to_every_policy(overlay: list[Manifest], tmp_path: Path) -> None:
    assert refused(written(overlay, tmp_path)) == ""


@pytest.mark.parametrize("file", sorted((FOLDER / "argocd").glob("*.yaml")), ids=lambda path: path.name)
def test_argo_s_files_are_valid(file: Path) -> None:
    assert invalid(file) == ""


def test_argo_leads_to_overlays_that_are_there() -> None:
    text = "".join(file.read_text() for file in (FOLDER / "argocd").glob("*.yaml"))
    named = re.findall(r"path: terraform/kubernetes/overlays/(\w+)", text) + re.findall(r"- \{name: (\w+)\}", text)
    assert sorted(named) == sorted(OVERLAYS)


def test_each_preview_has_a_group_of_its_own(tmp_path: Path) -> None:
    sets = yaml.safe_load_all((FOLDER / "argocd" / "applicationset.yaml").read_text())
    (previews,) = [one for one in sets if one["metadata"]["name"] == "streamproc-previews"]
    source = previews["spec"]["template"]["spec"]["source"]["kustomize"]
    filled = {
        "resources": [os.path.relpath(FOLDER / "overlays" / "preview", tmp_path)],
        "patches": json.loads(json.dumps(source["patches"]).replace("{{ .number }}", "17")),
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(filled))
    manifests = rendered(tmp_path)
    (config,) = [each for each in manifests if each["kind"] == "ConfigMap"]
    assert config["data"]["STREAMPROC_KAFKA__GROUP_ID"] == "streamproc-preview-17"
    # A new name with the new contents: the worker takes that one.
    (source,) = container(one(manifests, "Deployment", "worker"))["envFrom"]
    assert source["configMapRef"]["name"] == config["metadata"]["name"]


def test_scaling_asks_for_metrics_that_there_are(overlay: list[Manifest]) -> None:
    names = {exposed(name) for name in METRICS}
    queries = [
        trigger["metadata"]["query"]
        for manifest in overlay
        if manifest["kind"] == "ScaledObject"
        for trigger in manifest["spec"]["triggers"]
    ]
    assert len(queries) == 4
    assert not [name for query in queries for name in re.findall(r"streamproc_\w+", query) if name not in names]
    namespace = one(overlay, "Deployment", "worker")["metadata"]["namespace"]
    assert all(f'namespace="{namespace}"' in query for query in queries)


def test_workers_are_added_before_the_objective_is_missed(overlay: list[Manifest]) -> None:
    (within,) = [objective.within for objective in objectives() if objective.name == "outcome"]
    triggers = one(overlay, "ScaledObject", "worker")["spec"]["triggers"]
    assert float(triggers[1]["metadata"]["threshold"]) == within / 2


def test_a_worker_s_variables_are_settings(overlay: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    worker = one(overlay, "Deployment", "worker")["spec"]["template"]["spec"]["containers"][0]
    (config,) = [each for each in overlay if each["kind"] == "ConfigMap"]
    monkeypatch.setenv(worker["env"][0]["name"], "x")
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
    tree = settings.load()
    assert tree.triton.servers == ("dns:///triton:8001",)
    assert tree.transport.security_protocol == "sasl_ssl"
    assert tree.web.port == worker["ports"][0]["containerPort"]


def pod(manifest: Manifest) -> Any:
    return manifest["spec"]["template"]["spec"]


def container(manifest: Manifest) -> Any:
    return pod(manifest)["containers"][0]


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda it: container(it).update(image="streamproc/worker:latest"), "has no digest"),
        (lambda it: container(it)["resources"]["limits"].pop("memory"), "no limit of memory"),
        (lambda it: container(it)["resources"]["limits"].pop("ephemeral-storage"), "no limit of ephemeral-storage"),
        (lambda it: pod(it)["securityContext"].update(runAsNonRoot=False), "may be root"),
        (lambda it: pod(it)["securityContext"].pop("seccompProfile"), "seccomp is not RuntimeDefault"),
        (lambda it: container(it)["securityContext"].pop("readOnlyRootFilesystem"), "may write to its image"),
        (lambda it: container(it)["securityContext"].pop("allowPrivilegeEscalation"), "may gain rights"),
        (lambda it: container(it)["securityContext"].pop("capabilities"), "has capabilities"),
        (lambda it: container(it)["securityContext"].update(privileged=True), "is privileged"),
        (lambda it: container(it).pop("readinessProbe"), "has no readinessProbe"),
        (lambda it: pod(it).update(hostNetwork=True), "has the node's hostNetwork"),
        (lambda it: pod(it)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "volume x is the node's"),
        (lambda it: pod(it)["volumes"].append({"name": "x", "emptyDir": {}}), "volume x has no limit"),
        (lambda it: pod(it).pop("automountServiceAccountToken"), "has a token of the cluster's"),
        (lambda it: pod(it).pop("enableServiceLinks"), "gets service links"),
        (lambda it: container(it)["env"].append({"name": "A_PASSWORD", "value": "x"}), "stands in the manifest"),
    ],
)
def test_a_manifest_that_breaks_a_policy_is_refused(
    tmp_path: Path, break_it: Callable[[Manifest], object], message: str
) -> None:
    worker = copy.deepcopy(one(rendered("prod"), "Deployment", "worker"))
    break_it(worker)
    assert message in refused(written([worker], tmp_path))


def test_a_misspelt_field_is_found(tmp_path: Path) -> None:
    manifests = rendered("prod")
    container(one(manifests, "Deployment", "worker"))["resorces"] = {}
    one(manifests, "ScaledObject", "worker")["spec"]["minReplicas"] = 1
    said = invalid(written(manifests, tmp_path))
    assert "resorces" in said
    assert "minReplicas" in said
