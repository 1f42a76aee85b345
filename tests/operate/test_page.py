"""The operator's page in a real browser: what an operator sees and does, in both themes, from 360 to 1440 px.

A real worker on the real stack serves it; readings are spoken by espeak-ng. What no child reads and no worker writes,
as a right-to-left text or a result of a newer release, is written into the topics beside it.
``PICTURES=folder`` keeps pictures of the views.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fastavro
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support.activities import activity, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_fixtures import clips, schema_id, settings, topics
from support.worker_process import WorkerProcess, run

from streamproc.contracts import files, wire
from streamproc.contracts.generated.conversions import result_to_avro
from streamproc.contracts.generated.events import PhraseResult, Result, Verdict
from streamproc.contracts.upkeep import examples
from streamproc.demo.activities import make_activities
from streamproc.demo.readings import demo_readings
from streamproc.routing.split import in_canary
from streamproc.training.speech import Synthesiser
from streamproc.web.console.outcomes import KEPT
from streamproc.web.console.streams import MOST_STREAMS

__all__ = ["clips", "schema_id", "settings", "topics"]

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=20_000)

TOKEN = "token-of-the-browser-tests"
VIEWS = ("", "results", "letters", "activity")
WIDTHS = (360, 768, 1440)
THEMES = ("light", "dark")
HEBREW = "הילדה קראה סיפור על דרקון קטן"
CONTROL = "cat\u202egod\x00\x1b[31m"
HTML = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
PICTURES = os.environ.get("PICTURES")


@pytest.fixture(scope="module")
def page_settings(settings: dict[str, str]) -> dict[str, str]:
    """A worker's environment: the local mode, with a token for actions."""
    return {**settings, "STREAMPROC_CONSOLE__TOKEN": TOKEN, "STREAMPROC_CONSOLE__LOCAL": "true"}


@pytest.fixture(scope="module")
def worker(
    page_settings: dict[str, str],
    schema_id: int,
    topics: TestTopics,
    clips: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerProcess]:
    """A worker that has scored twelve readings and made three dead letters."""
    process = WorkerProcess(page_settings, tmp_path_factory.mktemp("worker") / "worker.log")
    try:
        process.wait_ready()
        spoken = make_activities(demo_readings()[:12], Synthesiser(), clips)
        records = [
            Record(event.learner_id.encode(), value(event, schema_id), [("ce_subject", event.activity_id.encode())])
            for event in spoken
        ]
        topics.publish([*records, *[Record(b"learner", b"no Avro", [("ce_subject", HTML.encode())])] * 3])
        assert len(topics.read(topics.results, 12)) == 12
        assert len(topics.read(topics.letters, 3)) == 3
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


