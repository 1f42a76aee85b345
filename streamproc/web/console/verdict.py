"""The verdict on top of the page: are readings being scored, in plain words, and where to look if not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

LATE_S = 60.0
"""An activity has its outcome within this time: the objective "outcome"."""

PATIENCE_S = 15.0
"""With no outcome for so long while readings wait, it is time to look; when one is late, none are being scored."""

REFUSED_SHARE, REFUSED_LEAST = 0.1, 5
"""More letters than this among the outcomes of a minute, and at least so many, are worth a word."""
REFUSED_MOST = 0.5
"""With this share of letters nobody may say that readings are scored: an outcome is no score."""


class Mood(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict is made of. Of the whole group but for the fields that say "this worker".

    joined, paused, stalled_s: this worker's: whether it has joined its group, why it begins nothing new, for how long
    it has got nowhere. endpoints, usable: this worker's inference endpoints, all and those in use. fallback: it scores
    on its CPU instead. endpoint_reason: why one of them is out of use. kafka_problem: why the group's figures are not
    known or old; empty: they are. unfinished, exact, oldest_s: see Lag; None: not known. results, letters: in the last
    ``window_s`` seconds; window_s None: not known. silent_s: seconds since the last outcome; None: none was seen.
    common_code: of most of the letters. forsaken: partitions in which readings wait and which no worker has.
    others: other workers in trouble, where they are and their own words for it.
    """

    joined: bool
    paused: Sequence[str] = ()
    stalled_s: float | None = None
    endpoints: int = 0
    usable: int = 0
    fallback: bool = False
    endpoint_reason: str = ""
    kafka_problem: str = ""
    unfinished: int | None = None
    exact: bool = True
    oldest_s: float | None = None
    results: int = 0
    letters: int = 0
    window_s: float | None = None
    silent_s: float | None = None
    common_code: str = ""
    forsaken: int = 0
    others: Sequence[tuple[str, str]] = ()

    @property
    def rate(self) -> float:
        """Outcomes a second."""
        return (self.results + self.letters) / self.window_s if self.window_s else 0.0

    @property
    def refused(self) -> float:
        """The share of letters among the outcomes; 0 where they are but a handful."""
        return self.letters / (self.results + self.letters) if self.letters >= REFUSED_LEAST else 0.0

    @property
    def moving(self) -> bool:
        """Whether outcomes come, from any worker."""
        return self.silent_s is not None and self.silent_s < PATIENCE_S


@dataclass(frozen=True, slots=True)
class Hint:
    """What more there is to know, and the part of the page that shows it ("#endpoints", "letters"; empty: none)."""

    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ScoringVerdict:
    """The verdict: one sentence, and where to look."""

    mood: Mood
    headline: str
    hints: tuple[Hint, ...] = field(default=())


def judge(facts: Facts) -> ScoringVerdict:
    """The verdict on these facts."""
    mood, headline = _headline(facts)
    hints = tuple(_hints(facts))
    if hints and mood is Mood.GOOD:
        mood = Mood.WARN
    return ScoringVerdict(mood, headline, hints)


def _headline(facts: Facts) -> tuple[Mood, str]:
    if facts.unfinished is None:
        if facts.kafka_problem:
            return Mood.UNKNOWN, "It is not known whether readings are being scored: Kafka does not tell."
        if not facts.joined:
            return Mood.UNKNOWN, "This worker is starting: it has not joined its group yet."
        return Mood.UNKNOWN, "Looking …"
    if facts.kafka_problem and not facts.unfinished:
        # What was known before is no news: readings may have come since, and nobody would see them.
        return Mood.UNKNOWN, "It is not known whether readings are being scored: Kafka does not tell."
    if (facts.moving or not facts.unfinished) and facts.refused >= REFUSED_MOST:
        many = "Most readings" if facts.results else "Readings"
        return Mood.BAD, f"{many} are NOT being scored: they become dead letters."
    if not facts.unfinished:
        ending = f" They come at {_rate(facts)}." if facts.rate else ""
        return Mood.GOOD, f"Every reading has its outcome; none waits.{ending}"
    waiting = f"{'' if facts.exact else 'up to '}{_counted(facts.unfinished)} wait{'s' * (facts.unfinished == 1)}"
    oldest = "" if facts.oldest_s is None else f", the oldest for {duration(facts.oldest_s)}"
    late = facts.oldest_s is not None and facts.oldest_s > LATE_S
    if facts.moving or (facts.oldest_s is not None and facts.oldest_s < PATIENCE_S):
        if late:
            return Mood.WARN, f"Readings are being scored, but late: {_rate(facts)}; {waiting}{oldest}."
        if facts.moving and facts.rate:
            age = "" if facts.oldest_s is None else f"; the oldest waits {duration(facts.oldest_s)}"
            return Mood.GOOD, f"Readings are being scored: {_rate(facts)}{age}."
        return Mood.GOOD, f"Readings have just come in: {waiting}{oldest}."
    silence = "" if facts.silent_s is None else f"; the last outcome was {duration(facts.silent_s)} ago"
    if late or _explained(facts):
        return Mood.BAD, f"Readings are NOT being scored: {waiting}{oldest}{silence}."
    # A long recording takes a while, and on a quiet day nothing else comes meanwhile.
    return Mood.WARN, f"No reading has its outcome yet: {waiting}{oldest}{silence}."


