"""``streamproc dlq``: the dead letters."""

from __future__ import annotations

import asyncio
import gc
import getpass
import json
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click

from streamproc import settings as settings_module
from streamproc.cli.letters import PositionType, filters, progress, selection, state_of, state_option
from streamproc.cli.numbers import Number
from streamproc.cli.shown import described_lines, group_lines, letter_lines
from streamproc.deadletter import export as exports
from streamproc.deadletter.discard import discard_deed
from streamproc.deadletter.doing import FENCED, do_to_letters
from streamproc.deadletter.ledger import LetterState, read_ledger
from streamproc.deadletter.letters import Letter, Selection
from streamproc.deadletter.operation import Fenced
from streamproc.deadletter.originals import Originals
from streamproc.deadletter.replay import NOT_REPLAYED, DeedOf, Tally, replay_deed
from streamproc.deadletter.rows import group_json, letter_json, tally_json
from streamproc.deadletter.scan import after, scan, size, spans_of
from streamproc.deadletter.show import describe
from streamproc.deadletter.statistics import course, group_letters
from streamproc.kafka.places import Position
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings
from streamproc.telemetry.logs import leave_retries_to_us
from streamproc.terminal import counted, example, safe

MOST_LISTED = 100_000
MOST_REPLAYS = 1_000_000

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
    leave_retries_to_us()
    # A scan makes millions of tuples and no cycles: the collector would take two fifths of its time for nothing.
    gc.freeze()
    gc.set_threshold(200_000)
    with TopicReader(tree) as reader:
        yield tree, tree.kafka.dead_letter_topic, reader


@command.command(
    "list", epilog=example("dlq list --code AUDIO_NOT_FOUND --since 2h", "dlq list --limit 10 --after 2:1500")
)
@filters
@state_option
@click.option(
    "--limit", type=click.IntRange(1, MOST_LISTED), default=50, show_default=True, help="Letters on the page."
)
@click.option("--after", "begin", type=PositionType(), help="Begin after this letter: the next page.")
@json_option
def list_letters(state: str, limit: int, begin: Position | None, as_json: bool, **options: Any) -> None:
    """List letters, a page at a time.

    They come in the order of their positions: position, code, fingerprint and time, then what else is known.
    """
    chosen = selection(options)
    with _opened() as (_, topic, reader):
        spans = spans_of(reader, topic, chosen)
        if begin is not None:
            spans = after(spans, begin)
        ledger = read_ledger(reader, topic)
        with progress(size(spans), "looking") as report:
            found = scan(reader, topic, spans, chosen, ledger, state_of(state), report)
            page = list(islice(found, limit + 1))
    more = len(page) > limit
    page = page[:limit]
    following = str(page[-1].position) if more else None
    if as_json:
        click.echo(json.dumps({"letters": [letter_json(letter, ledger) for letter in page], "next": following}))
        return
    for letter in page:
        _print(letter_lines(letter, ledger))
    if not page:
        click.echo("no such letter")
    if following:
        click.echo(f"next page: --after {following}")


@command.command(epilog=example("dlq show 2:1500"))
@click.argument("position", type=PositionType())
@json_option
def show(position: Position, as_json: bool) -> None:
    """Show one letter in full.

    The error, the headers, and the event, read with the schema it was written with. What is shown is a child's: mind
    who looks on.
    """
    with _opened() as (tree, topic, reader):
        letter = _find(reader, topic, position)
        ledger = read_ledger(reader, topic)
    described = asyncio.run(describe(letter, tree.registry))
    if as_json:
        click.echo(json.dumps({**letter_json(letter, ledger), **described}))
        return
    _print(described_lines(letter, ledger, described))


@command.command(epilog=example("dlq stats --since 1d"))
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
    first, last = course(groups)
    if as_json:
        rows = [group_json(group, first, last) for group in groups]
        click.echo(json.dumps({"letters": total, "ledger": ledger.counts(), "groups": rows}))
        return
    for group in groups:
        _print(group_lines(group, total, first, last))
    if not groups:
        click.echo("no such letter")
    done = ", ".join(f"{count:,} {name.value}" for name, count in sorted(ledger.counts().items()))
    click.echo(f"{counted(total, 'letter')}; done with: {done or 'none'}")


@command.command(
    epilog=example(
        "dlq replay --fingerprint 3f7d77cb933a --dry-run", "dlq replay --fingerprint 3f7d77cb933a --rate 200"
    )
)
@filters
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--rate", type=Number(0.001, 1_000_000), help="Most letters a second.")
@click.option(
    "--max-replays",
    type=click.IntRange(0, MOST_REPLAYS),
    default=3,
    show_default=True,
    help="A letter whose event was replayed so often is parked instead.",
)
@json_option
def replay(dry_run: bool, rate: float | None, max_replays: int, as_json: bool, **options: Any) -> None:
    """Send open letters back, exactly once.

    Each goes to its source topic. Key, value and headers are the original's, byte for byte; a header counts the
    replays. Letters of duplicates are left out: they have a result. It may be run again after
    any failure, or twice at once: the later run takes over and the earlier one ends. Mend the cause first: what fails
    again becomes a new letter.
    """
    chosen = selection(options)
    if not options["codes"]:
        chosen = replace(chosen, without=NOT_REPLAYED)
    by = _who()
    with _opened() as (tree, topic, reader), Originals(tree) as originals:
        outcome = _do(
            (tree, topic, reader),
            chosen,
            lambda letter: replay_deed(letter, tree.kafka, max_replays, by, originals.of),
            rate=rate,
            dry_run=dry_run,
        )
    _report("would be" if dry_run else "were", (LetterState.REPLAYED, LetterState.PARKED), outcome, as_json)


