"""A run of `streamproc replay` goes on as it was begun; what is said otherwise is refused, and shows both."""

from __future__ import annotations

import click
import pytest

from streamproc import settings
from streamproc.cli.replay_run import Moment, Wish, differences, other_weights, pinned, refuse, refuse_elapsed
from streamproc.inference.engine import ModelIdentity
from streamproc.kafka.history import History
from streamproc.kafka.places import OffsetRange
from streamproc.kafka.runs import ReplayRun

DAY_MS = 24 * 3600 * 1000
PART = History("reading.activity.v1", [OffsetRange(0, 5, 10), OffsetRange(1, 0, 7)])
RUN = ReplayRun(PART, DAY_MS, 2 * DAY_MS, "7d", "1970-01-03", "another", False, "phonemes", "2", "a" * 64)
NOTHING = Wish(None, None, None, into_live=False)


def found(wish: Wish, run: ReplayRun = RUN) -> list[str]:
    return list(differences(run, wish, settings.load()))


@pytest.mark.parametrize(
    "wish",
    [
        NOTHING,
        Wish(Moment(DAY_MS, "1970-01-02"), Moment(2 * DAY_MS, "1970-01-03T01:00+01:00"), "another", into_live=False),
        # What starts a command again says the same words, at another time.
        Wish(Moment(3 * DAY_MS, "7d"), Moment(2 * DAY_MS, "1970-01-03"), "another", into_live=False),
    ],
)
def test_the_same_again_is_the_same_run(wish: Wish) -> None:
    assert found(wish) == []
    refuse("model-3", iter(found(wish)))


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (
            Wish(Moment(3 * DAY_MS, "5d"), None, None, False),
            "--from: 7d (1970-01-02T00:00:00.000Z) then, 5d (1970-01-04T00:00:00.000Z) now",
        ),
        (
            Wish(None, Moment(3 * DAY_MS, "1970-01-04"), None, False),
            "--to: 1970-01-03T00:00:00.000Z then, 1970-01-04T00:00:00.000Z now",
        ),
        (Wish(None, None, "third", False), "results: --results another then, --results third now"),
        (Wish(None, None, None, True), "results: --results another then, --into-live now"),
    ],
)
def test_another_part_or_topic_is_refused_with_both_and_a_way_on(wish: Wish, told: str) -> None:
    assert found(wish) == [told]
    with pytest.raises(click.UsageError) as refused:
        refuse("model-3", iter(found(wish)))
    assert told in refused.value.message
    assert "streamproc replay model-3" in refused.value.message
    assert "another NAME" in refused.value.message


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("KAFKA__ACTIVITY_TOPIC", "third", "STREAMPROC_KAFKA__ACTIVITY_TOPIC: reading.activity.v1 then, third now"),
        ("TRITON__MODEL", "third", "model: phonemes/2 then, third/the newest now"),
        ("TRITON__MODEL_VERSION", "3", "model: phonemes/2 then, phonemes/3 now"),
    ],
)
def test_another_setting_that_says_what_is_read_and_by_what_is_refused(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"STREAMPROC_{variable}", value)
    assert found(NOTHING) == [told]


def test_the_version_that_it_began_with_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_TRITON__MODEL_VERSION", "2")
    assert found(NOTHING) == []


def test_other_weights_under_the_same_name_are_another_model() -> None:
    assert list(other_weights(RUN, ModelIdentity("phonemes", "2", "a" * 64))) == []
    [told] = other_weights(RUN, ModelIdentity("phonemes", "2", "b" * 64))
    assert told == "model: phonemes/2 (aaaaaaaaaaaa) then, phonemes/2 (bbbbbbbbbbbb) now"


@pytest.mark.parametrize("engine", ["triton", "onnx", "torch"])
def test_a_newer_version_that_comes_meanwhile_is_not_taken(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_INFERENCE__ENGINE", engine)
    assert getattr(pinned(settings.load(), "2"), engine).model_version == "2"


def test_one_that_is_done_is_not_taken_for_the_same_words_of_another_day() -> None:
    refuse_elapsed("model-3", RUN, Wish(Moment(DAY_MS, "1970-01-02"), None, None, False))
    with pytest.raises(
        click.UsageError, match=r"model-3 is done: it has read from 1970-01-02.*7d is another time today"
    ):
        refuse_elapsed("model-3", RUN, Wish(Moment(3 * DAY_MS, "7d"), None, None, False))


@pytest.mark.parametrize(("results", "into_live"), [("another", False), ("a, b", True)])
def test_what_is_written_of_a_run_is_read_again(results: str, into_live: bool) -> None:
    run = ReplayRun(PART, 1, 2, "7d", "", results, into_live, "phonemes", "2", "a" * 64)
    assert ReplayRun.of(run.value()) == run
