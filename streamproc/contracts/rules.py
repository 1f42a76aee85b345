"""The rules of the activity contract that Avro cannot state: one set for publishers and workers.

A publisher is told of every problem before anything leaves it; a worker refuses an activity for the first one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from streamproc.contracts.generated.events import Activity, Audio, Phrase
from streamproc.contracts.kinds import kind_problems
from streamproc.contracts.phonemes import PHONEMES
from streamproc.contracts.uris import problem_of
from streamproc.errors import ErrorCode, StreamprocError

SAMPLE_RATES = range(8_000, 96_001)
"""Samples a second that a worker accepts."""

LONG_SECONDS = 120
"""A longer clip is a long reading: it is heard in windows."""

_SYMBOLS = frozenset(PHONEMES)
_ENGLISH = re.compile(r"en(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)
_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS")
"""How a WAV, FLAC or Ogg file begins."""
_ID3_HEADER = 10
"""Bytes of the header of an ID3 tag, whose last four are the length of the rest, seven bits in each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one activity may hold."""

    phrases: int = 500
    """Most phrases (STREAMPROC_SCORING__MAX_PHRASES)."""
    inline_bytes: int = 512 * 1024
    """Largest total of the inline clips, in bytes (STREAMPROC_AUDIO__MAX_INLINE_BYTES)."""


USUAL = Limits()
"""The limits of a worker whose operator has changed none."""

_SETTINGS = {
    ErrorCode.PHRASES_TOO_MANY: "STREAMPROC_SCORING__MAX_PHRASES",
    ErrorCode.AUDIO_TOO_LARGE: "STREAMPROC_AUDIO__MAX_INLINE_BYTES",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule. ``message`` never holds the learner's text or audio."""

    code: ErrorCode
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def supported_locale(locale: str) -> bool:
    """Whether readings in a locale, a BCP 47 language tag, can be judged: those in English.

    ``en_US``, as POSIX writes it, will do.
    """
    return _ENGLISH.fullmatch(locale) is not None


def check(activity: Activity, limits: Limits = USUAL) -> None:
    """What a worker does with an activity that breaks a rule as a whole.

    Raises:
        StreamprocError: the first problem (poison), naming the setting that is its limit.
    """
    for problem in activity_problems(activity, limits):
        setting = f" ({_SETTINGS[problem.code]})" if problem.code in _SETTINGS else ""
        raise StreamprocError(problem.code, f"{problem}{setting}")


def validate(activity: Activity, limits: Limits = USUAL) -> None:
    """What a publisher does before an activity leaves it: refuse what a worker would refuse, wholly or in part.

    Raises:
        TypeError: it is no activity.
        StreamprocError: ACTIVITY_INVALID with every problem, a line each. No line holds the learner's text or audio.
    """
    if not isinstance(activity, Activity):
        raise TypeError(f"an Activity is published, not a {type(activity).__name__}")
    if wrong := list(kind_problems(activity, Activity)):
        # What has the wrong type cannot be asked anything else.
        raise StreamprocError(ErrorCode.ACTIVITY_INVALID, "\n".join(f"{where}: {what}" for where, what in wrong))
    found = [*_publisher_problems(activity), *activity_problems(activity, limits)]
    for phrase in activity.phrases:
        found += phrase_problems(phrase)
    if found:
        raise StreamprocError(ErrorCode.ACTIVITY_INVALID, "\n".join(map(str, found)))


def activity_problems(activity: Activity, limits: Limits = USUAL) -> Iterator[Problem]:
    """Why a worker refuses the whole activity."""
    invalid = ErrorCode.ACTIVITY_INVALID
    for name in ("activity_id", "learner_id"):
        if not getattr(activity, name):
            yield Problem(invalid, name, "is empty")
    if not supported_locale(activity.locale):
        yield Problem(ErrorCode.LOCALE_UNSUPPORTED, "locale", "is not English: en, or a tag that begins with en-")
    if not activity.phrases:
        yield Problem(ErrorCode.PHRASES_MISSING, "phrases", "there are none")
    if len(activity.phrases) > limits.phrases:
        yield Problem(
            ErrorCode.PHRASES_TOO_MANY, "phrases", f"{len(activity.phrases)} phrases; the limit is {limits.phrases}"
        )
    if len({phrase.index for phrase in activity.phrases}) < len(activity.phrases):
        yield Problem(invalid, "phrases", "two phrases have the same index")
    inline = sum(len(phrase.audio.data or b"") for phrase in activity.phrases)
    if inline > limits.inline_bytes:
        yield Problem(
            ErrorCode.AUDIO_TOO_LARGE,
            "phrases",
            f"{inline} bytes of inline audio; the limit for one activity is {limits.inline_bytes}: use a URI instead",
        )


