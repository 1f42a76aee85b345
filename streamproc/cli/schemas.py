"""``streamproc schemas``: the event contracts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import click

from streamproc import settings as settings_module
from streamproc.cli.registries import with_registry
from streamproc.contracts import files, live, plan
from streamproc.contracts.majors import MAJORS
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep import checks
from streamproc.contracts.upkeep.changes import changes
from streamproc.contracts.upkeep.lint import SchemaProblem
from streamproc.contracts.upkeep.lint import lint as lint_files
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import Settings
from streamproc.terminal import example, safe

T = TypeVar("T")

folder_option = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Schema files instead of this release's own.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
url_option = click.option(
    "--url", help="Registry instead of the one in the settings, for example http://127.0.0.1:8081."
)


@click.group()
def command() -> None:
    """The event schemas: the files under schemas/ are the truth, the registry holds a copy.

    A worker never registers a schema: somebody runs `streamproc schemas register`, in the order that `streamproc
    schemas plan` shows. Exit code 1 means that something is wrong with a schema, or that the registry does not answer.
    """


@command.command(epilog=example("schemas lint"))
@folder_option
@json_option
def lint(folder: Path | None, as_json: bool) -> None:
    """Check every schema file by itself.

    What is checked: JSON, Avro, names, docs, defaults, PII classes.
    """
    _report(lint_files(folder or files.schema_folder()), as_json, "every schema file is sound")


@command.command(epilog=example("schemas check", "schemas check --registry http://127.0.0.1:8081"))
@folder_option
@click.option(
    "--registry", "url", help="Ask this registry as well: does it hold what the files say, would it accept them?"
)
@json_option
def check(folder: Path | None, url: str | None, as_json: bool) -> None:
    """Check every version against all earlier ones.

    Also what `lint` checks, and that released files are unchanged.
    """
    found = checks.check(folder or files.schema_folder())
    if url is not None and not found:
        settings = _settings(url)
        findings = _with_registry(settings, lambda registry: _compare(registry, _topics(settings), folder))
        if not as_json:
            for finding in findings:
                _say(finding)
        found = [
            SchemaProblem(f"{finding.subject} {finding.what}", f"{finding.state}: {finding.detail}")
            for finding in findings
            if not finding.ok
        ]
    _report(found, as_json, "released files are unchanged, and every version keeps its promise to the earlier ones")


@command.command(epilog=example("schemas register", "schemas register reading.activity"))
@click.argument("contracts", nargs=-1, metavar="[CONTRACT]...")
@folder_option
@url_option
@json_option
def register(contracts: tuple[str, ...], folder: Path | None, url: str | None, as_json: bool) -> None:
    """Register every version of the contracts.

    All of them, unless some are named; the oldest version first, and the level of compatibility.

    Versions that are there already keep their ids, so that it is safe to run again. Nothing is registered that
    `streamproc schemas check` finds fault with.
    """
    found = checks.check(folder or files.schema_folder())
    if found:
        _report(found, as_json, "")
    chosen = [_contract(name, folder) for name in contracts] or list(files.contracts(folder))
    settings = _settings(url)
    rows = _with_registry(settings, lambda registry: register_versions(registry, chosen, _topics(settings), folder))
    if as_json:
        click.echo(json.dumps({"registry": settings.registry.url, "schemas": rows}))
        return
    for row in rows:
        _say(f"{row['subject']} version {row['version']}: schema id {row['id']}")


@command.command(epilog=example("schemas release --folder schemas"))
@folder_option
def release(folder: Path | None) -> None:
    """Seal new schema files.

    From then on `check` refuses any change to them.
    """
    folder = folder or files.schema_folder()
    found = [problem for problem in checks.check(folder) if "is not released" not in problem.message]
    if found:
        _report(found, False, "")
    for name in checks.seal(folder):
        click.echo(f"{name}: sealed in {checks.CHECKSUMS}")


@command.command(epilog=example("schemas diff reading.activity 1 2"))
@click.argument("contract")
@click.argument("old", type=int)
@click.argument("new", type=int)
@folder_option
@json_option
def diff(contract: str, old: int, new: int, folder: Path | None, as_json: bool) -> None:
    """Show what changed between two versions of CONTRACT.

    Field by field, from version OLD to version NEW.
    """
    _refuse_unsound(folder, as_json)
    by_version = {file.version: file for file in files.versions(_contract(contract, folder).name, folder)}
    for version in (old, new):
        if version not in by_version:
            raise click.ClickException(f"{contract} has no version {version}, only {', '.join(map(str, by_version))}")
    found = list(changes(by_version[old].schema, by_version[new].schema))
    if as_json:
        rows = [{"kind": change.kind, "path": change.path, "detail": change.detail} for change in found]
        click.echo(json.dumps({"contract": contract, "old": old, "new": new, "changes": rows}))
        return
    for change in found:
        _say(change)


@command.command(epilog=example("schemas history reading.activity"))
@click.argument("contract")
@folder_option
def history(contract: str, folder: Path | None) -> None:
    """Show the versions of CONTRACT, and what each changed."""
    _refuse_unsound(folder)
    released = files.versions(_contract(contract, folder).name, folder)
    click.echo(f"version 1: {released[0].schema['doc']}")
    for older, newer in pairwise(released):
        click.echo(f"version {newer.version}:")
        for change in changes(older.schema, newer.schema):
            _say(f"  {change}")


@command.command(epilog=example("schemas docs --check"))
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if the page is out of date.")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/reference/events.md"),
    show_default=True,
    help="The page.",
)
def docs(only_check: bool, path: Path) -> None:
    """Write the event reference from the schema files."""
    from streamproc.contracts.upkeep import reference

    page = reference.markdown()
    if path.exists() and path.read_text("utf-8") == page:
        click.echo(f"{path}: current")
    elif only_check:
        raise click.ClickException(f"{path} is out of date: run 'streamproc schemas docs'")
    else:
        path.write_text(page, "utf-8")
        click.echo(f"{path}: written")


@command.command(epilog=example("schemas export avro/"))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@folder_option
def export(target: Path, folder: Path | None) -> None:
    """Write every schema into TARGET.

    Under its subject's name, for teams that generate code from Avro.
    """
    _refuse_unsound(folder)
    topics = _topics(_settings(None))
    for contract in files.contracts(folder):
        subject = files.subject(topics.get(contract.name, contract.topic))
        (target / subject).mkdir(parents=True, exist_ok=True)
        for file in files.versions(contract.name, folder):
            path = target / subject / f"{file.version}.avsc"
            path.write_text(file.text + "\n", "utf-8")
            click.echo(path)


@command.command(name="plan", epilog=example("schemas plan --worker http://127.0.0.1:6066"))
@click.option(
    "--worker",
    "workers",
    multiple=True,
    metavar="URL",
    help="A running worker, for example http://127.0.0.1:6066; repeat it.",
)
@url_option
@json_option
def plan_command(workers: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Show the order of a roll-out, and how far it has come.

    Exit code 1 when a step was taken too early.
    """
    settings = _settings(url)
    answers = asyncio.run(_ask_workers(workers)) if workers else None
    steps = _with_registry(settings, lambda registry: plan.roll_out(registry, _topics(settings), answers))
    early = [step for step in steps if step.state == "early"]
    if as_json:
        rows = [{"step": step.title, "state": step.state, "detail": step.detail} for step in steps]
        click.echo(json.dumps({"registry": settings.registry.url, "steps": rows}))
    else:
        for number, step in enumerate(steps, 1):
            _say(f"{number}. [{step.state}] {step.title}")
            _say(f"   {step.detail}")
    if early and as_json:
        raise SystemExit(1)
    if early:
        raise click.ClickException(f"taken before the steps that it needs: {early[0].title}")


