"""``streamproc dlq``: the dead letters."""

from __future__ import annotations

import asyncio
import gc
import getpass
import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streamproc import settings as settings_module
from streamproc.cli.letters import filters, progress, selection, state_of, state_option, time_text
from streamproc.deadletter.discard import discard_deed
from streamproc.deadletter.export import ParquetMissing
from streamproc.deadletter.export import export as export_letters
from streamproc.deadletter.ledger import Ledger, State, read_ledger
from streamproc.deadletter.letters import Letter, Position, Selection, Span
from streamproc.deadletter.operation import Fenced, Operation
from streamproc.deadletter.reading import TopicReader
from streamproc.deadletter.replay import Outcome, perform, replay_deed
from streamproc.deadletter.scan import after, scan, size, spans_of
from streamproc.deadletter.show import describe
from streamproc.deadletter.statistics import Group, columns, group_letters
from streamproc.settings import Settings

BARS = " ▁▂▃▄▅▆▇█"
BAR_WIDTH = 32

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


@click.group()
def command() -> None:
    """Dead letters: look at them, send them back, or give them up.

    A letter is open until it is replayed, discarded, or parked because it was replayed too often. A letter's position,
    PARTITION:OFFSET, is its name. The topic is STREAMPROC_KAFKA__DEAD_LETTER_TOPIC.
    """


@contextmanager
def _opened() -> Iterator[tuple[Settings, str, TopicReader]]:
    tree = settings_module.load()
    # A scan makes millions of tuples and no cycles: the collector would take two fifths of its time for nothing.
    gc.freeze()
    gc.set_threshold(200_000)
    with TopicReader(tree) as reader:
        yield tree, tree.kafka.dead_letter_topic, reader


@command.command("list")
@filters
@state_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Letters on the page.")
@click.option("--after", "begin", metavar="POSITION", help="Begin after this letter: the next page.")
@json_option
def list_letters(state: str, limit: int, begin: str | None, as_json: bool, **options: Any) -> None:
    """List letters, a page at a time.

    They come in the order of their positions.
    """
    chosen = selection(options)
    with _opened() as (_, topic, reader):
        spans = spans_of(reader, topic, chosen)
        if begin is not None:
            spans = after(spans, _position(begin))
        ledger = read_ledger(reader, topic)
        with progress(size(spans), "looking") as report:
            found = scan(reader, topic, spans, chosen, ledger, state_of(state), report)
            page = list(islice(found, limit + 1))
    more = len(page) > limit
    page = page[:limit]
    following = str(page[-1].position) if more else None
    if as_json:
        click.echo(json.dumps({"letters": [_summary(letter, ledger) for letter in page], "next": following}))
        return
    table = Table("position", "time", "code", "fingerprint", "source", "tenant", "tries", "state", "message")
    for letter in page:
        error = letter.error
        table.add_row(
            str(letter.position),
            time_text(letter.timestamp_ms),
            error.get("code", "(no dead letter)"),
            error.get("fingerprint"),
            f"{error.get('source.partition', '')}:{error.get('source.offset', '')}",
            error.get("tenant"),
            error.get("attempts"),
            ledger.state(letter.position).value,
            error.get("message"),
        )
    _console().print(table if page else "no such letter")
    if following:
        click.echo(f"next page: --after {following}")


@command.command()
@click.argument("position")
@json_option
def show(position: str, as_json: bool) -> None:
    """Show one letter in full.

    The error, the headers, and the event, read with the schema it was written with. What is shown is a child's: mind
    who looks on.
    """
    place = _position(position)
    with _opened() as (tree, topic, reader):
        letter = _find(reader, topic, place)
        ledger = read_ledger(reader, topic)
    described = asyncio.run(describe(letter, tree.registry))
    if as_json:
        click.echo(json.dumps({**_summary(letter, ledger), **described}))
        return
    console = _console()
    error = Table(title=f"letter {place}, {ledger.state(place).value}", show_header=False, title_justify="left")
    for name, value in letter.error.items():
        error.add_row(name, value)
    headers = Table("header", "value", title="original headers", title_justify="left")
    for header in described["headers"]:
        headers.add_row(header["name"], header["value"])
    console.print(error, headers)
    console.print(f"key: {described['key']}", markup=False)
    console.print_json(json.dumps(described["event"] if described["event"] is not None else described["unreadable"]))