def phrase_problems(phrase: Phrase) -> Iterator[Problem]:
    """Why a worker does not score a phrase: those reasons that show before its audio is decoded."""
    where = f"phrases[{phrase.index}]"
    if phrase.reference is not None:
        if not phrase.reference:
            yield Problem(ErrorCode.REFERENCE_EMPTY, f"{where}.reference", "has no word")
        for number, word in enumerate(phrase.reference):
            # The symbol itself is not quoted: fields that were mixed up could hold a learner's text.
            if not _SYMBOLS.issuperset(word.phonemes):
                yield Problem(
                    ErrorCode.REFERENCE_INVALID,
                    f"{where}.reference[{number}].phonemes",
                    "not all are documented phonemes",
                )
    elif not any(_may_be_word(character) for character in phrase.expected_text):
        yield Problem(ErrorCode.REFERENCE_EMPTY, f"{where}.expected_text", "has no word")
    yield from _audio_problems(phrase.audio, f"{where}.audio")


def _may_be_word(character: str) -> bool:
    """Whether a worker might find something to read aloud in a text for this character."""
    return character.isalnum() or unicodedata.category(character).startswith("S") or character in "&@%‰§"


def nowhere(audio: Audio) -> ErrorCode | None:
    """Why nobody can tell where a clip is: exactly one of ``data`` and ``uri`` is to be set."""
    if audio.data is not None and audio.uri is not None:
        return ErrorCode.AUDIO_AMBIGUOUS
    return ErrorCode.AUDIO_MISSING if audio.data is None and audio.uri is None else None


def _audio_problems(audio: Audio, where: str) -> Iterator[Problem]:
    if (code := nowhere(audio)) is not None:
        yield Problem(code, where, "exactly one of data and uri is set")
    elif audio.data == b"":
        yield Problem(ErrorCode.AUDIO_EMPTY, f"{where}.data", "is empty")
    elif audio.data is not None and not audio.data.startswith(_CONTAINERS, _after_tag(audio.data)):
        yield Problem(ErrorCode.AUDIO_UNREADABLE, f"{where}.data", "is not WAV, FLAC or Ogg")
    if audio.uri is not None and (problem := problem_of(audio.uri)) is not None:
        yield Problem(ErrorCode.AUDIO_URI_REFUSED, f"{where}.uri", problem)


def _after_tag(data: bytes) -> int:
    """Where a clip begins: behind an ID3 tag, which a FLAC may have, and an MP3 mostly has."""
    if not data.startswith(b"ID3"):
        return 0
    length = 0
    for byte in data[_ID3_HEADER - 4 : _ID3_HEADER]:
        length = length << 7 | byte & 0x7F
    return _ID3_HEADER + length


def _publisher_problems(activity: Activity) -> Iterator[Problem]:
    """Rules that a worker forgives: it does not need what they are about."""
    invalid = ErrorCode.ACTIVITY_INVALID
    for name in ("tenant_id", "story_id"):
        if not getattr(activity, name):
            yield Problem(invalid, name, "is empty")
    for name in ("started_at", "submitted_at"):
        moment: datetime = getattr(activity, name)
        if moment.tzinfo is None:
            yield Problem(invalid, name, "has no time zone: use datetime.now(UTC), not datetime.now()")
    if activity.attempt < 1:
        yield Problem(invalid, "attempt", f"{activity.attempt} is less than 1")
    for phrase in activity.phrases:
        where = f"phrases[{phrase.index}]"
        if not phrase.expected_text.strip():
            yield Problem(invalid, f"{where}.expected_text", "is empty")
        if phrase.audio.sample_rate not in SAMPLE_RATES:
            yield Problem(
                invalid,
                f"{where}.audio.sample_rate",
                f"{phrase.audio.sample_rate} is not between {SAMPLE_RATES[0]} and {SAMPLE_RATES[-1]}",
            )