def _report(found: list[SchemaProblem], as_json: bool, all_well: str) -> None:
    """Print problems and exit with code 1 where there are any."""
    if as_json:
        click.echo(
            json.dumps({"problems": [{"where": problem.where, "message": problem.message} for problem in found]})
        )
    elif found:
        for problem in found:
            _say(problem, err=True)
    else:
        click.echo(all_well)
    if found:
        raise SystemExit(1)


def _say(what: object, *, err: bool = False) -> None:
    """Print what may hold a registry's words, line by line."""
    for line in str(what).split("\n"):
        click.echo(safe(line), err=err)


def _refuse_unsound(folder: Path | None, as_json: bool = False) -> None:
    found = lint_files(folder) if folder else []
    if found:
        _report(found, as_json, "")


def _settings(url: str | None) -> Settings:
    settings = settings_module.load()
    if url is None:
        return settings
    return settings.model_copy(update={"registry": settings.registry.model_copy(update={"url": url})})


def _topics(settings: Settings) -> dict[str, str]:
    """Contract -> topic: as the settings call it, where they do."""
    topics = {contract.name: contract.topic for contract in files.contracts()}
    kafka = settings.kafka
    results = {major.contract: kafka.topic_of(major) for major in MAJORS.values()}
    own = {files.PROGRESS: settings.progress.topic, files.CORRECTION: settings.progress.correction_topic}
    return {**topics, files.ACTIVITY: kafka.activity_topic, files.CONTROL: kafka.control_topic, **results, **own}


