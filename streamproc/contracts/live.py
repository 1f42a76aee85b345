"""The schema files and a live registry: compared, registered, and checked by a worker before it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from streamproc.contracts import files
from streamproc.contracts.compatibility import Level, Violation, parse_schema, violations
from streamproc.contracts.files import Contract
from streamproc.contracts.registry import HeldSchema, Registry
from streamproc.contracts.writers import readable, record_name
from streamproc.errors import ErrorClass, ErrorCode, StreamprocError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """How one schema stands in the registry."""

    subject: str
    what: str
    """``version 2``, or ``level``."""
    state: str
    """registered, new, refused, unknown or different."""
    ok: bool
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.subject} {self.what}: {self.state}{': ' if self.detail else ''}{self.detail}"


async def compare(registry: Registry, contract: Contract, topic: str, folder: Path | None = None) -> list[Finding]:
    """How the files of ``contract`` stand in the registry, and what else it holds.

    States: ``registered``; ``new`` (not registered; the registry would accept it); ``refused`` (it would not);
    ``unknown`` (registered, but no file says so); ``different`` (the level).

    Raises:
        StreamprocError: REGISTRY_UNAVAILABLE.
    """
    subject = files.subject(topic)
    registered = await _registered(registry, subject)
    found = []
    released = files.versions(contract.name, folder)
    for file in released:
        what = f"version {file.version}"
        if file.schema in registered.values():
            found.append(Finding(subject, what, "registered", True))
        elif not registered:
            found.append(Finding(subject, what, "new", True, "run 'streamproc schemas register'"))
        elif await registry.is_compatible(subject, file.text):
            found.append(Finding(subject, what, "new", True, "the registry would accept it"))
        else:
            reasons = _reasons(contract.compatibility, file.schema, registered)
            found.append(Finding(subject, what, "refused", False, "; ".join(map(str, reasons))))
    schemas = [file.schema for file in released]
    for version, schema in registered.items():
        if schema not in schemas:
            found.append(
                Finding(subject, f"registered version {version}", "unknown", False, "no schema file says this")
            )
    level = await registry.compatibility(subject) if registered else None
    if registered and level != contract.compatibility:
        detail = f"the registry enforces {level or 'its global level'} instead of {contract.compatibility}"
        found.append(Finding(subject, "level", "different", False, detail))
    return found


async def register(registry: Registry, subject: str, text: str, level: str) -> int:
    """Register a schema and return its id.

    Raises:
        StreamprocError: SCHEMA_REFUSED with the fields that are the reason; REGISTRY_UNAVAILABLE.
    """
    try:
        return await registry.register(subject, text)
    except StreamprocError as error:
        if error.code is not ErrorCode.SCHEMA_REFUSED:
            raise
        registered = await _registered(registry, subject)
        try:
            parse_schema(text)
        except ValueError as invalid:
            raise StreamprocError(error.code, f"{error.message}\n  {invalid}") from error
        reasons = "".join(f"\n  {reason}" for reason in _reasons(level, json.loads(text), registered))
        raise StreamprocError(error.code, f"{error.message}{reasons}") from error


async def _registered(registry: Registry, subject: str) -> dict[int, object]:
    """The schemas under a subject by version, as JSON values; what is not JSON stays a text."""
    registered: dict[int, object] = {}
    for version, held in (await registry.versions(subject)).items():
        try:
            registered[version] = json.loads(held.text)
        except (ValueError, RecursionError):
            registered[version] = held.text
    return registered


def _check_readable(what: str, held: HeldSchema) -> None:
    """Refuse to start where records may come that only a newer release can read.

    A schema that no release can read is the mistake of whoever registered it: its records become dead letters.
    """
    schema = files.newest(files.ACTIVITY).schema
    if held.kind != "AVRO" or record_name(held.text) != f"{schema['namespace']}.{schema['name']}":
        log.warning("a schema of another event is registered: its records become dead letters", schema=what)
        return
    try:
        readable(what, held.text, schema)
    except StreamprocError as error:
        if error.code.error_class is not ErrorClass.POISON:
            raise
        log.warning("a schema cannot be used: its records become dead letters", schema=what, reason=error.message)


def _reasons(level: str, schema: object, registered: Mapping[int, object]) -> list[Violation]:
    """Our own explanation of a refusal: registries explain badly, each in its way."""
    new, rules = parse_schema(json.dumps(schema)), Level(level)
    reasons = []
    for other in registered.values():
        try:
            old = parse_schema(json.dumps(other))
        except ValueError:
            # Somebody else's, under this subject: `schemas check` names it.
            continue
        reasons += violations(new, old) if rules.backward else []
        reasons += violations(old, new) if rules.forward else []
    return list(dict.fromkeys(reasons))


async def check_before_start(registry: Registry, activity_topic: str, result_topics: Mapping[str, str]) -> None:
    """Refuse to start where this release could not read an activity or must not write a result; registers nothing.

    Args:
        activity_topic: what the worker reads.
        result_topics: contract -> topic of the results that it writes.

    Raises:
        StreamprocError: SCHEMA_UNREADABLE, RESULT_SCHEMA_MISSING or SCHEMA_REFUSED (fatal), naming the fields;
            REGISTRY_UNAVAILABLE (transient).
    """
    subject = files.subject(activity_topic)
    for version, held in (await registry.versions(subject)).items():
        _check_readable(f"version {version} of {subject}", held)
    for contract, topic in result_topics.items():
        subject, newest = files.subject(topic), files.newest(contract)
        if await registry.id_of(subject, newest.text) is None:
            raise StreamprocError(
                ErrorCode.RESULT_SCHEMA_MISSING,
                f"{registry.url} does not hold version {newest.version} of {contract} under {subject}: "
                "run 'streamproc schemas register'",
            )
        level = next(entry.compatibility for entry in files.contracts() if entry.name == contract)
        reasons = _reasons(level, newest.schema, await _registered(registry, subject))
        if reasons:
            raise StreamprocError(
                ErrorCode.SCHEMA_REFUSED,
                f"{subject} holds a version that does not go with version {newest.version} of {contract} ({level}):\n"
                + "\n".join(f"  {reason}" for reason in reasons),
            )
