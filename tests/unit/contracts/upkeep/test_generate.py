"""The generated modules are what the schema files say today."""

from __future__ import annotations

from streamproc.contracts.generated.events import Audio, Codec
from streamproc.contracts.upkeep import generate


def test_generated_modules_are_current() -> None:
    for path, source in generate.modules().items():
        assert path.read_text("utf-8") == source, f"{path.name}: run 'python -m streamproc.contracts.upkeep.generate'"


def test_defaults_are_those_of_the_schema() -> None:
    audio = Audio(sample_rate=16_000)
    assert (audio.data, audio.uri, audio.codec) == (None, None, Codec.UNKNOWN)


def test_printing_an_event_shows_no_audio() -> None:
    assert "secret" not in repr(Audio(data=b"secret", uri="file:///secret", sample_rate=16_000))
