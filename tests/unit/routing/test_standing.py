"""How canary and shadow have stood: each is counted from where it began."""

from __future__ import annotations

from support.control_events import model

from streamproc.routing.comparing import ComparedReading
from streamproc.routing.control import Canary, ControlState
from streamproc.routing.standing import Standing

READING = ComparedReading(0.9, 0.8, same=9, words=10)


def test_readings_and_words_are_counted_by_what_came_of_them() -> None:
    standing = Standing()
    for part in ("champion", "canary", "canary", "instead"):
        standing.routed(part)
    standing.compared("compared", True, READING)
    standing.compared("dropped", False, None)
    assert standing.answered == {"canary": 2, "instead": 1}
    assert (standing.canary.same, standing.canary.words, standing.canary.ends["compared"]) == (9, 10, 1)
    assert (standing.shadow.words, standing.shadow.ends["dropped"]) == (0, 1)


def test_another_canary_or_shadow_is_counted_from_nothing_and_the_same_one_goes_on() -> None:
    standing = Standing()
    standing.obey(ControlState(canary=Canary("c1", model(2), 0.1), shadow=model(3)))
    standing.routed("canary")
    standing.compared("compared", False, READING)
    standing.obey(ControlState(canary=Canary("c1", model(2), 0.1), shadow=model(3), revision=7))
    assert (standing.answered["canary"], standing.shadow.words) == (1, 10)
    standing.obey(ControlState(canary=Canary("c2", model(2), 0.1), shadow=model(4), revision=8))
    assert (standing.answered["canary"], standing.shadow.words) == (0, 0)
