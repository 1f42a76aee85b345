"""``streamproc schemas``: the event contracts."""

from __future__ import annotations

import asyncio
import json

import click

from streamproc import settings as settings_module
from streamproc.contracts import files
from streamproc.contracts.registry import Registry
from streamproc.settings import Settings


@click.group()
def command() -> None:
    """The event schemas: the files under schemas/ are the truth, the registry holds a copy.

    A worker never registers a schema: somebody runs `streamproc schemas register` before a new version is used.
    """


url_option = click.option(
    "--url", help="Registry instead of the one in the settings, for example http://127.0.0.1:8081."
)


def _settings(url: str | None) -> Settings:
    settings = settings_module.load()
    if url is None:
        return settings
    return settings.model_copy(update={"registry": settings.registry.model_copy(update={"url": url})})


def _topics(settings: Settings) -> dict[str, str]:
    """Contract -> topic: as the settings call it, where they do."""
    topics = {contract.name: contract.topic for contract in files.contracts()}
    return topics | {files.ACTIVITY: settings.kafka.activity_topic, files.RESULT: settings.kafka.result_topic}


@command.command()
@url_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def register(url: str | None, as_json: bool) -> None:
    """Register every version of every contract, oldest first, and set its compatibility level.

    Versions that are there already keep their ids, so that it is safe to run again.
    """
    settings = _settings(url)
    rows = asyncio.run(_register(settings))
    if as_json:
        click.echo(json.dumps({"registry": settings.registry.url, "schemas": rows}))
        return
    for row in rows:
        click.echo(f"{row['subject']} version {row['version']}: schema id {row['id']}")


async def _register(settings: Settings) -> list[dict[str, str | int]]:
    topics = _topics(settings)
    registry = Registry(settings.registry)
    rows: list[dict[str, str | int]] = []
    try:
        for contract in files.contracts():
            subject = files.subject(topics[contract.name])
            for file in files.versions(contract.name):
                schema_id = await registry.register(subject, file.text)
                rows.append({"subject": subject, "version": file.version, "id": schema_id})
                # The first version makes the subject; the level guards those that follow.
                await registry.set_compatibility(subject, contract.compatibility)
    finally:
        await registry.close()
    return rows
