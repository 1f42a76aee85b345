"""The rules of the activity contract that Avro cannot state: the worker refuses what breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from streamproc.contracts.events import Activity, Phrase
from streamproc.errors import ErrorCode, StreamprocError

MOST_PHRASES = 500
MOST_INLINE_BYTES = 512 * 1024
SAMPLE_RATES = range(8_000, 96_001)


def validate(activity: Activity) -> None:
    """Refuse an activity that a worker would refuse.

    Raises:
        StreamprocError: ACTIVITY_INVALID with every problem, a line each. No line holds the learner's text or audio.
    """
    found = list(_problems(activity))
    if found:
        raise StreamprocError(ErrorCode.ACTIVITY_INVALID, "\n".join(found))


def _problems(activity: Activity) -> Iterator[str]:
    for name in ("activity_id", "learner_id", "tenant_id", "locale", "story_id"):
        if not getattr(activity, name):
            yield f"{name}: is empty"
    for name in ("started_at", "submitted_at"):
        moment: datetime = getattr(activity, name)
        if moment.tzinfo is None:
            yield f"{name}: has no time zone: use datetime.now(UTC), not datetime.now()"
    if activity.attempt < 1:
        yield f"attempt: {activity.attempt} is less than 1"
    if not activity.phrases:
        yield "phrases: there are none"
    if len(activity.phrases) > MOST_PHRASES:
        yield f"phrases: {len(activity.phrases)}; the limit is {MOST_PHRASES}"
    if len({phrase.index for phrase in activity.phrases}) < len(activity.phrases):
        yield "phrases: two have the same index"
    inline = sum(len(phrase.audio.data or b"") for phrase in activity.phrases)
    if inline > MOST_INLINE_BYTES:
        yield f"phrases: {inline} bytes of inline audio; the limit is {MOST_INLINE_BYTES}: publish a URI instead"
    for phrase in activity.phrases:
        for problem in _phrase_problems(phrase):
            yield f"phrases[{phrase.index}].{problem}"


def _phrase_problems(phrase: Phrase) -> Iterator[str]:
    if not phrase.expected_text.strip():
        yield "expected_text: is empty"
    if (phrase.audio.data is None) == (phrase.audio.uri is None):
        yield "audio: exactly one of data and uri is set"
    if phrase.audio.data == b"":
        yield "audio.data: is empty"
    if phrase.audio.sample_rate not in SAMPLE_RATES:
        yield f"audio.sample_rate: {phrase.audio.sample_rate} is not between 8000 and 96000"
