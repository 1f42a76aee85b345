"""The settings that change without a redeploy: each is seen to change what a real worker does, and is kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.activities import activity, behind, clip, inline, phrase, value
from support.models_rig import MUMBLER, SHIPPED, ModelsRig, wait_until
from support.result_judge import ResultJudge
from support.strange_events import Stranger
from support.topics_of_test import Record

from streamproc.contracts.generated.events import Activity, Result
from streamproc.localstack.stack import Addresses, LocalStack
from streamproc.localstack.triton import MODELS

GREEDY, BEAM = ("M", "AY", "L", "OW"), ("M", "AY", "R", "L", "OW")
"""What each way to decode finds in MUMBLER's logits of the first word."""


class Store(BaseHTTPRequestHandler):
    """Stands in for a slow store of clips; counts how many are asked for at once."""

    at_once = most = 0
    counting = threading.Lock()

    def do_GET(self) -> None:
        """A clip, after half a second."""
        with self.counting:
            Store.at_once += 1
            Store.most = max(Store.most, Store.at_once)
        time.sleep(0.5)
        with self.counting:
            Store.at_once -= 1
        content = clip(0.5)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def store() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def stack(local_stack: LocalStack) -> Addresses:
    """Without the shared Triton: this module's has other models, and is stopped."""
    return local_stack.up(("kafka", "registry"))


class Scene:
    """One worker, what is published to it, and its results."""

    def __init__(self, rig: ModelsRig, clips: str) -> None:
        self.rig = rig
        self.clips = clips
        self.outcomes = ResultJudge(rig.topics)
        self._published = 0

    def live(self, *arguments: str) -> dict[str, Any]:
        """Set live settings, and wait until the worker has them."""
        said = self.rig.done("live", *arguments)
        wait_until(lambda: self.rig.all_at(said["revision"]), "the settings", 30, lambda: None)
        return said

    def publish(self, count: int, *, behind_a_store: bool = False, half: bool = False) -> range:
        """Activities of as many learners; their numbers. ``half``: a second phrase of each cannot be scored."""
        numbers = range(self._published, self._published + count)
        self._published += count
        audio = [behind(f"{self.clips}{number}.wav") if behind_a_store else inline() for number in numbers]
        second = [phrase(inline(b"no audio"), index=1)] if half else []
        events = [
            activity(phrase(one), *second, activity_id=f"reading-{number}", learner_id=f"learner-{number}")
            for number, one in zip(numbers, audio, strict=True)
        ]
        self.rig.topics.publish(self._record(event) for event in events)
        return numbers

    def results(self, numbers: range) -> list[Result]:
        """Of these activities, waited for."""
        wait_until(lambda: self.outcomes.seen.keys() >= set(numbers), "results", 60, lambda: self.outcomes.read(0.1))
        return [self.outcomes.results[number] for number in numbers]

    def first_word(self) -> tuple[str, ...]:
        """What is heard of it in a reading of now."""
        (result,) = self.results(self.publish(1))
        return result.phrases[0].words[0].heard

    def told(self) -> dict[str, Any]:
        """What the worker says of itself on its page."""
        return self.rig.told(self.rig.workers[0])

    def _record(self, event: Activity) -> Record:
        return Record(event.learner_id.encode(), value(event, self.rig.schema_id), [])