class Visit:
    """A tab, and whatever went wrong in it: errors of scripts, of the policy, requests to anywhere else."""

    def __init__(self, browser: Browser, worker: WorkerProcess, theme: str = "light", width: int = 1440) -> None:
        self.base = f"http://127.0.0.1:{worker.port}"
        self.context = browser.new_context(
            color_scheme="dark" if theme == "dark" else "light", viewport={"width": width, "height": 800}
        )
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda asked: self._asked(asked.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.wrong.append(f"asked for {url}")

    def open(self, path: str) -> Page:
        """A view, loaded."""
        self.page.goto(f"{self.base}/console/{path}")
        return self.page


@pytest.fixture
def visit(browser: Browser, worker: WorkerProcess) -> Iterator[Visit]:
    """A wide tab in the light theme, in which nothing may go wrong."""
    visit = Visit(browser, worker)
    yield visit
    wrong = visit.wrong
    visit.context.close()
    assert wrong == []


def loaded(page: Page, view: str) -> None:
    """Wait for what a view shows last."""
    waited = {"": "#worker-rows table", "results": ".entry .text", "letters": ".entry", "activity": ".steps"}
    expect(page.locator(waited[view]).first).to_be_visible()
    if view == "results":
        expect(page.locator(".entry", has_text="not read yet")).to_have_count(0)


def result_value(result: Result, schema: int) -> bytes:
    """A result as a worker would write it."""
    body = io.BytesIO()
    parsed = fastavro.parse_schema(files.newest(files.RESULT).schema)
    fastavro.schemaless_writer(body, parsed, result_to_avro(result))
    return wire.header(schema) + body.getvalue()


def reading(text: str, activity_id: str) -> Result:
    """A result whose words are those of a text, each with a verdict, in turn."""
    example = examples.RESULT
    word = example.phrases[0].words[1]
    verdicts = (Verdict.CORRECT, Verdict.MISPRONOUNCED, Verdict.ACCEPTED)
    words = tuple(
        dataclasses.replace(word, text=one, verdict=verdicts[number % 3]) for number, one in enumerate(text.split(" "))
    )
    phrase: PhraseResult = dataclasses.replace(example.phrases[0], expected_text=text, words=words)
    return dataclasses.replace(example, activity_id=activity_id, phrases=(phrase,))


@pytest.fixture(scope="module")
def result_schema(page_settings: dict[str, str], topics: TestTopics, worker: WorkerProcess) -> int:
    """The id of the newest schema of results."""
    done = run(page_settings, "schemas", "register", "--json")
    rows = json.loads(done.stdout.splitlines()[-1])["schemas"]
    return max(int(row["id"]) for row in rows if row["subject"] == files.subject(topics.results))


def test_in_ten_seconds_it_is_seen_whether_readings_are_scored(visit: Visit) -> None:
    page = visit.open("")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Every reading has its outcome", timeout=10_000)
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator("#partition-rows tbody tr")).to_have_count(2)
    expect(page.locator("#endpoint-rows")).to_contain_text("in use")
    expect(page.locator("#worker-rows tbody tr")).to_have_count(1)
    expect(page.locator("#figures")).to_contain_text("p95")


def test_whoever_is_in_a_table_stays_there_when_the_next_picture_comes(visit: Visit) -> None:
    page = visit.open("")
    loaded(page, "")
    page.locator("#partition-rows").focus()
    page.locator("#partition-rows table").evaluate("table => { table.dataset.old = '1'; }")
    expect(page.locator("#partition-rows table[data-old]")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "partition-rows"


def test_a_worker_that_is_gone_is_not_good_news(
    browser: Browser, page_settings: dict[str, str], worker: WorkerProcess, tmp_path: Path
) -> None:
    second = WorkerProcess(page_settings, tmp_path / "second.log")
    try:
        second.wait_ready()
        visit = Visit(browser, second)
        page = visit.open("")
        expect(page.locator("#state")).to_have_text("live")
    finally:
        second.kill()
    expect(page.get_by_role("heading", level=1)).to_contain_text("does not answer")
    visit.context.close()


def test_every_word_tells_its_verdict_without_its_colour_and_can_be_heard(visit: Visit) -> None:
    page = visit.open("results")
    loaded(page, "results")
    page.locator(".entry", has_text="✗").first.click()
    detail = page.locator("#detail")
    expect(detail).to_be_visible()
    wrong = detail.locator(".sentence .MISPRONOUNCED:not(.mark), .sentence .OMITTED:not(.mark)").first
    expect(wrong).to_be_visible()
    line = wrong.evaluate("word => getComputedStyle(word).textDecorationLine")
    assert line in ("underline", "line-through")
    expect(detail.locator(".sentence .mark").first).to_have_text(re.compile("[✗−≈+]"))
    for table in detail.locator(".aligned table").all()[:5]:
        rows = [row.locator("td").all_inner_texts() for row in table.locator("tr").all()]
        assert len(rows) == 2
        assert len(rows[0]) == len(rows[1]), "expected and heard stand in columns"
    play = detail.get_by_role("button", name="▶ Play").first
    expect(play).to_be_enabled()
    play.click()
    expect(play).to_have_attribute("data-played", "1")
    detail.locator(".sentence .spoken").first.click()
    expect(play).to_have_attribute("data-played", "2")
    ink = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert detail.locator("canvas").first.evaluate(ink), "the waveform is drawn"


def test_letters_are_filtered_opened_replayed_and_discarded(visit: Visit) -> None:
    page = visit.open("letters")
    loaded(page, "letters")
    expect(page.locator(".entry")).to_have_count(3)
    page.get_by_label("Code").fill("AUDIO_EMPTY")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("No such letter.")).to_be_visible()
    page.get_by_label("Code").fill("")
    page.get_by_role("button", name="Look").click()
    expect(page.locator(".entry")).to_have_count(3)
    page.locator(".entry").first.click()
    expect(page.locator("#detail")).to_contain_text("VALUE_UNREADABLE")

    page.locator("#detail").get_by_role("button", name="Discard …").click()
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Use it").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 are given up for good")
    dialog.get_by_label("Who does this").fill("Kim")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_label("Why will nobody need them")).to_be_focused()
    dialog.get_by_label("Why will nobody need them").fill("a load test")
    dialog.get_by_role("button", name="Discard").click()
    expect(page.locator("#done")).to_contain_text("1 are given up")
    expect(page.locator(".entry")).to_have_count(2)
    expect(page.locator("#detail")).to_contain_text("discarded")

    page.locator("#rows input[type=checkbox]").first.check()
    page.locator(".actions").get_by_role("button", name="Replay …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Who does this")).to_have_value("Kim")
    dialog.get_by_role("button", name="Replay").click()
    expect(page.locator("#done")).to_contain_text("1 go back to their topic")
    # The request without the token was refused, and browsers say so.
    visit.wrong = [said for said in visit.wrong if "401" not in said]


