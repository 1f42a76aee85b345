"""The order in which a new version goes out, and how far it has come.

Readers go first. A result may be read by anybody once its schema is registered, because results are compatible in both
directions; an activity may only be published in a new version when every worker reads it. Hence: register the
results, deploy the workers, register the activity, upgrade the publishers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamproc.contracts import files
from streamproc.contracts.registry import Registry


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a roll-out."""

    title: str
    state: str
    """``done``, ``next``, ``later``, or ``early``: done before a step that it needs."""
    detail: str


def versions_read() -> dict[str, int]:
    """Contract -> the newest version that this release reads and writes; what a worker's /contracts page answers."""
    return {contract.name: files.newest(contract.name).version for contract in files.contracts()}


async def roll_out(
    registry: Registry, topics: Mapping[str, str], workers: Mapping[str, Mapping[str, int]] | None
) -> list[Step]:
    """The steps that bring this release's newest versions into use.

    Args:
        registry: the registry that the roll-out uses.
        topics: contract -> topic.
        workers: what each running worker answers to /contracts; None: nobody has asked them.

    Raises:
        StreamprocError: REGISTRY_UNAVAILABLE.
    """
    names = [contract.name for contract in files.contracts() if contract.name not in files.OPTIONAL]
    results = [name for name in names if name != files.ACTIVITY]
    here = {name: await _newest_registered(registry, name, topics[name]) for name in names}
    wanted = versions_read()
    activity = wanted[files.ACTIVITY]
    lagging = [
        f"{address} reads {name} {reads.get(name, 0)} of {wanted[name]}"
        for address, reads in (workers or {}).items()
        for name in names
        if reads.get(name, 0) < wanted[name]
    ]
    missing = [f"{name} {wanted[name]}" for name in results if here[name] < wanted[name]]
    asked = "not checked: give every worker's address with --worker" if not workers else f"{len(workers)} checked"
    done = [
        (
            "Register the results: streamproc schemas register " + " ".join(results),
            not missing,
            f"missing: {', '.join(missing)}" if missing else "every version is registered",
        ),
        ("Deploy the workers", bool(workers) and not lagging, "; ".join(lagging) or asked),
        (
            f"Register the activity: streamproc schemas register {files.ACTIVITY}",
            here[files.ACTIVITY] >= activity,
            f"version {here[files.ACTIVITY] or 'none'} of {activity} is registered",
        ),
    ]
    steps = _states(done, unchecked={1} if not workers else set())
    follows = all(step.state in ("done", "unchecked") for step in steps)
    last = Step(
        "Upgrade the publishers",
        "next" if follows else "later",
        f"they write version {activity} as soon as they are upgraded",
    )
    return [*steps, last]


def _states(done: list[tuple[str, bool, str]], unchecked: set[int]) -> list[Step]:
    steps = []
    blocked = False
    for index, (title, is_done, detail) in enumerate(done):
        if index in unchecked:
            state = "later" if blocked else "unchecked"
        elif is_done:
            state = "early" if blocked else "done"
        else:
            state = "later" if blocked else "next"
            blocked = True
        steps.append(Step(title, state, detail))
    return steps


async def _newest_registered(registry: Registry, contract: str, topic: str) -> int:
    """The newest version of a contract that the registry holds; 0: none."""
    subject = files.subject(topic)
    newest = 0
    for file in files.versions(contract):
        if await registry.id_of(subject, file.text) is not None:
            newest = file.version
    return newest