@pytest.fixture(scope="module")
def scene(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("live")
    with store() as clips:
        settings = {
            "STREAMPROC_AUDIO__ALLOWED_PREFIXES": json.dumps([clips]),
            "STREAMPROC_INFERENCE__FALLBACK": "onnx",
            "STREAMPROC_ONNX__REPOSITORY": str(MODELS),
            "STREAMPROC_LOG__LEVEL": "DEBUG",
            "STREAMPROC_EVENT__DEADLINE": "5",
        }
        with ModelsRig.opened(stack, folder, 1, (SHIPPED, MUMBLER), settings) as rig:
            yield Scene(rig, clips)


def test_what_is_out_of_range_is_refused_by_the_command_and_passed_over_by_a_worker(
    scene: Scene, stack: Addresses
) -> None:
    before = scene.rig.done("status")
    for wrong in (
        ("--max-in-flight", "0"),
        ("--max-audio-seconds", "0"),
        ("--fallback", "guess"),
        ("--decode", "guess"),
        ("--debug-share", "1.5"),
    ):
        assert scene.rig.models("live", *wrong).returncode == 2, wrong
    assert scene.rig.done("status")["revision"] == before["revision"]
    stranger = Stranger(stack.kafka_bootstrap, stack.registry_url, scene.rig.topics.control)
    revision = stranger.write(stranger.out_of_range(before["revision"]))
    wait_until(lambda: scene.rig.all_at(revision), "the stranger's event", 30, lambda: None)
    assert scene.rig.logged("a control event is not obeyed", "max_in_flight is 0") == 1
    assert scene.told()["steered"]["live"] == {}
    assert scene.rig.done("status")["changes"][-1]["fate"] == "refused"


def test_readings_are_decoded_the_other_way_at_once(scene: Scene) -> None:
    promoted = scene.rig.done("promote", f"{MUMBLER}/2", "--force")
    wait_until(lambda: scene.rig.all_at(promoted["revision"]), "the champion", 30, lambda: None)
    wait_until(lambda: scene.results(scene.publish(1))[0].model.name == MUMBLER, "its first reading", 30, lambda: None)
    assert scene.first_word() == GREEDY
    scene.live("--decode", "beam")
    assert scene.first_word() == BEAM
    scene.live()
    assert scene.first_word() == GREEDY


def test_no_more_is_worked_on_at_once_than_is_said(scene: Scene) -> None:
    scene.live("--max-in-flight", "1")
    Store.most = 0
    scene.results(scene.publish(4, behind_a_store=True))
    assert Store.most == 1
    assert scene.told()["most_in_flight"] == 1
    scene.live()
    Store.most = 0
    scene.results(scene.publish(4, behind_a_store=True))
    assert Store.most > 1


def test_debug_lines_are_left_out_and_come_back(scene: Scene) -> None:
    def more_lines() -> int:
        before = scene.rig.workers[0].log_text().count('"phrase not scored"')
        scene.results(scene.publish(3, half=True))
        return scene.rig.workers[0].log_text().count('"phrase not scored"') - before

    assert more_lines() == 3
    scene.live("--debug-share", "0")
    assert more_lines() == 0
    scene.live()
    assert more_lines() == 3


def test_what_is_set_is_shown_audited_and_survives_a_restart(scene: Scene) -> None:
    wanted = {"max_in_flight": 3, "max_audio_seconds": 7.0, "fallback": "pause", "decode": "beam", "debug_share": 0.0}
    scene.live(*(part for name, value in wanted.items() for part in (f"--{name.replace('_', '-')}", str(value))))
    told = scene.rig.done("status")
    assert told["live"] == wanted
    assert (told["changes"][-1]["kind"], told["changes"][-1]["live"]) == ("SETTINGS", wanted)
    for restarted in (False, True):
        if restarted:
            scene.rig.kill_worker(0)
            scene.rig.workers[0].wait_ready()
        assert scene.told()["steered"]["live"] == wanted
        assert 0 < scene.rig.metric(scene.rig.workers[0], "streamproc_endpoint_limit_seconds") <= 7
        assert scene.first_word() == BEAM
    scene.live()
    assert scene.told()["steered"]["live"] == {}


def test_a_worker_pauses_in_place_of_falling_back_for_as_long_as_that_is_said(scene: Scene) -> None:
    rig = scene.rig
    back = rig.done("rollback", "--champion")
    wait_until(lambda: rig.all_at(back["revision"]), "the old champion", 30, lambda: None)
    wait_until(lambda: scene.results(scene.publish(1))[0].model.name == SHIPPED, "a reading by it", 30, lambda: None)
    scene.live("--fallback", "pause")
    rig.triton.stop()
    numbers = scene.publish(2)
    paused = "streamproc_intake_paused"
    wait_until(lambda: rig.metric(rig.workers[0], paused) > 0, "a pause", 90, lambda: scene.outcomes.read(0.2))
    assert not scene.outcomes.seen.keys() & set(numbers)
    scene.live()
    assert {one.engine for one in scene.results(numbers)} == {"onnx"}
