"""Every way of writing an agent is exactly-once through kill -9, in a plain Faust app that only names the URL."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest
from support.feeding import feed

from .surface import HERE, App, Reader

COUNT = 200
KEYS = 20


def _styles() -> tuple[str, ...]:
    """What styles.py says: imported from there it would start that app here."""
    tree = ast.parse((HERE / "styles.py").read_text())
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["STYLES"]
    ]
    return tuple(ast.literal_eval(values[0]))


STYLES = _styles()
#: Styles that do not pass the key on, or whose input lies on two topics: no order to keep.
UNORDERED = {"take", "take_events", "noack_take", "sinks", "group_by", "many_topics"}
SOURCES = [style for style in STYLES if style != "other_agent"]


@pytest.fixture(scope="module")
def outcomes(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Reader]]:
    """What is on the output topics after two workers were killed, two were stopped, and all input was worked on."""
    with App(kafka_bootstrap, "styles.py", tmp_path_factory.mktemp("styles")) as app:
        app.create(*(f"{style}-in" for style in SOURCES), "many_topics-too", "through-middle", "cast-middle")
        app.create(*(f"{style}-out" for style in STYLES))
        for style in SOURCES:
            feed(kafka_bootstrap, app.topic(f"{style}-in"), range(COUNT), keys=KEYS)
        feed(kafka_bootstrap, app.topic("many_topics-too"), range(COUNT, 2 * COUNT), keys=KEYS)
        reader = Reader(kafka_bootstrap, [app.topic(f"{style}-out") for style in STYLES])

        def total() -> int:
            return sum(len(set(reader.numbers(topic))) for topic in reader.found)

        app.start("a")
        reader.wait_for(lambda: total() > 500, "the first outcomes", 90, app)
        app.kill("a")
        app.start("b", ready=False)
        app.start("c", ready=False)
        reader.wait_for(lambda: total() > 1_500, "outcomes after a kill", 90, app)
        app.kill("b")
        reader.wait_for(lambda: total() > 2_500, "outcomes after two kills", 90, app)
        app.start("d", ready=False)
        app.stop("c")
        expected = COUNT * (len(STYLES) + 1)
        reader.wait_for(lambda: total() >= expected, f"{expected} outcomes", 120, app)
        app.stop("d")
        reader.read(2.0)
        yield app, reader
        reader.close()


@pytest.mark.timeout(420)
@pytest.mark.parametrize("style", STYLES)
def test_each_event_has_one_outcome(outcomes: tuple[App, Reader], style: str) -> None:
    """A read_committed reader sees an outcome for every event, once."""
    app, reader = outcomes
    found = Counter(reader.numbers(app.topic(f"{style}-out")))
    expected = range(2 * COUNT if style == "many_topics" else COUNT)
    missing = [number for number in expected if number not in found]
    repeated = [number for number, times in found.items() if times > 1]
    assert (missing, repeated) == ([], [])


@pytest.mark.timeout(420)
@pytest.mark.parametrize("style", [style for style in STYLES if style not in UNORDERED])
def test_a_key_keeps_its_order(outcomes: tuple[App, Reader], style: str) -> None:
    """Outcomes of one key come in the order of their events."""
    app, reader = outcomes
    by_key: dict[bytes, list[int]] = {}
    for message in reader.found[app.topic(f"{style}-out")]:
        by_key.setdefault(message.key() or b"", []).append(int(message.value() or b""))
    assert len(by_key) == KEYS
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


@pytest.mark.timeout(420)
def test_the_kills_did_interrupt_work(outcomes: tuple[App, Reader]) -> None:
    """Some work was begun more than once."""
    app, _ = outcomes
    begun = sum(call.isdigit() for call in app.calls())
    # Batches leave no numbers; one style has twice as many events.
    assert begun > COUNT * (len(STYLES) - 3 + 1)