@command.command(epilog=example('dlq discard --code VALUE_UNREADABLE --reason "a load test"'))
@filters
@click.option("--reason", help="Why nobody will need them; it is kept.  [required but with --dry-run]")
@click.option("--by", default=None, help="Who decides. [default: user@host]")
@click.option("--dry-run", is_flag=True, help="Say how many would be discarded, and do nothing.")
@json_option
def discard(reason: str | None, by: str | None, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Give open letters up.

    They are never replayed; who, when and why goes to the audit topic.
    """
    chosen = selection(options)
    if not (chosen.fields or chosen.spans or chosen.since_ms or chosen.until_ms):
        raise click.UsageError("Say which letters: discarding every open letter takes at least --since.")
    if reason is None and not dry_run:
        raise click.UsageError("Say why, with --reason: it is kept. (--dry-run takes none.)")
    who = by or _who()
    with _opened() as (tree, topic, reader):
        outcome = _do(
            (tree, topic, reader),
            chosen,
            lambda letter: discard_deed(letter, topic, reason or "", who),
            rate=None,
            dry_run=dry_run,
        )
    _report("would be" if dry_run else "were", (LetterState.DISCARDED,), outcome, as_json)


@command.command(epilog=example("dlq export --code VALUE_UNREADABLE letters.jsonl"))
@filters
@state_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if there is one already.")
@json_option
def export(state: str, file: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Write letters to a file.

    Parquet where its name ends in .parquet, else JSON lines with bytes as base64.

    The file holds children's texts and recordings; it is made readable for you alone.
    """
    chosen = selection(options)
    with _may_write(file):
        if exports.is_there(file) and not force:
            _ask_to_replace(file, as_json)
    with _opened() as (_, topic, reader):
        spans = spans_of(reader, topic, chosen)
        ledger = read_ledger(reader, topic)
        with progress(size(spans), "exporting") as report, _may_write(file):
            count = exports.export(scan(reader, topic, spans, chosen, ledger, state_of(state), report), ledger, file)
    said = f"{counted(count, 'letter')} in {safe(file)}"
    click.echo(json.dumps({"letters": count, "file": str(file)}) if as_json else said)


@contextmanager
def _may_write(file: Path) -> Iterator[None]:
    try:
        yield
    except exports.NoRegularFile:
        raise click.UsageError(f"{safe(file)} is no regular file: name a new one, or a file to replace.") from None
    except exports.ParquetMissing:
        raise click.ClickException("Parquet needs pyarrow: pip install 'streamproc[parquet]'") from None
    except OSError as error:
        raise click.ClickException(f"{safe(file)}: {error.strerror}") from None


def _ask_to_replace(file: Path, as_json: bool) -> None:
    """Ask whoever sits there.

    Raises:
        click.UsageError: nobody does.
        click.Abort: no.
    """
    if as_json or not sys.stdin.isatty():
        raise click.UsageError(f"{safe(file)} is there already: --force replaces it.")
    click.confirm(f"{safe(file)} is there already. Replace it?", abort=True, err=True)


def _do(
    opened: tuple[Settings, str, TopicReader],
    chosen: Selection,
    deed_of: DeedOf,
    *,
    rate: float | None,
    dry_run: bool,
) -> Tally:
    """Do it to every open letter that is chosen, or only find out what that would be."""
    tree, _, reader = opened
    shown = partial(progress, what="looking" if dry_run else "at work")
    try:
        return do_to_letters(tree, reader, chosen, deed_of, rate=rate, dry_run=dry_run, progress=shown)
    except Fenced:
        raise click.ClickException(FENCED) from None


def _find(reader: TopicReader, topic: str, place: Position) -> Letter:
    message = reader.record_at(topic, place.partition, place.offset)
    if message is None:
        raise click.ClickException(f"there is no letter {place} in {topic}")
    return Letter(message)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)


def _report(verb: str, states: Sequence[LetterState], outcome: Tally, as_json: bool) -> None:
    """Say what was done; exit code 1 where a letter stays open or a record was no letter."""
    counts = {state.value: outcome.done[state] for state in states}
    told = tally_json(outcome, states)
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(
            ", ".join(f"{counted(count, 'letter')} {_were(verb, count)} {name}" for name, count in counts.items())
        )
        for row in told["refused"]:
            click.secho(f"letter {row['position']} stays open: {safe(row['reason'])}", fg="red", err=True)
        for position in told["no_letters_at"]:
            click.secho(
                f"record {position} is no dead letter of streamproc, or cannot be read: it stays, discard it by "
                f"--offset {position}",
                fg="red",
                err=True,
            )
    if outcome.refused or outcome.foreign:
        sys.exit(1)


def _were(verb: str, count: int) -> str:
    return "was" if verb == "were" and count == 1 else verb
