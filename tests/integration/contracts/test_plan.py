"""The plan of a roll-out, from what a real registry holds."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from support.contract_fixtures import Topics

from streamproc.cli.schemas import command
from streamproc.contracts import files
from streamproc.contracts.majors import V2
from streamproc.contracts.plan import roll_out, versions_read
from streamproc.contracts.registry import Registry
from streamproc.localstack.stack import Addresses

OLD = {files.ACTIVITY: 1, files.RESULT: 1}


async def states(registry: Registry, topics: Topics, workers: dict[str, dict[str, int]] | None) -> list[str]:
    by_contract = {contract.name: topics.of(contract.name) for contract in files.contracts()}
    return [step.state for step in await roll_out(registry, by_contract, workers)]


async def register(registry: Registry, topics: Topics, contract: str) -> None:
    for file in files.versions(contract):
        await registry.register(files.subject(topics.of(contract)), file.text)


async def test_steps_are_taken_in_order(registry: Registry, topics: Topics) -> None:
    old, new = {"http://one": OLD}, {"http://one": versions_read()}
    assert await states(registry, topics, old) == ["next", "later", "later", "later"]
    await register(registry, topics, files.RESULT)
    await register(registry, topics, V2.contract)
    await register(registry, topics, files.CONTROL)
    assert await states(registry, topics, old) == ["done", "next", "later", "later"]
    assert await states(registry, topics, {**new, "http://two": OLD}) == ["done", "next", "later", "later"]
    assert await states(registry, topics, None) == ["done", "unchecked", "next", "later"]
    assert await states(registry, topics, new) == ["done", "done", "next", "later"]
    await register(registry, topics, files.ACTIVITY)
    assert await states(registry, topics, new) == ["done", "done", "done", "next"]
    assert await states(registry, topics, old) == ["done", "next", "early", "later"]


async def test_an_activity_that_is_registered_too_early_is_found(registry: Registry, topics: Topics) -> None:
    await register(registry, topics, files.ACTIVITY)
    assert await states(registry, topics, None) == ["next", "later", "early", "later"]


def test_a_step_taken_too_early_is_exit_code_1(
    stack: Addresses, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_REGISTRY__URL", stack.registry_url)
    monkeypatch.setenv("STREAMPROC_KAFKA__ACTIVITY_TOPIC", topics.activity)
    monkeypatch.setenv("STREAMPROC_KAFKA__RESULT_TOPIC", topics.result)
    assert CliRunner().invoke(command, ["plan"]).exit_code == 0
    registered = CliRunner().invoke(command, ["register", files.ACTIVITY])
    assert registered.exit_code == 0, registered.output
    early = CliRunner().invoke(command, ["plan"])
    assert early.exit_code == 1
    assert "Register the activity" in early.output.splitlines()[-1]
