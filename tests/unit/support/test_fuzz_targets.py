"""Hypothesis on the event decoder and the audio loader: any bytes end as an event or as poison."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fuzz_targets import Target, load_clip, seeds, versions
from support.mutations import mutated

from streamproc.contracts import wire

TARGET = Target()
SEEDS = seeds()


def damaged(seed: bytes, damage: list[tuple[int, bytes]], length: int) -> bytes:
    content = bytearray(seed)
    for place, bytes_ in damage:
        at = place % (len(content) + 1)
        content[at : at + len(bytes_)] = bytes_
    return bytes(content[: max(length, 1)]) if length else bytes(content)


damages = st.builds(
    damaged,
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=12)), max_size=6),
    st.one_of(st.just(0), st.integers(1, 10_000)),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.one_of(damages, st.binary(max_size=200), st.binary(max_size=200).map(lambda b: wire.header(versions()[-1]) + b))
)
def test_any_bytes_are_an_event_or_poison(content: bytes) -> None:
    TARGET.decode(content)


def test_the_seeds_are_events() -> None:
    assert all(TARGET.decode(seed) is not None for seed in SEEDS)


def test_mutated_events_are_events_or_poison() -> None:
    outcomes = [
        TARGET.decode(content) is not None for content in mutated(500, 5, versions()[-1]) if content is not None
    ]
    assert {True, False} == set(outcomes)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"RF64"]))
def test_any_bytes_are_a_clip_or_poison(content: bytes, magic: bytes) -> None:
    load_clip(magic + content)
