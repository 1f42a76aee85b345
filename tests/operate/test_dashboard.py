"""The dashboard: the committed file is the code's, it shows every metric, and every question has an answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.activities import activity, clip, inline, phrase
from support.worker_process import WorkerProcess

from operate.prometheus import Prometheus
from operate.scene import Scene, a_scene
from streamproc.telemetry import dashboard
from streamproc.telemetry.alerting.alert import Scale
from streamproc.telemetry.alerting.rules import write
from streamproc.telemetry.catalogue import METRICS, exposed
from streamproc.telemetry.panels import WINDOW, rows

ROOT = Path(__file__).parents[2]
QUERIES = {
    f"{panel.title}: {legend}": query
    for panels in rows().values()
    for panel in panels
    for query, legend in panel.queries.items()
}
SECONDS = 40


def test_the_committed_file_is_what_the_code_makes() -> None:
    assert (ROOT / dashboard.FILE).read_text("utf-8") == dashboard.made(), (
        "run python -m streamproc.telemetry.dashboard"
    )


def test_every_question_stands_in_the_file() -> None:
    panels = json.loads(dashboard.made())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert sorted(asked) == sorted(query for row in rows().values() for panel in row for query in panel.queries)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_metric_is_shown() -> None:
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\w+", " ".join(QUERIES.values()))}
    assert {exposed(name) for name in METRICS} <= shown


@pytest.fixture(scope="module")
def scene(kafka_bootstrap: str, registry_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with a_scene(kafka_bootstrap, registry_url, tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def answers(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Question -> how many series its answer has, after some activities, good and bad."""
    began = time.time()
    folder = tmp_path_factory.mktemp("prometheus")
    worker = WorkerProcess(scene.settings, folder / "worker.log")
    prometheus = None
    try:
        worker.wait_ready()
        rules = write(folder / "rules", Scale(120))
        prometheus = Prometheus(folder, [f"127.0.0.1:{worker.port}"], "500ms", rules)
        found: dict[str, int] = {}
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and not all(found.get(name) for name in QUERIES):
            scene.publish(activity(phrase(inline(clip(0.5)))))
            scene.publish(activity(phrase(inline(clip(6.0)))))
            scene.publish_bytes(b"no Avro")
            time.sleep(0.5)
            for name, query in QUERIES.items():
                if not found.get(name):
                    found[name] = len(prometheus.over(query.replace(WINDOW, "5s"), began))
        yield found
    finally:
        if prometheus is not None:
            prometheus.end()
        worker.end()


@pytest.mark.parametrize("name", QUERIES)
def test_a_question_has_an_answer(name: str, answers: dict[str, int]) -> None:
    assert answers[name] > 0, QUERIES[name]
