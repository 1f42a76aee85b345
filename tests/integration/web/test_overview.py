"""The operator's page of a real worker: figures for everybody, from the worker and from Kafka."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Callable
from typing import Any

from aiohttp import ClientSession
from confluent_kafka import Message
from support.activities import activity, clip, inline, phrase, value
from support.topics_of_test import PARTITIONS, Record, TestTopics
from support.worker_process import WorkerProcess

from streamproc.kafka.tail import TopicTail
from streamproc.settings import Settings


async def overview(page: ClientSession, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first picture for which this holds."""
    async with asyncio.timeout(40):
        while True:
            async with page.get("/console/api/overview") as answer:
                assert answer.status == 200
                picture = dict(await answer.json())
            if until(picture):
                return picture
            await asyncio.sleep(0.2)


async def test_readings_are_scored_and_the_page_says_so(
    page: ClientSession, topics: TestTopics, schema_id: int
) -> None:
    quiet = await overview(page, lambda picture: picture["group"]["known"])
    assert quiet["verdict"]["mood"] == "good"
    assert quiet["verdict"]["headline"].startswith("Every reading has its outcome")
    good = value(activity(phrase(inline(clip(0.5)))), schema_id)
    records = [Record(f"learner-{number}".encode(), good, []) for number in range(6)]
    await asyncio.to_thread(topics.publish, [*records, Record(b"learner", b"no Avro", [])])
    picture = await overview(
        page, lambda picture: picture["outcomes"]["results"] == 6 and picture["outcomes"]["letters"] == 1
    )
    assert sum(sum(second) for second in picture["outcomes"]["course"]) <= 7
    picture = await overview(page, lambda picture: picture["outcomes"]["latency_ms"].get("count") == 6)
    assert 0 < picture["outcomes"]["latency_ms"]["p50"] <= picture["outcomes"]["latency_ms"]["p99"]
    picture = await overview(page, lambda picture: picture["group"]["unfinished"] == 0)
    assert [row["partition"] for row in picture["partitions"]] == list(range(PARTITIONS))
    assert all(row["ours"] for row in picture["partitions"])
    (worker,) = picture["workers"]
    assert worker["partitions"] == list(range(PARTITIONS))
    assert worker["said"]["outcomes"] == 7
    assert worker["said"]["transactions"]["committed"] >= 1
    assert [model["engine"] for model in picture["models"]] == ["triton"]
    assert [(each["usable"], each["workers"]) for each in picture["endpoints"]] == [(1, 1)]
    assert "learner-" not in json.dumps(picture), "figures alone"


async def test_the_figures_come_by_themselves(page: ClientSession) -> None:
    async with page.get("/console/api/live") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        for _ in range(2):
            event = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 20)
            assert json.loads(event.removeprefix(b"data: "))["verdict"]["headline"]


async def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script_within_it(page: ClientSession) -> None:
    async with page.get("/console/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        html = await answer.text()
    assert not re.search(r"https?://|<script(?![^>]* src=)|\son\w+=|style=", html)
    for path in re.findall(r'(?:src|href)="(/console/[^"#]+)"', html):
        async with page.get(path) as answer:
            assert answer.status == 200, path
            assert "://" not in re.sub(r"http://www\.w3\.org/\S+", "", await answer.text())


async def test_the_slash_may_be_left_out(page: ClientSession) -> None:
    async with page.get("/console") as answer:
        assert (answer.status, answer.url.path) == (200, "/console/")


async def test_no_path_leads_out_of_the_pages_files(page: ClientSession) -> None:
    for path in ("static/../routes.py", "static/..%2froutes.py", "static/routes.py", "static/", "nothing"):
        async with page.get(f"/console/{path}") as answer:
            assert answer.status == 404


async def test_other_sites_pages_get_nothing(page: ClientSession) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    async with page.get("/console/api/overview", headers=headers) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_second_worker_shows_the_whole_group_as_the_first_does_and_ends_in_spite_of_who_looks_on(
    page: ClientSession, settings: dict[str, str], worker: WorkerProcess, tmp_path: Any
) -> None:
    second = WorkerProcess(settings, tmp_path / "second.log")
    try:
        await asyncio.to_thread(second.wait_ready)
        async with ClientSession(f"http://127.0.0.1:{second.port}") as other:
            picture = await overview(
                other,
                lambda picture: (
                    picture["totals"]["workers"] == 2
                    and [row["ours"] for row in picture["partitions"]].count(True) == 1
                    and len(picture["partitions"]) == PARTITIONS
                ),
            )
            assert picture["outcomes"]["read"]
            ours, first = picture["workers"]
            assert (ours["ours"], first["ours"]) == (True, False)
            assert first["address"] == f"127.0.0.1:{worker.port}"
            assert first["said"]["outcomes"] == 7
            assert first["age_s"] < 20
            assert [each["workers"] for each in picture["endpoints"]] == [2]
            assert all(row["in_flight"] is not None for row in picture["partitions"])
            both = await overview(page, lambda picture: picture["totals"]["workers"] == 2)
            assert {row["address"] for row in both["workers"]} == {row["address"] for row in picture["workers"]}
            worker.signal(signal.SIGSTOP)
            try:
                silent = await overview(other, lambda picture: picture["workers"][1]["problem"] != "")
            finally:
                worker.signal(signal.SIGCONT)
            assert silent["workers"][1]["problem"] == "does not answer"
            assert silent["totals"]["workers"] == 1
            async with other.get("/console/api/live") as stream:
                await stream.content.readuntil(b"\n\n")
                assert await asyncio.to_thread(second.terminate, 25.0) == 0
                await stream.content.read()
    finally:
        second.kill()
    assert worker.is_alive


def test_a_tail_begins_before_the_end_and_goes_on(topics: TestTopics, settings: dict[str, str]) -> None:
    tree = Settings(kafka={"bootstrap_servers": topics.bootstrap})  # type: ignore[arg-type]
    tail = TopicTail(tree, [topics.letters], 1000)
    try:
        assert {begin.whole for begin in tail.begins} == {True}
        found: list[Message] = []
        while not found:
            found = tail.poll(1.0)
        assert found[0].value() == b"no Avro"
    finally:
        tail.close()
    late = TopicTail(tree, [topics.activities], PARTITIONS)
    try:
        assert {begin.whole for begin in late.begins} == {False}
    finally:
        late.close()
