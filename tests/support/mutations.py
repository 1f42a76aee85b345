"""Mutated events, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from streamproc.contracts import wire
from streamproc.contracts.generated.events import Activity, Audio
from support.activities import activity, behind, clip, inline, phrase, value

Random = random.Random

URIS = (
    "file:///etc/passwd",
    "file:///../../x",
    "file://%00",
    "file:///clips/%2e%2e/x",
    "http://169.254.169.254/latest",
    "s3://",
    "s3://a//b",
    "gopher://x",
    "",
    ":",
    "file:",
    "file:///" + "a/" * 500,
    "\x00",
    "𐏿://𐏿",
)
TEXTS = ("", "cat", "the cat sat", "🦊" * 50, "\x00", "a" * 5000, "1" * 300, "e\u0301" * 100, "漢字", "'’-'", "\ud7ff")


def mutated(count: int, seed: int, schema_id: int) -> Iterator[bytes | None]:
    """Yield the values of ``count`` records."""
    chance = Random(seed)
    clips = [clip(0.2, container=container) for container in ("WAV", "FLAC", "OGG")]
    good = [value(activity(phrase(inline(one), "cat")), schema_id) for one in clips]
    kinds: list[Callable[[], bytes | None]] = [
        lambda: _damaged(chance, chance.choice(good)),
        lambda: _damaged(chance, chance.choice(good)),
        lambda: value(_activity(chance, _audio(chance, clips)), schema_id),
        lambda: value(_activity(chance, _audio(chance, clips)), schema_id),
        lambda: wire.header(schema_id) + chance.randbytes(chance.randrange(300)),
        lambda: chance.randbytes(chance.randrange(12)),
        lambda: None,
    ]
    for _ in range(count):
        yield chance.choice(kinds)()


def _damaged(chance: Random, content: bytes) -> bytes:
    """Flip, cut, repeat and drop bytes behind the schema id: another id is another schema's business."""
    body = bytearray(content[wire.HEADER.size :])
    for _ in range(chance.choice((1, 1, 2, 5, 50))):
        place = chance.randrange(len(body) + 1)
        match chance.randrange(5):
            case 0:
                body[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del body[place : place + chance.randrange(20)]
            case 2:
                body[place:place] = body[place : place + chance.randrange(50)]
            case 3:
                body[place : place + 10] = b"\xff" * 9 + b"\x01"
            case _:
                # The head holds the lengths and the texts: damage there tells more than in the audio.
                body[min(place, 100) : min(place, 100) + 1] = bytes([chance.randrange(256)])
    return content[: wire.HEADER.size] + bytes(
        body[: chance.choice((len(body), len(body), chance.randrange(len(body) + 1)))]
    )


def _audio(chance: Random, clips: list[bytes]) -> Audio:
    match chance.randrange(4):
        case 0:
            return behind(chance.choice(URIS))
        case 1:
            return inline(chance.randbytes(chance.randrange(200)))
        case 2:
            return inline(clips[0][:44] + chance.randbytes(chance.randrange(4000)))
        case _:
            encoded = bytearray(chance.choice(clips))
            for _ in range(chance.randrange(1, 20)):
                encoded[chance.randrange(min(len(encoded), 200))] = chance.randrange(256)
            return inline(bytes(encoded))


def _activity(chance: Random, audio: Audio) -> Activity:
    count = chance.choice((0, 1, 1, 1, 2, 5))
    phrases = [phrase(audio, chance.choice(TEXTS), chance.choice((0, index, -1, 2**31 - 1))) for index in range(count)]
    return activity(*phrases, activity_id=chance.choice(("", "a", "\x00", "é" * 300)), learner_id=chance.choice(TEXTS))