@command.command()
@filters
@state_option
@json_option
def stats(state: str, as_json: bool, **options: Any) -> None:
    """Count letters by cause, over time.

    The cause is the code and the fingerprint.
    """
    chosen = selection(options)
    with _opened() as (_, topic, reader):
        spans = spans_of(reader, topic, chosen)
        ledger = read_ledger(reader, topic)
        with progress(size(spans), "counting") as report:
            groups = group_letters(scan(reader, topic, spans, chosen, ledger, state_of(state), report))
    total = sum(group.count for group in groups)
    first = min((group.first_ms for group in groups), default=0)
    last = max((group.last_ms for group in groups), default=0)
    if as_json:
        rows = [_group(group, first, last) for group in groups]
        click.echo(json.dumps({"letters": total, "ledger": ledger.counts(), "groups": rows}))
        return
    table = Table("code", "fingerprint", "letters", "share", "first", "last", f"{time_text(first)} …", "message")
    for group in groups:
        table.add_row(
            group.code,
            group.fingerprint,
            f"{group.count:,}",
            f"{group.count / total:.0%}",
            time_text(group.first_ms),
            time_text(group.last_ms),
            _bars(columns(group, first, last, BAR_WIDTH)),
            group.message,
        )
    _console().print(table if groups else "no such letter")
    done = ", ".join(f"{count:,} {name.value}" for name, count in sorted(ledger.counts().items()))
    click.echo(f"{total:,} letters; the ledger holds {done or 'nothing'}")


@command.command()
@filters
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Most letters a second.")
@click.option(
    "--max-replays",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="A letter whose event was replayed so often is parked instead.",
)
@json_option
def replay(dry_run: bool, rate: float | None, max_replays: int, as_json: bool, **options: Any) -> None:
    """Send open letters back, exactly once.

    Each goes to its source topic. Key, value and headers are the original's, byte for byte; a header counts the
    replays. It may be run again after
    any failure, or twice at once: the later run takes over and the earlier one ends. Mend the cause first: what fails
    again becomes a new letter.
    """
    chosen = selection(options)
    by = _who()
    with _opened() as (tree, topic, reader):
        spans = spans_of(reader, topic, chosen)
        if dry_run:
            with progress(size(spans), "looking") as report:
                open_letters = scan(reader, topic, spans, chosen, read_ledger(reader, topic), State.OPEN, report)
                deeds = (replay_deed(letter, topic, max_replays, by) for letter in open_letters)
                counts = Counter("foreign" if deed is None else deed.entry.state.value for deed in deeds)
            _report("would be", {"replayed": counts["replayed"], "parked": counts["parked"]}, Outcome(), as_json)
            return
        with _operating(tree, reader) as operation, progress(size(spans), "replaying") as report:
            letters = scan(reader, topic, spans, chosen, operation.read_ledger(), State.OPEN, report)
            outcome = perform(
                operation, letters, lambda letter: replay_deed(letter, topic, max_replays, by), rate, lambda _: None
            )
    counts = Counter({state.value: count for state, count in outcome.done.items()})
    _report("were", {"replayed": counts["replayed"], "parked": counts["parked"]}, outcome, as_json)


