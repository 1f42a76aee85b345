"""What people see of a run: a table of the results, a legend, a summary. Every verdict reads without colour too."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamproc.contracts.generated.events import PhraseResult, PhraseStatus, Result, Verdict, WordResult
from streamproc.demo.judging import FALSE_ALARMS_AT_MOST, FOUND_AT_LEAST, Row, figures
from streamproc.terminal import counted, safe

WIDE = 100
"""From this many columns on the table also says how each reading was recorded."""

MARKS: dict[Verdict, tuple[str, str, str]] = {
    Verdict.CORRECT: ("{}", "green", "read well"),
    Verdict.ACCEPTED: ("^{}^", "cyan", "accepted variant"),
    Verdict.MISPRONOUNCED: ("~{}~", "bold red", "mispronounced"),
    Verdict.OMITTED: ("[-{}-]", "bold magenta", "left out"),
    Verdict.INSERTED: ("{{+{}+}}", "bold yellow", "extra speech (as heard)"),
    Verdict.UNKNOWN: ("?{}?", "dim", "not judged"),
}
"""How a word of each verdict is marked, its colour, and what that means."""


def show(rows: Sequence[Row], problems: Sequence[str], console: Console) -> None:
    """Print table, legend and summary."""
    for part in (table(rows, console.width), legend(), summary(rows, problems)):
        console.print(part)
        console.print()


def table(rows: Sequence[Row], width: int) -> Table:
    """The readings, one row each, for a terminal of ``width`` columns."""
    wide = width >= WIDE
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    shown.add_column("#", justify="right", style="dim")
    shown.add_column("what was read", ratio=1)
    shown.add_column("errors\nfound", justify="right")
    shown.add_column("accu-\nracy", justify="right")
    shown.add_column("WCPM", justify="right")
    shown.add_column("latency\nms", justify="right")
    if wide:
        shown.add_column("recorded as", style="dim")
    for row in rows:
        shown.add_row(*_cells(row), *([_recording(row)] if wide else []))
    return shown


def legend() -> Columns:
    """What the marks and colours mean."""
    entries = [Text.assemble((mark.format("word"), colour), f" {meaning}") for mark, colour, meaning in MARKS.values()]
    entries.append(Text.assemble(("!n", "red"), " well-read words flagged"))
    return Columns(entries, padding=(0, 3))


def summary(rows: Sequence[Row], problems: Sequence[str]) -> RenderableType:
    """The figures of the run, what was missed or wrongly flagged, and the verdict."""
    total = figures(rows)
    well_read = sum(row.judgement.well_read for row in rows)
    extra = sum(row.judgement.extra for row in rows)
    audio = sum(row.outcomes[0].result.audio_ms for row in rows if row.outcomes and row.outcomes[0].result) / 1000
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    grid.add_row(
        "outcomes",
        f"{total.activities} activities: {counted(total.results, 'result')}, "
        f"{counted(total.dead_letters, 'dead letter')}, {total.missing} missing, {total.duplicated} duplicated",
    )
    if total.published_twice:
        grid.add_row(
            "repeated",
            f"{total.published_twice} of them published twice: {total.refused_twice} refused, by a letter that "
            "names the first",
        )
    grid.add_row(
        "errors",
        f"{total.seeded_errors_found} of {total.seeded_errors} seeded ones found "
        f"({_percent(total.seeded_errors_found, total.seeded_errors)}; {FOUND_AT_LEAST:.0%} needed)",
    )
    grid.add_row(
        "false alarms",
        f"{total.false_alarms} of {well_read} well-read words flagged "
        f"({_percent(total.false_alarms, well_read)}; {FALSE_ALARMS_AT_MOST:.0%} allowed)",
    )
    grid.add_row("extra speech", f"heard {counted(extra, 'time')} where there was none")
    if total.p50_ms is not None and total.p95_ms is not None:
        grid.add_row(
            "latency",
            f"p50 {total.p50_ms:,.0f} ms, p95 {total.p95_ms:,.0f} ms, from activity to result in Kafka",
        )
    if total.seconds:
        rate = (total.results + total.dead_letters) / total.seconds
        grid.add_row(
            "throughput", f"{rate:.1f} activities/s in one burst: {audio:.0f} s of audio in {total.seconds:.1f} s"
        )
    for title, names in (
        ("missed", [(row, name) for row in rows for name in row.judgement.missed]),
        ("flagged", [(row, name) for row in rows for name in row.judgement.false_alarms]),
    ):
        if names:
            grid.add_row(title, Text("\n".join(f"reading {row.reading.number}: {name}" for row, name in names), "dim"))
    verdict = Text("PASSED", "bold green")
    if problems:
        verdict = Text("FAILED", "bold red")
        verdict.append("".join(f"\n  {safe(problem)}" for problem in problems), "red")
    return Group(grid, Text(), verdict)


def _cells(row: Row) -> list[RenderableType]:
    result = row.outcomes[0].result if row.outcomes else None
    judgement = row.judgement
    found = Text(f"{judgement.found}/{row.reading.seeded}" if row.reading.seeded else "-")
    if judgement.missed:
        found.stylize("red")
    if judgement.false_alarms:
        found.append(f"\n!{len(judgement.false_alarms)}", "red")
    return [
        str(row.reading.number),
        _sentences(row, result),
        found,
        "-" if result is None or result.accuracy is None else f"{result.accuracy:.0%}",
        "-" if result is None or result.words_correct_per_minute is None else f"{result.words_correct_per_minute:.0f}",
        "-" if row.latency_ms is None else f"{row.latency_ms:,}",
    ]


def _sentences(row: Row, result: Result | None) -> Text:
    if result is not None:
        return Text("\n").join(phrase_text(phrase) for phrase in result.phrases)
    reason = f"dead letter: {safe(row.outcomes[0].error_code)}" if row.outcomes else "no outcome"
    sentences = " ".join(phrase.text for phrase in row.reading.phrases)
    return Text.assemble((sentences, "dim"), "\n", (reason, "red"))


def phrase_text(phrase: PhraseResult) -> Text:
    """A phrase with every word marked and coloured by its verdict."""
    if phrase.status is PhraseStatus.SCORED:
        return Text(" ").join(word_text(word) for word in phrase.words)
    error = f"{phrase.status.value}: {safe(phrase.error_code)}"
    return Text.assemble((safe(phrase.expected_text), "dim"), "\n", (error, "red"))


def word_text(word: WordResult) -> Text:
    """A word, marked and coloured by its verdict; extra speech as the phonemes that were heard."""
    mark, colour, _ = MARKS[word.verdict]
    said = " ".join(word.heard).lower() if word.text is None else word.text
    return Text(mark.format(safe(said)), colour)


def _recording(row: Row) -> str:
    reading = row.reading
    where = "file" if reading.claim_check else "inline"
    return f"{reading.codec.value} {reading.sample_rate / 1000:g} kHz {where}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0 %"
