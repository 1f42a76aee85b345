"""MLflow's model registry: which models there are, each by its SHA-256, and what was found of them.

A model version stands for one file, its SHA-256; each report is a run of its own. The gate takes the newest one.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from streamproc.training.gate import Gate, Report, gate_among, is_number

EXPERIMENT = "streamproc evaluations"
_COUNTS = ("clips", "words", "unscorable")
_IDENTITY = ("model_sha256", "recordings_sha256")


class MlflowError(ValueError):
    """MLflow is not installed, or its store cannot be used."""


class MlflowRegistry:
    """MLflow's registry and runs in one store.

    Args:
        uri: ``sqlite:///FILE``, ``http://HOST`` or any other that MLflow knows.

    Raises:
        MlflowError: see there.
    """

    def __init__(self, uri: str) -> None:
        # Neither what is registered nor that it is is anybody else's business.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as missing:
            raise MlflowError(f"{missing}: pip install 'streamproc[mlflow]'") from None
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self._uri = uri
        self._error = MlflowException
        self._client: Any = self._asked(lambda: MlflowClient(uri, uri))

    def register(self, name: str, sha256: str, version: str, source: str, card: str, report: Report) -> str:
        """Have a model and a report on it known; the number of its version in the registry.

        Args:
            name: in Triton's repository, and in the registry.
            version: in Triton's repository.
            source: where its file is.
            card: what people should know of it, Markdown; empty: what is known stays.
            report: what `streamproc models evaluate` wrote of this very model.
        """
        return str(self._asked(lambda: self._register(name, sha256, version, source, card, report)))

    def find_report(self, sha256: str) -> Report | None:
        """The figures of the newest report on a model; None where there is none."""
        runs = self._asked(lambda: self._runs(sha256))
        if not runs:
            return None
        data = runs[0].data
        counted = {name: int(data.metrics[name]) for name in _COUNTS if name in data.metrics}
        return {**data.metrics, **counted, **{name: data.tags[name] for name in _IDENTITY if name in data.tags}}

    def _register(self, name: str, sha256: str, version: str, source: str, card: str, report: Report) -> str:
        client = self._client
        run = client.create_run(self._experiment(), run_name=f"{name} {sha256[:12]}").info.run_id
        for key in _IDENTITY:
            client.set_tag(run, key, str(report.get(key)))
        for figure, value in _figures(report).items():
            client.log_metric(run, figure, value)
        client.set_terminated(run)
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        found = client.search_model_versions(f"name = '{name}' and tag.sha256 = '{sha256}'")
        if found:
            number = found[0].version
        else:
            tags = {"sha256": sha256, "version": version}
            number = client.create_model_version(name, source, run, tags=tags).version
        if card:
            client.update_model_version(name, str(number), card)
        return str(number)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id if found is not None else self._client.create_experiment(EXPERIMENT))

    def _runs(self, sha256: str) -> list[Any]:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            return []
        newest = ["attributes.start_time DESC"]
        return list(self._client.search_runs([found.experiment_id], f"tags.model_sha256 = '{sha256}'", 1, 1, newest))

    def _asked(self, question: Any) -> Any:
        try:
            return question()
        except (self._error, OSError, ImportError) as error:
            told = str(error).splitlines()[0]
            raise MlflowError(f"{self._uri}: MLflow's registry cannot be used: {told}") from None


def gate_of_store(store: str, champion_sha256: str, candidate_sha256: str) -> Gate:
    """Whether a model may take the champion's place, by the newest reports of both in a store.

    Raises:
        MlflowError: it cannot be used.
    """
    registry = MlflowRegistry(store)
    reports = {sha256: registry.find_report(sha256) for sha256 in (champion_sha256, candidate_sha256)}
    found = {sha256: report for sha256, report in reports.items() if report is not None}
    how = f"streamproc models register REPORT --models-file FILE --name MODEL --store {store}"
    return gate_among(found, champion_sha256, candidate_sha256, f"{store}: {how}")


def is_store(text: str) -> bool:
    """Whether this is an MLflow store's address, and no folder."""
    return "://" in text


def _figures(report: Report) -> dict[str, float]:
    return {name: float(value) for name, value in report.items() if is_number(value)}
