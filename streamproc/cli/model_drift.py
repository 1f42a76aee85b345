"""``streamproc models drift``: how what models say changes from day to day, against a stored reference."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from streamproc.cli.drift_page import page
from streamproc.cli.failing import Failed
from streamproc.cli.letters import progress
from streamproc.cli.model_changes import load
from streamproc.cli.registries import with_registry
from streamproc.contracts.codec import ResultDecoder
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.deadletter.scan import size
from streamproc.errors import ErrorClass, StreamprocError
from streamproc.kafka.reading import TopicReader
from streamproc.routing.drift import MEASURES, SHIFT, WATCH, DayOfModel, Drift, Profile
from streamproc.routing.drift import drift as drift_of
from streamproc.routing.reference import ModelProfile, read_reference, write_reference
from streamproc.settings import Settings
from streamproc.terminal import example, safe


@click.command(
    short_help="How what models say changes from day to day.",
    epilog=example("models drift --save-reference reference.json", "models drift --days 30 --html drift.html"),
)
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How far to look back.")
@click.option(
    "--reference", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What to compare with. [default: STREAMPROC_INFERENCE__DRIFT_REFERENCE, else each model's first day]",
)  # fmt: skip
@click.option(
    "--save-reference", type=click.Path(dir_okay=False, path_type=Path),
    help="Store what each model said in these days as the reference.",
)  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def drift(days: int, reference: Path | None, save_reference: Path | None, html: Path | None, as_json: bool) -> None:
    """Compare what each model said on each day with a reference, by the results in Kafka.

    Compared are the confidence of verdicts, the share of words that were read well, and the share of phrases in which
    nobody was heard: by the population stability index (PSI) and the Kolmogorov-Smirnov distance (KS). A PSI from 0.1
    on is worth a look, from 0.25 on it is a shift: of the model, or of those who read; unless so few readings have as
    much by chance. Exit code 1: there is a shift.
    """
    for file in (save_reference, html):
        if file is not None and not file.parent.is_dir():
            raise click.BadParameter(f"there is no folder {file.parent}")
    tree = load()
    file = reference or tree.inference.drift_reference
    known = None if file is None else read_reference(file)
    found, unread = with_registry(tree, lambda registry: _read(tree, registry, days))
    if save_reference is not None and not found:
        raise Failed("models drift", f"no results in these days: {save_reference} is not written")
    stored = _first_days(found) if known is None else known
    rows = [
        DayOfModel(day, name, sha256, profile, _compared(profile, stored.get(sha256)))
        for (day, name, sha256), profile in sorted(found.items())
    ]
    told = "each model's first day" if file is None else str(file)
    try:
        if save_reference is not None:
            write_reference(save_reference, _together(found))
        if html is not None:
            html.write_text(page(rows, stored, told), "utf-8")
    except OSError as error:
        raise Failed("models drift", f"{error.filename}: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"reference": told, "unread": unread, "days": [_json(row) for row in rows]}))
    else:
        _print(rows, told, unread)
    if any(row.state == "shifted" for row in rows):
        raise SystemExit(1)


Found = dict[tuple[date, str, str], Profile]
"""(day, model's name and version, SHA-256) -> what it said."""


async def _read(tree: Settings, registry: Registry, days: int) -> tuple[Found, int]:
    """The profiles of the last days; and how many records were no result that can be read."""
    found: Found = {}
    unread = 0
    topic = tree.kafka.topic_of(V1)
    decoder = ResultDecoder(registry, topic, V1)
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with TopicReader(tree) as reader:
        spans = reader.bounds(topic, int(since.timestamp() * 1000))
        with progress(size(spans), "reading results") as moved:
            for batch in reader.read(topic, spans):
                moved(len(batch))
                for message in batch:
                    try:
                        result = await decoder.decode(message.value())
                    except StreamprocError as error:
                        if error.code.error_class is not ErrorClass.POISON:
                            raise
                        unread += 1
                        continue
                    model = result.model
                    key = (result.scored_at.date(), f"{model.name}/{model.version}", model.sha256)
                    found.setdefault(key, Profile()).note(result)
    return found, unread


def _together(found: Found) -> dict[str, ModelProfile]:
    """All days of each model as one."""
    stored: dict[str, ModelProfile] = {}
    for (_, name, sha256), profile in sorted(found.items()):
        stored.setdefault(sha256, ModelProfile(name, Profile())).profile.add(profile)
    return stored


def _first_days(found: Found) -> dict[str, ModelProfile]:
    stored: dict[str, ModelProfile] = {}
    for (_, name, sha256), profile in sorted(found.items()):
        stored.setdefault(sha256, ModelProfile(name, profile))
    return stored


def _compared(profile: Profile, reference: ModelProfile | None) -> dict[str, Drift]:
    return {} if reference is None else drift_of(profile, reference.profile)


def _json(row: DayOfModel) -> dict[str, Any]:
    measures = {
        name: {
            "psi": round(one.psi, 4),
            "ks": round(one.ks, 4),
            "values": one.values,
            "state": one.state,
            "chance": round(one.chance, 4),
        }
        for name, one in row.drift.items()
    }
    return {
        "day": row.day.isoformat(), "model": row.name, "sha256": row.sha256, "state": row.state, "measures": measures,
    }  # fmt: skip


def _print(rows: list[DayOfModel], told: str, unread: int) -> None:
    click.echo(safe(f"against {told}; PSI from {WATCH:g} on is worth a look, from {SHIFT:g} on a shift"))
    for row in rows:
        click.echo(safe(f"{row.day}  {row.name}  {row.sha256[:12]}…  {row.state}"))
        for name in MEASURES:
            if (one := row.drift.get(name)) is not None:
                click.echo(f"    {name:<10}  PSI {one.psi:6.3f}  KS {one.ks:5.3f}  {one.values:,} values  {one.state}")
    if not rows:
        click.echo("no results in these days")
    if unread:
        click.echo(f"{unread:,} records are no results that can be read", err=True)
