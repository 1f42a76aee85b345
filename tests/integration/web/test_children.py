"""What the operator's page shows of children's data, to whom, and what is done to dead letters there."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from aiohttp import ClientSession
from support.activities import CHILD, TEXT, activity, clip, inline, phrase, value
from support.topics_of_test import Record, TestTopics
from support.worker_process import WorkerProcess, run

from streamproc.contracts import wire

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ACTION = {"X-Streamproc-Action": "1"}
PRIVATE = ("results", "results/0/0", "letters", "letters/0/0", "activity?q=reading-1", "recordings/0/0/0")


def headers(activity_id: str) -> list[tuple[str, bytes | None]]:
    return [("ce_subject", activity_id.encode()), ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]


@pytest.fixture(scope="module")
def outcomes(worker: WorkerProcess, topics: TestTopics, schema_id: int) -> list[str]:
    """Three readings that are scored and three that die: their places, in order."""
    assert worker.is_alive
    records = []
    for number in range(3):
        event = activity(phrase(inline(clip(0.5))), activity_id=f"good-{number}")
        records.append(Record(CHILD.encode(), value(event, schema_id), headers(f"good-{number}")))
    records += [Record(CHILD.encode(), b"no Avro", headers(f"bad-{number}")) for number in range(3)]
    places = topics.publish(records)
    assert len(topics.read(topics.results, 3)) == 3
    assert len(topics.read(topics.letters, 3)) == 3
    return [f"{place.partition}:{place.offset}" for place in places]


async def got(page: ClientSession, path: str, token: dict[str, str]) -> Any:
    async with page.get(f"/console/api/{path}", headers=token) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def until(page: ClientSession, path: str, token: dict[str, str], holds: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(40):
        while not holds(found := await got(page, path, token)):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)
    return found


async def posted(page: ClientSession, path: str, body: Any, given: dict[str, str]) -> tuple[int, Any]:
    async with page.post(f"/console/api/{path}", json=body, headers=given) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", PRIVATE)
async def test_children_are_nobodys_business_without_the_token(page: ClientSession, path: str) -> None:
    for given in ({}, {"Authorization": "Bearer a-wrong-token-of-24-char"}):
        async with page.get(f"/console/api/{path}", headers=given) as answer:
            assert answer.status == 401
            assert set(await answer.json()) == {"error"}


async def test_recordings_are_heard_on_ones_own_machine_alone(page: ClientSession, token: dict[str, str]) -> None:
    async with page.get("/console/api/recordings/0/0/0", headers=token) as answer:
        assert answer.status == 403
        assert "STREAMPROC_CONSOLE__LOCAL" in await answer.text()


async def test_recent_results_and_one_in_full(page: ClientSession, token: dict[str, str], outcomes: list[str]) -> None:
    found = await until(
        page, "results", token, lambda found: len(found["results"]) == 3 and "text" in found["results"][-1]
    )
    row = found["results"][0]
    assert row["text"] == TEXT
    assert row["trace_id"] == TRACE
    full = await got(page, f"results/{row['place'].replace(':', '/')}", token)
    (shown,) = full["phrases"]
    assert shown["text"] == TEXT
    assert shown["words"] or shown["error"], "noise may be refused: NOTHING_HEARD"
    assert full["timings"]["total"] > 0
    assert f"{full['source']['partition']}:{full['source']['offset']}" in outcomes
    assert CHILD not in json.dumps(full)
    async with page.get("/console/api/results/0/999999", headers=token) as answer:
        assert answer.status == 404


async def test_a_result_that_this_worker_cannot_read_is_told_of_and_harms_no_other(
    page: ClientSession, token: dict[str, str], topics: TestTopics, outcomes: list[str]
) -> None:
    strange = wire.header(987_654) + b"whatever a newer release writes"
    topics.write(topics.results, [strange, b"", b"\x00"])
    found = await until(
        page,
        "results",
        token,
        lambda found: [row.get("unreadable") is not None for row in found["results"]].count(True) == 3,
    )
    told = " ".join(row["unreadable"] for row in found["results"] if "unreadable" in row)
    assert "SCHEMA_UNKNOWN" in told
    assert "987654" in told
    assert [row["text"] for row in found["results"] if "text" in row] == [TEXT] * 3
    place = next(row["place"] for row in found["results"] if "unreadable" in row)
    assert "unreadable" in await got(page, f"results/{place.replace(':', '/')}", token)


async def test_letters_are_browsed_filtered_and_opened(
    page: ClientSession, token: dict[str, str], outcomes: list[str]
) -> None:
    found = await got(page, "letters", token)
    assert sorted(letter["activity_id"] for letter in found["letters"]) == ["bad-0", "bad-1", "bad-2"]
    assert found["older"] is None
    assert {letter["source"] for letter in found["letters"]} == set(outcomes[3:])
    assert (await got(page, "letters?code=AUDIO_EMPTY", token))["letters"] == []
    assert (await got(page, "letters?state=discarded", token))["letters"] == []
    assert len((await got(page, f"letters?trace={TRACE}&code=VALUE_UNREADABLE", token))["letters"]) == 3
    full = await got(page, f"letters/{found['letters'][0]['position'].replace(':', '/')}", token)
    assert full["code"] == "VALUE_UNREADABLE"
    assert full["unreadable"]["bytes"] == len(b"no Avro")
    async with page.get("/console/api/letters?hours=soon", headers=token) as answer:
        assert answer.status == 400


async def test_actions_take_the_token_our_header_and_our_own_origin(
    page: ClientSession, token: dict[str, str], worker: WorkerProcess
) -> None:
    body = {"letters": ["0:0"], "by": "Kim", "reason": "x"}
    assert (await posted(page, "letters/discard", body, ACTION))[0] == 401
    assert (await posted(page, "letters/discard", body, token))[0] == 403
    evil = {**token, **ACTION, "Origin": "https://evil.example"}
    assert (await posted(page, "letters/discard", body, evil))[0] == 403
    assert (await posted(page, "letters/discard", {"letters": ["0:0"], "by": "Kim"}, {**token, **ACTION}))[0] == 400
    async with page.post("/console/api/letters/discard", data="x=1", headers={**token, **ACTION}) as answer:
        assert answer.status == 400, "a form's content is no JSON"
    async with page.get("/console/api/letters/discard", headers=token) as answer:
        assert answer.status in (404, 405)
    assert "action begins" not in worker.log_text()


async def test_a_letter_is_discarded_and_one_replayed_as_by_the_command(
    page: ClientSession,
    token: dict[str, str],
    outcomes: list[str],
    settings: dict[str, str],
    topics: TestTopics,
    worker: WorkerProcess,
) -> None:
    acting = {**token, **ACTION}
    first, second = ((await got(page, "letters", token))["letters"])[:2]
    body = {"letters": [first["position"]], "by": "Kim", "reason": "a load test"}
    status, told = await posted(page, "letters/discard", {**body, "dry_run": True}, acting)
    assert (status, told["discarded"], told["dry_run"]) == (200, 1, True)
    status, told = await posted(page, "letters/discard", body, acting)
    assert (status, told["discarded"], told["not_open"]) == (200, 1, 0)
    status, told = await posted(page, "letters/discard", body, acting)
    assert (status, told["discarded"], told["not_open"]) == (200, 0, 1), "nothing is done twice"
    status, told = await posted(page, "letters/replay", {"letters": [second["position"]], "by": "Kim"}, acting)
    assert (status, told["replayed"]) == (200, 1)
    states = {row["position"]: row["state"] for row in (await got(page, "letters?state=any", token))["letters"]}
    assert states[first["position"]] == "discarded"
    assert states[second["position"]] == "replayed"
    shown = await asyncio.to_thread(run, settings, "dlq", "list", "--state", "discarded", "--json")
    assert [row["position"] for row in json.loads(shown.stdout)["letters"]] == [first["position"]]
    (audit,) = topics.read(f"{topics.letters}.audit", 1)
    kept = json.loads(audit.value or b"")
    assert (kept["by"], kept["reason"]) == ("Kim (page)", "a load test")
    lines = [line for line in worker.log_records() if "console: an action" in line["event"]]
    assert [line["action"] for line in lines] == ["discard"] * 4 + ["replay"] * 2
    assert {line["by"] for line in lines} == {"Kim (page)"}


async def test_all_that_is_known_of_an_activity(
    page: ClientSession, token: dict[str, str], outcomes: list[str]
) -> None:
    good = await got(page, "activity?q=good-1", token)
    (record,) = good["activities"]
    assert f"{record['partition']}:{record['offset']}" == outcomes[1]
    assert record["finished"]
    assert record["trace_id"] == TRACE
    assert record["event"]["phrases"][0]["expected_text"] == TEXT
    (result,) = good["results"]
    assert result["activity_id"] == "good-1"
    assert good["letters"] == []
    assert CHILD not in json.dumps(good)
    bad = await got(page, "activity?q=bad-0", token)
    assert {letter["code"] for letter in bad["letters"]} == {"VALUE_UNREADABLE"}
    by_place = await got(page, f"activity?q={outcomes[1]}", token)
    assert [one["activity_id"] for one in by_place["results"]] == ["good-1"]
    assert len((await got(page, f"activity?q={TRACE}", token))["results"]) == 3
    assert (await got(page, "activity?q=nobody", token))["activities"] == []
    async with page.get("/console/api/activity", headers=token) as answer:
        assert answer.status == 400


@pytest.fixture
async def local_page(settings: dict[str, str], schema_id: int, tmp_path: Path) -> AsyncIterator[ClientSession]:
    """The page of a worker in the local mode, and no token."""
    process = WorkerProcess({**settings, "STREAMPROC_CONSOLE__LOCAL": "true"}, tmp_path / "local.log")
    try:
        await asyncio.to_thread(process.wait_ready)
        async with ClientSession(f"http://127.0.0.1:{process.port}") as session:
            yield session
    finally:
        process.kill()


async def test_on_ones_own_machine_readings_are_seen_and_heard_without_the_token(
    local_page: ClientSession, outcomes: list[str]
) -> None:
    assert len((await got(local_page, "letters?state=any", {}))["letters"]) >= 3
    async with local_page.get(f"/console/api/recordings/{outcomes[0].replace(':', '/')}/0") as answer:
        assert answer.status == 200
        samples, rate = soundfile.read(io.BytesIO(await answer.read()))
    assert (rate, len(samples)) == (16_000, 8_000)
    async with local_page.get(f"/console/api/recordings/{outcomes[3].replace(':', '/')}/0") as answer:
        assert answer.status == 422
    body = {"letters": ["0:0"], "by": "Kim", "reason": "x"}
    assert (await posted(local_page, "letters/discard", body, ACTION))[0] == 401
    async with local_page.get("/console/api/letters", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421