def test_what_events_say_is_text_and_nothing_else(visit: Visit) -> None:
    page = visit.open("letters?state=any")
    loaded(page, "letters")
    page.locator(".entry").first.click()
    page.get_by_role("link", name="All that is known of this activity").click()
    loaded(page, "activity")
    expect(page.get_by_text(HTML).first).to_be_attached()
    assert page.title() == "streamproc: one activity"
    assert page.locator("main img, main script").count() == 0


def test_one_activity_by_its_id(visit: Visit) -> None:
    page = visit.open("results")
    loaded(page, "results")
    page.locator(".entry", has_text="✔").first.click()
    activity_id = page.locator("#detail h2 code").inner_text()
    page.goto(f"{visit.base}/console/activity")
    page.get_by_label("Activity id").fill(activity_id)
    page.keyboard.press("Enter")
    loaded(page, "activity")
    expect(page.locator(".steps")).to_contain_text("finished")
    expect(page.locator(".steps")).to_contain_text("COMPLETE")
    expect(page.locator(".sentence").first).to_be_visible()
    page.get_by_label("Activity id").fill("nobody")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator("#note")).to_contain_text("Nothing was found")


def test_odd_results(visit: Visit, topics: TestTopics, result_schema: int) -> None:
    long = " ".join(f"word{number}" for number in range(300))
    odd = {"rtl": HEBREW, "control": CONTROL, "html": HTML, "long": long}
    values = [result_value(reading(text, name), result_schema) for name, text in odd.items()]
    topics.write(topics.results, [*values, wire.header(987_654) + b"of a newer release"])
    page = visit.open("results")
    expect(page.locator(".entry", has_text="SCHEMA_UNKNOWN")).to_have_count(1)
    expect(page.locator(".entry", has_text="not read yet")).to_have_count(0)

    page.locator(".entry", has_text=HEBREW).click()
    sentence = page.locator("#detail .sentence")
    first, last = (sentence.locator("bdi").nth(place).bounding_box() for place in (0, -1))
    assert first is not None
    assert last is not None
    assert first["x"] > last["x"], "it is read from right to left"

    page.locator(".entry", has_text="god").click()
    expect(page.locator("#detail .sentence")).to_contain_text("cat\\u202egod\\x00\\x1b[31m")

    page.locator(".entry", has_text="onerror").click()
    expect(page.locator("#detail .sentence")).to_contain_text("<img")
    assert page.locator("main img").count() == 0

    page.locator(".entry", has_text="word0").click()
    expect(page.locator("#detail .sentence bdi")).to_have_count(300)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.locator(".entry", has_text="SCHEMA_UNKNOWN").click()
    expect(page.locator("#detail")).to_contain_text("cannot be read")
    assert page.locator("canvas").count() == 0


