"""What the commands about dead letters share: which letters are meant, progress, and times."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamproc import terminal
from streamproc.deadletter.ledger import LetterState
from streamproc.deadletter.letters import Selection
from streamproc.errors import ErrorCode, Stage
from streamproc.kafka.places import OffsetRange, Position

F = TypeVar("F", bound=Callable[..., Any])

_AGO = re.compile(r"([0-9]+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

OPEN_ALONE, EVERY = LetterState.OPEN.value, "any"


class Time(click.ParamType):
    """A time, as milliseconds since 1970: ISO 8601 (UTC without an offset), or so long ago, as 30s, 15m, 2h, 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; a usage error otherwise."""
        if isinstance(value, int):
            return value
        try:
            if ago := _AGO.fullmatch(value):
                time = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            else:
                time = datetime.fromisoformat(value)
                time = time if time.tzinfo else time.replace(tzinfo=UTC)
            return int(time.timestamp() * 1000)
        except OverflowError:
            self.fail(f"{_short(value)} lies before the year 1.", param, ctx)
        except ValueError:
            self.fail(f"{_short(value)} is neither ISO 8601 nor a time ago such as 15m, 2h or 7d.", param, ctx)


class PositionType(click.ParamType):
    """One letter's position."""

    name = "position"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Position:
        """Read it; a usage error otherwise."""
        try:
            return value if isinstance(value, Position) else Position.parse(value)
        except ValueError as error:
            self.fail(f"{error}, for example 2:1500.", param, ctx)


class SpanType(click.ParamType):
    """Letters by position."""

    name = "position"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> OffsetRange:
        """Read it; a usage error otherwise."""
        try:
            return value if isinstance(value, OffsetRange) else OffsetRange.parse(value)
        except ValueError as error:
            self.fail(f"{error}: write 2:1500, or 2:1500-1999 for several.", param, ctx)


class CodeType(click.ParamType):
    """An error code, in any case."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it; a usage error otherwise, with the code that is near: there are too many to list."""
        names = [code.name for code in ErrorCode]
        name = str(value).upper()
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            told = f": did you mean {near[0]}?" if near else " ('streamproc dlq stats' tells those of the letters)"
            self.fail(f"{_short(value)} is no error code{told}", param, ctx)
        return name


_FILTERS = (
    click.option(
        "--code",
        "codes",
        type=CodeType(),
        metavar="CODE",
        multiple=True,
        help="Letters with this error code.",
    ),
    click.option(
        "--stage",
        "stages",
        type=click.Choice([stage.value for stage in Stage], case_sensitive=False),
        multiple=True,
        help="Letters that failed at this stage.",
    ),
    click.option("--fingerprint", "fingerprints", multiple=True, help="Letters with this cause."),
    click.option("--tenant", "tenants", multiple=True, help="Letters of this tenant's activities."),
    click.option("--trace", "traces", metavar="TRACE-ID", multiple=True, help="Letters of this trace."),
    click.option("--since", type=Time(), help="Letters from this time on: ISO 8601, or 30s, 15m, 2h, 7d ago."),
    click.option("--until", type=Time(), help="Letters before this time."),
    click.option(
        "--offset",
        "spans",
        type=SpanType(),
        multiple=True,
        help="Letters at PARTITION:OFFSET or PARTITION:FIRST-LAST.",
    ),
)


def filters(command: F) -> F:
    """The options that select letters. Different options must all hold; of a repeated one any value may."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


state_option = click.option(
    "--state",
    type=click.Choice([*(state.value for state in LetterState), EVERY], case_sensitive=False),
    default=OPEN_ALONE,
    show_default=True,
    help="Letters with which this was done.",
)


def state_of(name: str) -> LetterState | None:
    """The state that ``--state`` names; None for any."""
    return None if name == EVERY else LetterState(name)


def selection(options: dict[str, Any]) -> Selection:
    """What the filters select."""
    since, until = options["since"], options["until"]
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must be earlier than --until.")
    fields = {
        "code": options["codes"],
        "stage": options["stages"],
        "fingerprint": [fingerprint.lower() for fingerprint in options["fingerprints"]],
        "tenant": options["tenants"],
        "trace.id": options["traces"],
    }
    return Selection(
        {name: frozenset(values) for name, values in fields.items() if values},
        since,
        until,
        options["spans"],
    )


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that is a terminal; the function moves it on."""
    console = terminal.console(sys.stderr)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _short(value: str) -> str:
    return repr(value if len(value) <= 40 else f"{value[:40]}…")