def _hints(facts: Facts) -> Iterator[Hint]:
    if facts.kafka_problem:
        yield Hint(f"Kafka does not tell: {facts.kafka_problem}", "#partitions")
    for reason in facts.paused:
        yield Hint(f"This worker begins nothing new: {_PAUSES.get(reason, reason)}", _SHOWN.get(reason, "#workers"))
    if facts.stalled_s is not None:
        yield Hint(
            f"This worker has readings in work and got nowhere for {duration(facts.stalled_s)}: see its log, then "
            "restart it; nothing is lost.",
            "#partitions",
        )
    if facts.endpoints and facts.usable < facts.endpoints:
        out = f"{facts.endpoints - facts.usable} of {facts.endpoints} inference endpoints are out of use"
        why = f": {facts.endpoint_reason}" if facts.endpoint_reason else ""
        instead = "; this worker scores on its CPU" if facts.fallback else ""
        yield Hint(f"{out if facts.usable else 'No inference endpoint can be used'}{why}{instead}.", "#endpoints")
    elif facts.fallback:
        yield Hint("This worker scores on its CPU.", "#endpoints")
    if not facts.joined and facts.unfinished:
        yield Hint("This worker has not joined its group: partitions are being assigned.", "#workers")
    if facts.forsaken:
        have = "1 partition has" if facts.forsaken == 1 else f"{facts.forsaken} partitions have"
        yield Hint(f"{have} readings that wait and no worker: one has just left, or too few are there.", "#workers")
    if facts.others:
        (address, state), more = facts.others[0], len(facts.others) - 1
        beside = f", and {more} more" if more else ""
        yield Hint(f"Another worker is in trouble: {address} ({state}){beside}.", "#workers")
    if facts.refused > REFUSED_SHARE:
        code = f", most of them {facts.common_code}" if facts.common_code else ""
        yield Hint(f"{facts.refused:.0%} of the last minute's readings became dead letters{code}.", "letters")
    if not _explained(facts) and facts.unfinished and not facts.moving and (facts.oldest_s or 0) > LATE_S:
        yield Hint(
            "Look for a partition that no worker has, and for one whose oldest reading does not move.", "#workers"
        )
    elif facts.moving and (facts.oldest_s or 0) > LATE_S and not _explained(facts):
        yield Hint(
            "More comes than is scored: are the endpoints at their limits? Else start more workers.", "#endpoints"
        )


def worker_state(facts: Facts) -> tuple[Mood, str]:
    """What the worker that serves the page does, in a word or two, and how bad that is."""
    if facts.stalled_s is not None:
        return Mood.BAD, f"stalled for {duration(facts.stalled_s)}"
    if facts.paused:
        return Mood.BAD, f"paused: {', '.join(facts.paused)}"
    if not facts.joined:
        return Mood.WARN, "joining its group"
    if _nowhere(facts):
        return Mood.BAD, "no inference endpoint"
    return (Mood.WARN, "scoring on its CPU") if facts.fallback else (Mood.GOOD, "scoring")


def _nowhere(facts: Facts) -> bool:
    return facts.endpoints > 0 and not facts.usable and not facts.fallback


def _explained(facts: Facts) -> bool:
    return bool(
        _nowhere(facts) or facts.paused or facts.kafka_problem or facts.stalled_s is not None or not facts.joined
    )


_PAUSES = {
    "INFERENCE_UNAVAILABLE": "no inference endpoint can be used (INFERENCE_UNAVAILABLE).",
    "INFERENCE_TIMEOUT": "the inference endpoints do not answer in time (INFERENCE_TIMEOUT).",
    "INFERENCE_UNUSABLE": "what the inference endpoints answer is of no use (INFERENCE_UNUSABLE).",
    "REGISTRY_UNAVAILABLE": "the schema registry does not answer (REGISTRY_UNAVAILABLE).",
    "AUDIO_STORE_UNAVAILABLE": "the store of recordings does not answer (AUDIO_STORE_UNAVAILABLE).",
    "quarantine": "too many readings in a row died of one cause (quarantine): mend it, then restart the worker.",
    "stopping": "it is stopping.",
}
_SHOWN = {
    "INFERENCE_UNAVAILABLE": "#endpoints",
    "INFERENCE_TIMEOUT": "#endpoints",
    "INFERENCE_UNUSABLE": "#endpoints",
    "quarantine": "letters",
}


def duration(seconds: float) -> str:
    """A time as people say it: 0.4 s, 12 s, 3 min, 2 h, 4 days."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def _rate(facts: Facts) -> str:
    rate = facts.rate
    if not rate:
        return "0/s"
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f} a minute"


def _counted(number: int) -> str:
    return "1 reading" if number == 1 else f"{number:,} readings"
