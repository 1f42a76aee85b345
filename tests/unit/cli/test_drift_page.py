"""The page about drift: every model and day, its pictures, and nothing that a name could break."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date, timedelta

from streamproc.cli.drift_page import page
from streamproc.contracts.upkeep.examples import RESULT
from streamproc.routing.drift import DayOfModel, Profile, drift
from streamproc.routing.reference import ModelProfile


def profile(count: int) -> Profile:
    made = Profile()
    for _ in range(count):
        made.note(RESULT)
    return made


def days(name: str = "phonemes/2") -> list[DayOfModel]:
    reference = profile(200)
    found = [profile(count) for count in (200, 3)]
    return [
        DayOfModel(date(2026, 3, 1) + timedelta(place), name, "ab" * 32, one, drift(one, reference))
        for place, one in enumerate(found)
    ]


def test_every_day_of_a_model_is_on_the_page_with_two_pictures_a_measure() -> None:
    text = page(days(), {"ab" * 32: ModelProfile("phonemes/2", profile(200))}, "reference.json")
    assert all(word in text for word in ("phonemes/2", "2026-03-01", "2026-03-02", "reference.json", 'class="few"'))
    pictures = [f"<svg{rest.partition('</svg>')[0]}</svg>" for rest in text.split("<svg")[1:]]
    assert len(pictures) == 6
    for picture in pictures:
        ET.fromstring(picture)


def test_the_day_that_has_drifted_most_is_pictured_beside_the_reference() -> None:
    reference, odd = profile(300), profile(300)
    odd.bins["accuracy"].reverse()
    found = [
        DayOfModel(date(2026, 3, 1) + timedelta(place), "phonemes/2", "ab" * 32, one, drift(one, reference))
        for place, one in enumerate([profile(300), odd, profile(300)])
    ]
    text = page(found, {"ab" * 32: ModelProfile("phonemes/2", reference)}, "reference.json")
    assert "3 days: 1 shifted, 2 steady." in text
    assert "2026-03-02 (blue) beside the reference" in text
    assert "2026-03-03 (blue) beside the reference" in text, "of measures that have not drifted the last one"


def test_a_model_that_the_reference_has_not_is_named_as_such() -> None:
    (row, _) = days()
    alone = DayOfModel(row.day, row.name, row.sha256, row.profile, {})
    assert "nothing to compare its 200 readings with" in page([alone], {}, "reference.json")


def test_a_name_is_text() -> None:
    text = page(days("<script>alert(1)</script>/2"), {}, "<b>")
    assert "<script>" not in text
    assert "<b>" not in text


def test_without_results_the_page_says_so() -> None:
    assert "no results" in page([], {}, "reference.json")
