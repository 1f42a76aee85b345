"""A worker that cannot work says why before it joins the group: one message that names the setting, exit code 2."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.topics_of_test import TestTopics
from support.worker_process import free_port, run

from streamproc.localstack.security import make_authority
from streamproc.localstack.stack import Addresses

# A dozen workers are started, two at once, by whichever test comes first.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def failures(
    stack: Addresses, settings: dict[str, str], schema_id: int, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    """Start a worker with each wrong environment, two at once."""
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    make_authority(authority)
    nobody = f"127.0.0.1:{free_port()}"
    fresh = TestTopics(stack.kafka_bootstrap)
    short = {"STREAMPROC_REGISTRY__TIMEOUT": "0.5", "STREAMPROC_TRITON__TIMEOUT": "2"}
    wrong = {
        "no Kafka": {"STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": nobody},
        "no registry": {"STREAMPROC_REGISTRY__URL": f"http://{nobody}"},
        "no Triton": {"STREAMPROC_TRITON__URLS": nobody},
        "Kafka is no Triton": {"STREAMPROC_TRITON__URLS": stack.kafka_bootstrap},
        "no model": {"STREAMPROC_TRITON__MODEL": "graphemes"},
        "no authority": {"STREAMPROC_TRITON__CA_FILE": "/nowhere/ca.pem"},
        "no TLS": {"STREAMPROC_TRITON__CA_FILE": str(authority)},
        "no topics": fresh.settings,
        "no schema": {"STREAMPROC_KAFKA__RESULT_TOPIC": settings["STREAMPROC_KAFKA__ACTIVITY_TOPIC"]},
        "wrong settings": {
            "STREAMPROC_WEB__PORT": "70000",
            "STREAMPROC_TRITON__MAX_AUDIO_SECONDS": "many",
            "STREAMPROC_TRITON_URL": "127.0.0.1:8001",
            "STREAMPROC_AUDIO__ALLOWED_PREFIXES": "file:///clips/",
        },
        "port taken": {"STREAMPROC_WEB__PORT": stack.kafka_bootstrap.rpartition(":")[2]},
    }
    with ThreadPoolExecutor(2) as threads:
        runs = {name: threads.submit(run, {**settings, **short, **change}, "worker") for name, change in wrong.items()}
        return {name: one.result() for name, one in runs.items()}


@pytest.mark.parametrize(
    ("case", "code", "names"),
    [
        ("no Kafka", "KAFKA_UNAVAILABLE", ["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"]),
        ("no registry", "REGISTRY_UNAVAILABLE", ["STREAMPROC_REGISTRY__URL"]),
        ("no Triton", "INFERENCE_UNAVAILABLE", ["STREAMPROC_TRITON__URLS"]),
        ("Kafka is no Triton", "INFERENCE_UNAVAILABLE", ["STREAMPROC_TRITON__URLS"]),
        ("no model", "INFERENCE_UNAVAILABLE", ["STREAMPROC_TRITON__MODEL", "graphemes"]),
        ("no authority", "SETTINGS_INVALID", ["STREAMPROC_TRITON__CA_FILE", "/nowhere/ca.pem"]),
        ("no TLS", "INFERENCE_UNAVAILABLE", ["STREAMPROC_TRITON__ALLOW_PLAINTEXT", "speaks no TLS"]),
        ("no topics", "TOPIC_MISSING", ["streamproc topics create", "STREAMPROC_KAFKA__ACTIVITY_TOPIC"]),
        ("no schema", "RESULT_SCHEMA_MISSING", ["streamproc schemas register"]),
        (
            "wrong settings",
            "SETTINGS_INVALID",
            [
                "STREAMPROC_WEB__PORT",
                "STREAMPROC_TRITON__MAX_AUDIO_SECONDS",
                "STREAMPROC_TRITON_URL",
                "STREAMPROC_AUDIO__ALLOWED_PREFIXES",
            ],
        ),
        ("port taken", "SETTINGS_INVALID", ["STREAMPROC_WEB__PORT"]),
    ],
)
def test_one_message_names_the_setting(
    failures: dict[str, subprocess.CompletedProcess[str]], case: str, code: str, names: list[str]
) -> None:
    failed = failures[case]
    assert failed.returncode == 2, failed.stderr
    first, *rest = failed.stderr.splitlines()
    assert first == f"streamproc: {code}"
    message = "\n".join(rest)
    for name in names:
        assert name in message
    assert "Traceback" not in failed.stdout + failed.stderr
    assert all(line.startswith("  ") for line in rest), "something else was written"
    assert failed.stdout == ""
