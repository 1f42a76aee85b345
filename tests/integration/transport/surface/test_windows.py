"""Windows of a plain Faust app that only names the URL: what each holds, when it closes, and through a kill -9."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from .surface import App, Reader

TABLES = ("tumbling", "hopping", "sliding", "of_stream", "of_field", "of_now")
#: An hour, some hours ago: the events' seconds are counted from here.
HOUR = int(time.time() // 3600 - 5) * 3600
#: In the log's order: in time, out of order, and too late.
FIRST = (0, 10, 65, 5, 80, 6)
#: All windows are over.
LAST = 1_000

#: A table, start and end of a window, and what was in it.
Closed = tuple[str, int, int, tuple[int, ...]]
CLOSED: list[Closed] = [
    ("tumbling", 0, 60, (0, 10, 5)),
    ("tumbling", 60, 120, (65, 80)),
    ("of_stream", 0, 60, (0, 10, 5)),
    ("of_stream", 60, 120, (65, 80)),
    ("hopping", -30, 30, (0, 10)),
    ("hopping", 0, 60, (0, 10, 5)),
    ("hopping", 30, 90, (65, 80)),
    ("hopping", 60, 120, (65, 80)),
    *(("sliding", at - 30, at + 30, (at,)) for at in (0, 10, 65, 80)),
    ("of_field", -60, 0, (0,)),
    ("of_field", 0, 60, (10, 5)),
    ("of_field", 60, 120, (65, 80)),
    ("of_now", 0, 60, (0, 10)),
    ("of_now", 60, 120, (65, 5, 80, 6)),
]


def publish(app: App, *seconds: int) -> None:
    """One learner's readings; each tells a time of its own, three seconds before."""
    producer = Producer({"bootstrap.servers": app.bootstrap})
    for second in seconds:
        value = json.dumps({"learner": "ann", "at": HOUR + second - 3}).encode()
        producer.produce(app.topic("in"), value, b"ann", timestamp=(HOUR + second) * 1000)
    assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def outcomes(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Reader]]:
    """The worker dies while windows are open, and the next one closes them."""
    with App(kafka_bootstrap, "windows.py", tmp_path_factory.mktemp("windows")) as app:
        late = [f"{app.name}-{table}-late" for table in TABLES]
        app.create("in", "seen", "closed")
        app.start("a")  # it makes the topics of what is late
        reader = Reader(kafka_bootstrap, [app.topic("seen"), app.topic("closed"), *late])
        publish(app, *FIRST)
        reader.wait_for(lambda: len(reader.values(app.topic("seen"))) == len(FIRST), "the first events", 60, app)
        app.kill("a")
        app.start("b")
        publish(app, LAST)
        reader.wait_for(lambda: len(reader.values(app.topic("seen"))) == len(FIRST) + 1, "the last event", 60, app)
        reader.wait_for(lambda: len(closings(app, reader)) >= len(CLOSED), "all windows", 60, app)
        publish(app, LAST + 1)
        reader.wait_for(lambda: len(reader.values(app.topic("seen"))) == len(FIRST) + 2, "one event more", 60, app)
        app.stop("b")
        reader.read(2.0)
        yield app, reader
        reader.close()


def closings(app: App, reader: Reader) -> list[Closed]:
    """What was published of windows."""
    found = []
    for message in reader.found[app.topic("closed")]:
        learner, start, end, value = json.loads(message.value() or b"")
        assert learner == "ann"
        found.append(((message.key() or b"").decode(), round(start - HOUR), round(end - HOUR), tuple(value)))
    return found


def events(app: App, reader: Reader) -> dict[int, Any]:
    """What each event has told."""
    return {told["second"]: told for told in map(json.loads, reader.values(app.topic("seen")))}


@pytest.mark.timeout(300)
def test_each_window_is_published_once_with_what_came_in_time(outcomes: tuple[App, Reader]) -> None:
    assert Counter(closings(*outcomes)) == Counter(CLOSED)


@pytest.mark.timeout(300)
def test_what_came_too_late_is_set_aside_with_the_reason(outcomes: tuple[App, Reader]) -> None:
    app, reader = outcomes
    late = {table: sorted(map(second, reader.found[f"{app.name}-{table}-late"])) for table in TABLES}
    assert late == {
        "tumbling": [6],
        "of_stream": [6],
        "of_field": [6],
        "hopping": [5, 6],
        "sliding": [5, 6],
        "of_now": [],
    }


def second(message: Any) -> int:
    """Of an event that was set aside."""
    headers = dict(message.headers())
    assert headers["late.reason"].startswith(b"the window was closed")
    at: float = json.loads(message.value())["at"]
    return round(at - HOUR + 3)


@pytest.mark.timeout(300)
def test_an_event_sees_the_windows_of_its_time(outcomes: tuple[App, Reader]) -> None:
    told = events(*outcomes)
    assert told[5]["tumbling"] == [0, 10, 5]
    assert told[80]["tumbling"] == [65, 80]
    assert told[80]["of_field"] == [65, 80]
    assert told[6]["by_now"] == {"ann": [65, 5, 80, 6]}


@pytest.mark.timeout(300)
def test_windows_that_were_restored_expire_and_leave_nothing(outcomes: tuple[App, Reader]) -> None:
    told = events(*outcomes)
    assert told[LAST + 1]["left"] == {**dict.fromkeys(TABLES, 1), "hopping": 2, "sliding": 2}