def test_everything_is_reached_by_the_keyboard(visit: Visit) -> None:
    page = visit.open("results")
    loaded(page, "results")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.className + '|' + document.activeElement.textContent.slice(0, 12)")
        )
    assert {"|Overview", "|Dead letters", "|Token …"} <= reached
    entries = [one for one in reached if one.startswith("entry|")]
    assert entries
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "Close"
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "entry"
    visible = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(visible) != "none", "it is seen where one is"


def test_the_models_in_use_are_seen_and_who_changed_them(
    visit: Visit, page_settings: dict[str, str], topics: TestTopics, schema_id: int
) -> None:
    page = visit.open("")
    card = page.locator("#models")
    expect(card).to_contain_text("the configuration's: phonemes/2")
    expect(card).to_contain_text("Nobody has changed anything.")
    by = ("--by", "ada", "--reason", "first look")
    for command in (("canary", "--share", "25%", "phonemes/2"), ("shadow", "phonemes/2")):
        assert run(page_settings, "models", *command, *by).returncode == 0
    expect(card).to_contain_text("in use by the worker")
    event = activity(phrase(), activity_id="of-the-canary", learner_id=next(_learners_of(0.25)))
    topics.publish([Record(event.learner_id.encode(), value(event, schema_id), [])])
    expect(card).to_contain_text("25 % of the learners")
    expect(card).to_contain_text("scored 1 reading")
    expect(card.get_by_role("row", name="errors")).to_contain_text("fails on 1 % of its readings")
    expect(card.get_by_role("row", name="canary phonemes/2 25 %")).to_contain_text("ada")
    assert run(page_settings, "models", "rollback", *by).returncode == 0
    expect(card.get_by_role("row", name="rollback")).to_contain_text("first look")
    expect(page.locator("#tests")).to_be_hidden()


def _learners_of(share: float) -> Iterator[str]:
    return (name for name in (f"learner-{number}" for number in itertools.count()) if in_canary(name, share))


# Source of the formula: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
CONTRAST = """() => {
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const channel = (value) => linear(value / 255);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility() || one.closest(":disabled, option, script, noscript")) continue;
    const [over, under] = [light(numbers(getComputedStyle(one).color)), light(ground(one))].sort((a, b) => b - a);
    const ratio = (over + 0.05) / (under + 0.05);
    if (ratio < 4.5) poor.push(`${one.tagName}.${one.className} ${one.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
}"""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_all_views_fit_and_can_be_read(browser: Browser, worker: WorkerProcess, theme: str, width: int) -> None:
    visit = Visit(browser, worker, theme, width)
    place = visit.open("results")
    loaded(place, "results")
    spoken = place.locator(".entry", has_text="✗ 1 of").last
    at = spoken.get_attribute("data-place")
    spoken.click()
    activity_id = place.locator("#detail h2 code").inner_text()
    for view in VIEWS:
        more = {"results": f"?at={at}", "letters": "?state=any", "activity": f"?q={activity_id}"}.get(view, "")
        page = visit.open(f"{view}{more}")
        loaded(page, view)
        if view in ("results", "activity"):
            expect(page.get_by_role("button", name="▶ Play").first).to_be_enabled()
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{view} is wider than {width} px"
        cut = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"
        assert page.evaluate(cut) == 0, f"a table of {view} is cut off at {width} px"
        assert page.evaluate(CONTRAST) == [], f"{view} in the {theme} theme"
        if PICTURES:
            page.screenshot(path=Path(PICTURES, f"page-{view or 'overview'}-{theme}-{width}.png"))
    assert visit.wrong == []
    visit.context.close()