def _contract(name: str, folder: Path | None) -> files.Contract:
    by_name = {contract.name: contract for contract in files.contracts(folder)}
    if name not in by_name:
        raise click.ClickException(f"there is no contract {name}; there are {', '.join(by_name)}")
    return by_name[name]


def _with_registry(settings: Settings, work: Callable[[Registry], Awaitable[T]]) -> T:
    try:
        return with_registry(settings, work)
    except StreamprocError as error:
        if error.code is ErrorCode.SCHEMA_REFUSED:
            raise click.ClickException(error.message) from error
        raise


async def _compare(registry: Registry, topics: dict[str, str], folder: Path | None) -> list[live.Finding]:
    found = []
    for contract in files.contracts(folder):
        found += await live.compare(registry, contract, topics.get(contract.name, contract.topic), folder)
    return found


async def register_versions(
    registry: Registry, contracts: list[files.Contract], topics: dict[str, str], folder: Path | None
) -> list[dict[str, str | int]]:
    """Register every version of these contracts for ``topics`` (contract -> topic), and their compatibility."""
    rows: list[dict[str, str | int]] = []
    for contract in contracts:
        subject = files.subject(topics.get(contract.name, contract.topic))
        # The first version makes the subject; the level guards all that follow.
        known = bool(await registry.versions(subject))
        for file in files.versions(contract.name, folder):
            if known:
                await registry.set_compatibility(subject, contract.compatibility)
            schema_id = await live.register(registry, subject, file.text, contract.compatibility)
            rows.append({"subject": subject, "version": file.version, "id": schema_id})
            known = True
        await registry.set_compatibility(subject, contract.compatibility)
    return rows


async def _ask_workers(addresses: tuple[str, ...]) -> dict[str, dict[str, int]]:
    import aiohttp

    from streamproc.contracts.answers import AnswerTooLongError, read_limited

    answers: dict[str, dict[str, int]] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for address in addresses:
            try:
                async with session.get(f"{address.rstrip('/')}/contracts", raise_for_status=True) as response:
                    answers[address] = _versions(json.loads(await read_limited(response.content.iter_any())))
            except (aiohttp.ClientError, AnswerTooLongError, TimeoutError, ValueError) as error:
                raise click.ClickException(
                    f"the worker at {address} gives no answer: {type(error).__name__}"
                ) from error
    return answers


def _versions(answer: object) -> dict[str, int]:
    """What a worker's /contracts page says; ValueError: it is no such page."""
    if not isinstance(answer, dict) or not all(type(version) is int for version in answer.values()):
        raise ValueError("no versions by contract")
    return answer
