"""What `streamproc doctor` looks at: each check says how it is and, where it is not well, what to do.

A check that cannot be made, since one before it failed, fails too: nothing is called well that nobody has seen.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

from confluent_kafka import libversion
from packaging.requirements import Requirement

from streamproc.cli.surroundings import clock, names, tls
from streamproc.contracts import files, live
from streamproc.contracts.registry import Registry
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.inference.configured import create_engine
from streamproc.kafka import topics
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import Settings, load

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """How one thing is. detail: what was found, never a secret; remedy: what to do, empty where all is well."""

    name: str
    state: State
    detail: str
    remedy: str = ""


ORDER = ("settings", "versions", "names", "tls", "clock", "kafka", "topics", "acls", "registry", "schemas", "model")
"""All checks, as they are made."""

_REMEDIES = {
    ErrorCode.KAFKA_UNAVAILABLE: "start Kafka, or correct the address; can this machine reach it?",
    ErrorCode.KAFKA_REFUSED: "mend Kafka's login, certificate or permission: docs/how-to/secure-kafka.md",
    ErrorCode.TOPIC_MISSING: "run 'streamproc topics create'",
    ErrorCode.REGISTRY_UNAVAILABLE: "start the registry, or correct STREAMPROC_REGISTRY__URL and its login",
    ErrorCode.RESULT_SCHEMA_MISSING: "run 'streamproc schemas register'",
    ErrorCode.ACTIVITY_SCHEMA_MISSING: "run 'streamproc schemas register'",
    ErrorCode.SCHEMA_REFUSED: "run 'streamproc schemas check': somebody has registered what breaks readers",
    ErrorCode.SCHEMA_UNREADABLE: "deploy a newer worker: a publisher's schema is newer than this one",
    ErrorCode.INFERENCE_UNAVAILABLE: "start Triton with the model, or correct STREAMPROC_TRITON__URLS, __MODEL",
    ErrorCode.INFERENCE_TIMEOUT: "Triton is too slow: look at its log and at STREAMPROC_TRITON__TIMEOUT",
    ErrorCode.MODEL_UNSUITABLE: "serve a model that this release can use, or correct the model's name and version",
    ErrorCode.SETTINGS_INVALID: "correct the setting: 'streamproc settings' explains each",
}


def failed(name: str, error: StreamprocError) -> Check:
    """The check that has met an error."""
    remedy = _REMEDIES.get(error.code, f"see {error.code.name} in docs/reference/errors.md")
    return Check(name, "fail", f"{error.code.name}: {error.message}", remedy)


async def diagnose() -> AsyncIterator[Check]:
    """Every check, in ORDER, as soon as it is made."""
    try:
        settings = load()
    except StreamprocError as error:
        yield failed("settings", error)
        for name in ORDER[1:]:
            yield _unseen(name, "settings")
        return
    yield _attempt("settings", _settings, settings)
    yield versions()
    for name, look in (("names", names), ("tls", tls), ("clock", clock)):
        yield Check(name, *(await asyncio.to_thread(look, settings)))
    yield (kafka := await asyncio.to_thread(_attempt, "kafka", _kafka, settings))
    for name, look_there in (("topics", _topics), ("acls", _acls)):
        if kafka.state == "fail":
            yield _unseen(name, "kafka")
        else:
            yield await asyncio.to_thread(_attempt, name, look_there, settings)
    registry = Registry(settings.registry)
    try:
        yield (answers := await _registry(settings, registry))
        yield _unseen("schemas", "registry") if answers.state == "fail" else await _schemas(settings, registry)
    finally:
        await registry.close()
    yield await _model(settings)


def _unseen(name: str, other: str) -> Check:
    return Check(name, "fail", f"cannot be looked at: {other} is not well", f"see {other}")


def _attempt(name: str, look: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return look(settings)
    except StreamprocError as error:
        return failed(name, error)


def _settings(settings: Settings) -> Check:
    VariantAligner(settings.scoring.accepted_file)  # reads and checks the file
    return Check("settings", "ok", "every setting is one, and has a value that it can have")


def versions() -> Check:
    """What is installed, and whether it is what this release asks for."""
    wrong = []
    for line in requires("streamproc") or ():
        wanted = Requirement(line)
        extra = wanted.marker is not None and "extra" in str(wanted.marker)
        worker = wanted.marker is not None and wanted.marker.evaluate({"extra": "worker"})
        if wanted.name == "streamproc" or (extra and not worker):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            wrong.append(f"{wanted.name} is not installed")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} is {found}, wanted is {wanted.specifier}")
    if wrong:
        return Check(
            "versions", "fail", "; ".join(wrong), "run pip install 'streamproc[worker]' into an environment of its own"
        )
    told = (f"{name} {version(name)}" for name in ("streamproc", "faust-streaming", "confluent-kafka"))
    return Check(
        "versions", "ok", f"{', '.join(told)}, librdkafka {libversion()[0]}, Python {platform.python_version()}"
    )


def _kafka(settings: Settings) -> Check:
    there = topics.existing(settings)
    return Check(
        "kafka", "ok", f"{settings.kafka.bootstrap_servers} answers and lets this user in; {len(there)} topics"
    )


def _topics(settings: Settings) -> Check:
    there, wanted = topics.existing(settings), topics.wanted(settings)
    if missing := [name for name in wanted if name not in there]:
        return Check(
            "topics",
            "fail",
            f"missing, or hidden from this user: {', '.join(missing)}",
            _REMEDIES[ErrorCode.TOPIC_MISSING],
        )
    partitions = there[settings.kafka.activity_topic]
    if partitions != settings.kafka.partitions:
        return Check(
            "topics",
            "warn",
            f"{settings.kafka.activity_topic} has {partitions} partitions, STREAMPROC_KAFKA__PARTITIONS is "
            f"{settings.kafka.partitions}",
            "set it to what there is: so many workers can share the work",
        )
    return Check("topics", "ok", f"{len(wanted)} topics are there; {partitions} partitions of activities")


def _acls(settings: Settings) -> Check:
    topics.check(settings)
    return Check("acls", "ok", "this user may read activities, write results and dead letters, and use its group")


async def _registry(settings: Settings, registry: Registry) -> Check:
    try:
        await registry.versions(f"{settings.kafka.activity_topic}-value")
    except StreamprocError as error:
        return failed("registry", error)
    return Check("registry", "ok", f"{registry.url} answers and lets this user in")


async def _schemas(settings: Settings, registry: Registry) -> Check:
    kafka = settings.kafka
    results = topics.contracts_written(settings)
    wanted = {**results, files.ACTIVITY: kafka.activity_topic}
    try:
        await live.check_before_start(registry, kafka.activity_topic, results)
        found = [
            finding
            for contract in files.contracts()
            if contract.name in wanted
            for finding in await live.compare(registry, contract, wanted[contract.name])
        ]
    except StreamprocError as error:
        return failed("schemas", error)
    odd = [str(finding) for finding in found if finding.state != "registered"]
    if odd:
        return Check(
            "schemas", "warn", "; ".join(odd), "run 'streamproc schemas check', then 'streamproc schemas register'"
        )
    return Check("schemas", "ok", f"{len(found)} versions are registered as in the files")


async def _model(settings: Settings) -> Check:
    engine = create_engine(settings)
    try:
        await engine.start()
        model = engine.model
        return Check(
            "model", "ok", f"{settings.inference.engine} has {model}, SHA-256 {model.sha256[:12]}…, and it answers"
        )
    except StreamprocError as error:
        return failed("model", error)
    finally:
        await engine.close()