def test_ten_thousand_results(visit: Visit, topics: TestTopics, result_schema: int, worker: WorkerProcess) -> None:
    small = result_value(reading("one two three", "many"), result_schema)
    topics.write(topics.results, [small] * 10_000)
    page = visit.open("results")
    expect(page.locator("#note")).to_contain_text(f"of {KEPT} that are kept")
    expect(page.locator(".entry")).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".entry")).to_have_count(100)
    assert worker.is_alive


def test_a_thousand_idle_connections_and_too_many_who_look_on(
    browser: Browser, worker: WorkerProcess, topics: TestTopics, schema_id: int, clips: Path
) -> None:
    time.sleep(3)  # who has gone is noticed with the next picture
    with ExitStack() as held:
        for _ in range(1_000):
            # The worker lets the oldest ones go; whoever comes is served.
            held.enter_context(socket.create_connection(("127.0.0.1", worker.port), timeout=5))
        for _ in range(MOST_STREAMS):
            stream = held.enter_context(socket.create_connection(("127.0.0.1", worker.port), timeout=5))
            stream.sendall(b"GET /console/api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"200" in stream.recv(64)
        (event,) = make_activities(demo_readings()[:1], Synthesiser(), clips)
        before = worker.metric("streamproc_results_total")
        topics.publish([Record(b"learner", value(event, schema_id), [])])
        worker.wait_for(lambda: worker.metric("streamproc_results_total") == before + 1, "a result meanwhile", 30)
        visit = Visit(browser, worker)
        page = visit.open("")
        expect(page.locator("#state")).to_have_text("every 5 s")
        expect(page.get_by_role("heading", level=1)).to_contain_text("reading")
        visit.context.close()
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/health/ready", timeout=10) as answer:
        assert answer.status == 200


def test_a_topic_without_results(
    browser: Browser, page_settings: dict[str, str], topics: TestTopics, tmp_path: Path
) -> None:
    empty = TestTopics(topics.bootstrap)
    own = {**page_settings, **empty.settings}
    for command in (("topics", "create"), ("schemas", "register")):
        assert run(own, *command).returncode == 0
    process = WorkerProcess(own, tmp_path / "empty.log")
    try:
        process.wait_ready()
        visit = Visit(browser, process)
        expect(visit.open("results").get_by_text("There are no results yet.")).to_be_visible()
        expect(visit.open("letters").get_by_text("No such letter.")).to_be_visible()
        expect(visit.open("").get_by_role("heading", level=1)).to_contain_text("Every reading has its outcome")
        assert visit.wrong == []
        visit.context.close()
    finally:
        process.kill()


def test_without_the_local_mode_the_token_is_asked_for(
    browser: Browser, page_settings: dict[str, str], worker: WorkerProcess, tmp_path: Path
) -> None:
    process = WorkerProcess({**page_settings, "STREAMPROC_CONSOLE__LOCAL": "false"}, tmp_path / "closed.log")
    try:
        process.wait_ready()
        visit = Visit(browser, process)
        page = visit.open("results")
        page.locator("#problem").get_by_role("button", name="Give the token").click()
        page.get_by_role("textbox", name="Token").fill(TOKEN)
        page.keyboard.press("Enter")
        loaded(page, "results")
        page.locator(".entry").first.click()
        expect(page.locator("#detail .sentence, #detail .notice").first).to_be_visible()
        assert page.locator("canvas").count() == 0, "recordings are heard on one's own machine alone"
        visit.context.close()
        closed = Visit(browser, process)
        expect(closed.open("").locator("#changes")).to_contain_text("is shown with the token")
        assert closed.wrong == []
        closed.context.close()
        by_address = Visit(browser, process)
        page = by_address.open(f"results#token={TOKEN}")
        loaded(page, "results")
        assert TOKEN not in page.url
        by_address.context.close()
    finally:
        process.kill()
