"""JSON schemas for kubeconform: Kubernetes' own, KEDA's and Argo CD's, of the versions that are named here.

``python -m support.kubernetes_schemas FOLDER`` (in tests/) makes them from the projects' Go modules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = "k8s.io/kubernetes@v1.32.4"
KEDA = "github.com/kedacore/keda/v2@v2.17.2"
ARGO = "github.com/argoproj/argo-cd/v2@v2.14.15"


def make(folder: Path) -> None:
    """Write one schema a kind: kind-group-version.json, small letters, as kubeconform's templates say."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        swagger = json.loads((_module(KUBERNETES, cache) / "api/openapi-spec/swagger.json").read_text())
        for name, schema in _of_kubernetes(swagger):
            (folder / name).write_text(json.dumps(schema))
        for file in [
            *(_module(KEDA, cache) / "config/crd/bases").glob("keda.sh_*.yaml"),
            *(_module(ARGO, cache) / "manifests/crds").glob("*-crd.yaml"),
        ]:
            for name, schema in _of_resource_definition(yaml.safe_load(file.read_text())):
                (folder / name).write_text(json.dumps(schema))


def _module(name: str, cache: str) -> Path:
    environment = {**os.environ, "GOMODCACHE": cache, "GOFLAGS": "-modcacherw"}
    command = ["go", "mod", "download", "-json", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=True)
    return Path(json.loads(done.stdout)["Dir"])


def _of_kubernetes(swagger: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    definitions = {name: _strict(one) for name, one in swagger["definitions"].items()}
    # Numbers may be text: cpu: "1".
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"type": ["string", "integer"]}
    found = []
    for name, one in definitions.items():
        for kind in one.get("x-kubernetes-group-version-kind", []) if not name.endswith("List") else []:
            file = _file(kind["kind"], kind["group"], kind["version"])
            needed = _needed(name, definitions)
            found.append((file, {"$ref": f"#/definitions/{name}", "definitions": needed}))
    return found


def _needed(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A definition with all that it refers to."""
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = definitions[one]
            waiting += [ref.rpartition("/")[2] for ref in _references(definitions[one])]
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [ref for one in value for ref in _references(one)]
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for one in value.values() for ref in _references(one)]
    return []


def _of_resource_definition(definition: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    spec = definition["spec"]
    return [
        (
            _file(spec["names"]["kind"], spec["group"], version["name"]),
            _strict(version["schema"]["openAPIV3Schema"], deep=True),
        )
        for version in spec["versions"]
    ]


def _strict(schema: Any, *, deep: bool = False) -> Any:
    """The same, with fields that it does not name forbidden: a misspelt one does nothing in a cluster."""
    if isinstance(schema, list):
        return [_strict(one, deep=deep) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value, deep=deep) if deep else value for key, value in schema.items()}
    # metadata of a resource definition is an object without fields, and stands for all that Kubernetes knows of it.
    if (
        isinstance(made.get("properties"), dict)
        and "additionalProperties" not in made
        and not made.get("x-kubernetes-preserve-unknown-fields")
    ):
        made["additionalProperties"] = False
    return made


def _file(kind: str, group: str, version: str) -> str:
    return "-".join(filter(None, (kind.lower(), group.partition(".")[0], version))) + ".json"


if __name__ == "__main__":
    make(Path(sys.argv[1]))