@command.command()
@filters
@click.option("--reason", required=True, help="Why nobody will need them; it is kept.")
@click.option("--by", default=None, help="Who decides. [default: user@host]")
@click.option("--dry-run", is_flag=True, help="Say how many would be discarded, and do nothing.")
@json_option
def discard(reason: str, by: str | None, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Give open letters up.

    They are never replayed; who, when and why goes to the audit topic.
    """
    chosen = selection(options)
    if not (chosen.fields or chosen.spans or chosen.since_ms or chosen.until_ms):
        raise click.UsageError("Say which letters: discarding every open letter takes at least --since.")
    who = by or _who()
    with _opened() as (tree, topic, reader):
        spans = spans_of(reader, topic, chosen)
        if dry_run:
            with progress(size(spans), "looking") as report:
                found = scan(reader, topic, spans, chosen, read_ledger(reader, topic), State.OPEN, report)
                count = sum(1 for _ in found)
            _report("would be", {"discarded": count}, Outcome(), as_json)
            return
        with _operating(tree, reader) as operation, progress(size(spans), "discarding") as report:
            letters = scan(reader, topic, spans, chosen, operation.read_ledger(), State.OPEN, report)
            outcome = perform(
                operation, letters, lambda letter: discard_deed(letter, topic, reason, who), None, lambda _: None
            )
    _report("were", {"discarded": outcome.done[State.DISCARDED]}, outcome, as_json)


@command.command()
@filters
@state_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def export(state: str, file: Path, as_json: bool, **options: Any) -> None:
    """Write letters to a file.

    Parquet where its name ends in .parquet, else JSON lines with bytes as base64.

    The file holds children's texts and recordings; it is made readable for you alone.
    """
    chosen = selection(options)
    with _opened() as (_, topic, reader):
        spans = spans_of(reader, topic, chosen)
        ledger = read_ledger(reader, topic)
        with progress(size(spans), "exporting") as report:
            letters = scan(reader, topic, spans, chosen, ledger, state_of(state), report)
            try:
                count = export_letters(letters, ledger, file)
            except ParquetMissing:
                raise click.ClickException("Parquet needs pyarrow: pip install 'streamproc[parquet]'") from None
            except OSError as error:
                raise click.ClickException(f"{file}: {error.strerror}") from None
    click.echo(json.dumps({"letters": count, "file": str(file)}) if as_json else f"{count:,} letters in {file}")


@contextmanager
def _operating(tree: Settings, reader: TopicReader) -> Iterator[Operation]:
    try:
        with Operation(tree, reader) as operation:
            yield operation
    except Fenced:
        raise click.ClickException(
            "another replay or discard on this topic has begun and taken over, or this one paused for longer than a "
            "transaction may. Nothing was done twice; what is still open can be replayed later."
        ) from None


def _find(reader: TopicReader, topic: str, place: Position) -> Letter:
    there = spans_of(reader, topic, Selection(spans=(Span(place.partition, place.offset, place.offset + 1),)))
    for batch in reader.read(topic, there):
        for message in batch:
            return Letter(message)
    raise click.ClickException(f"there is no letter {place} in {topic}")


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        raise click.UsageError(f"{error}, for example 2:1500.") from None


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _summary(letter: Letter, ledger: Ledger) -> dict[str, Any]:
    return {
        "position": str(letter.position),
        "time": time_text(letter.timestamp_ms),
        "state": ledger.state(letter.position).value,
        "error": dict(letter.error),
    }


def _group(group: Group, first: int, last: int) -> dict[str, Any]:
    return {
        "code": group.code,
        "stage": group.stage,
        "fingerprint": group.fingerprint,
        "letters": group.count,
        "first": time_text(group.first_ms),
        "last": time_text(group.last_ms),
        "over_time": columns(group, first, last, BAR_WIDTH),
        "message": group.message,
    }


def _bars(counts: list[int]) -> str:
    highest = max(counts)
    return "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in counts)


def _report(verb: str, counts: dict[str, int], outcome: Outcome, as_json: bool) -> None:
    """Say what was done; exit code 1 where Kafka refused a letter or a record was no letter."""
    refused = [{"position": str(position), "reason": reason} for position, reason in outcome.refused]
    if as_json:
        click.echo(json.dumps({**counts, "refused": refused, "no_letters": outcome.foreign}))
    else:
        click.echo(", ".join(f"{count:,} letters {verb} {name}" for name, count in counts.items()))
        for row in refused:
            click.secho(f"letter {row['position']} stays open: {row['reason']}", fg="red", err=True)
        if outcome.foreign:
            click.secho(f"{outcome.foreign:,} records are no dead letters of streamproc", fg="red", err=True)
    if refused or outcome.foreign:
        sys.exit(1)


def _console() -> Console:
    # Not cut to 80 columns where the output goes to a file or another program.
    return Console() if sys.stdout.isatty() else Console(width=240)
