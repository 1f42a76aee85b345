"""A worker writes CloudWatch's lines to standard output, and its log elsewhere."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from support.activities import activity, clip, inline, phrase, value
from support.set_up import prepare
from support.topics_of_test import Record, TestTopics
from support.worker_process import environment, free_port, streamproc

from streamproc.localstack.stack import Addresses


def test_standard_output_has_the_metrics_alone(stack: Addresses, tmp_path: Path) -> None:
    topics = TestTopics(stack.kafka_bootstrap)
    settings = {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
        "STREAMPROC_WEB__PORT": str(free_port()),
        "STREAMPROC_CLOUDWATCH__NAMESPACE": "streamproc",
        "STREAMPROC_CLOUDWATCH__INTERVAL": "1",
    }
    schema_id = prepare(settings, topics)
    topics.publish([Record(b"a child", value(activity(phrase(inline(clip(0.5)))), schema_id), [])])
    out, log = tmp_path / "out", tmp_path / "log"
    with out.open("wb") as written, log.open("wb") as logged:
        worker = subprocess.Popen(
            streamproc("worker"), env=environment(settings), stdout=written, stderr=logged, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 60
        while "streamproc_objective_outcome_total" not in out.read_text():
            assert worker.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, out.read_text()[-3000:] + log.read_text()[-3000:]
            time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait(30)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert sum(line.get("streamproc_results", 0) for line in lines) == 1
    assert sum(line.get("streamproc_objective_outcome_total", 0) for line in lines) == 1
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} == {"streamproc"}
    assert {line["service"] for line in lines} == {"streamproc"}
