"""The doctor on a real stack: all is well; each thing broken is found, with what to do; and no secret is shown."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.set_up import prepare
from support.topics_of_test import PARTITIONS, TestTopics
from support.worker_process import free_port, run

from streamproc.cli.diagnosis import ORDER
from streamproc.localstack.security import make_authority, make_certified_key
from streamproc.localstack.stack import Addresses

pytestmark = pytest.mark.timeout(300)

SECRET = "hunter2-canary"


@contextmanager
def a_server_whose_clock_is_off(seconds: float) -> Iterator[str]:
    """Stands in for a registry that tells the time, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(401)
            self.send_header("Date", formatdate(time.time() + seconds, usegmt=True))
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def settings(stack: Addresses) -> dict[str, str]:
    topics = TestTopics(stack.kafka_bootstrap)
    made = {
        **topics.settings,
        "STREAMPROC_REGISTRY__URL": stack.registry_url,
        "STREAMPROC_TRITON__URLS": stack.triton_url,
    }
    prepare(made, topics)
    return made


@pytest.fixture(scope="module")
def patients(
    stack: Addresses, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    """What the doctor says of each environment, two at once."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority(folder / "ca.pem")
    for name, days in (("soon", 5), ("late", -5)):
        make_certified_key(folder / f"{name}.pem", name, *authority, valid=timedelta(days=days))
    nobody = f"127.0.0.1:{free_port()}"

    def certified(name: str) -> dict[str, str]:
        return {
            "STREAMPROC_TRITON__CA_FILE": str(folder / "ca.pem"),
            "STREAMPROC_TRITON__CERTIFICATE_FILE": str(folder / f"{name}.pem"),
            "STREAMPROC_TRITON__KEY_FILE": str(folder / f"{name}.pem"),
            "STREAMPROC_TRITON__TIMEOUT": "2",
        }

    with a_server_whose_clock_is_off(-5) as slow, a_server_whose_clock_is_off(3600) as fast:
        changes = {
            "well": {},
            "settings": {"STREAMPROC_WEB__PORT": "70000", "STREAMPROC_REGISTRY__PASSWORD": SECRET},
            "names": {"STREAMPROC_REGISTRY__URL": "http://registry.invalid:8081"},
            "kafka": {"STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": nobody},
            "topics": TestTopics(stack.kafka_bootstrap).settings,
            "partitions": {"STREAMPROC_KAFKA__PARTITIONS": "7"},
            "registry": {"STREAMPROC_REGISTRY__URL": f"http://{nobody}", "STREAMPROC_REGISTRY__TIMEOUT": "0.5"},
            "schemas": {"STREAMPROC_KAFKA__RESULT_TOPIC": settings["STREAMPROC_KAFKA__ACTIVITY_TOPIC"]},
            "model": {"STREAMPROC_TRITON__MODEL": "graphemes", "STREAMPROC_TRITON__TIMEOUT": "2"},
            "certificate soon": certified("soon"),
            "certificate late": certified("late"),
            "clock slow": {"STREAMPROC_REGISTRY__URL": slow},
            "clock fast": {"STREAMPROC_REGISTRY__URL": fast},
            "secrets": {
                "STREAMPROC_REGISTRY__USERNAME": "worker",
                "STREAMPROC_REGISTRY__PASSWORD": SECRET,
                "STREAMPROC_REGISTRY__TOKEN": SECRET,
                "STREAMPROC_TRANSPORT__SECURITY_PROTOCOL": "sasl_plaintext",
                "STREAMPROC_TRANSPORT__SASL_MECHANISM": "PLAIN",
                "STREAMPROC_TRANSPORT__SASL_USERNAME": "worker",
                "STREAMPROC_TRANSPORT__SASL_PASSWORD": SECRET,
                "STREAMPROC_TRANSPORT__LIBRDKAFKA": json.dumps({"ssl.key.password": SECRET}),
            },
        }
        with ThreadPoolExecutor(2) as threads:
            runs = {
                name: threads.submit(run, {**settings, **change}, "doctor", "--json")
                for name, change in changes.items()
            }
            return {name: one.result() for name, one in runs.items()}


def checks(patient: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    told = json.loads(patient.stdout)
    assert [check["name"] for check in told["checks"]] == list(ORDER)
    assert told["ok"] is (patient.returncode == 0)
    return {check["name"]: check for check in told["checks"]}


def test_a_healthy_stack_is_well(patients: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert patients["well"].returncode == 0
    found = checks(patients["well"])
    assert {name: check for name, check in found.items() if check["state"] != "ok"} == {}
    assert f"{PARTITIONS} partitions" in found["topics"]["detail"]
    assert "phonemes/" in found["model"]["detail"]


@pytest.mark.parametrize(
    ("case", "name", "state", "detail", "remedy"),
    [
        ("settings", "settings", "fail", "STREAMPROC_WEB__PORT", "streamproc settings"),
        ("names", "names", "fail", "registry.invalid (STREAMPROC_REGISTRY__URL)", "name service"),
        ("kafka", "kafka", "fail", "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", "start Kafka"),
        ("topics", "topics", "fail", "missing", "streamproc topics create"),
        ("topics", "acls", "fail", "TOPIC_MISSING", "streamproc topics create"),
        ("partitions", "topics", "warn", "STREAMPROC_KAFKA__PARTITIONS is 7", "so many workers"),
        ("registry", "registry", "fail", "REGISTRY_UNAVAILABLE", "start the registry"),
        ("schemas", "schemas", "fail", "RESULT_SCHEMA_MISSING", "streamproc schemas register"),
        ("model", "model", "fail", "graphemes", "STREAMPROC_TRITON__URLS, __MODEL"),
        ("certificate soon", "tls", "warn", "STREAMPROC_TRITON__CERTIFICATE_FILE for 5 days", "renew"),
        ("certificate late", "tls", "fail", "has expired", "renew"),
        ("clock slow", "clock", "warn", "s ahead of the registry's", "NTP"),
        ("clock fast", "clock", "fail", "s behind the registry's", "NTP"),
        ("secrets", "kafka", "fail", "KAFKA", "Kafka"),
    ],
)
def test_what_is_broken_is_found_with_its_remedy(
    patients: dict[str, subprocess.CompletedProcess[str]], case: str, name: str, state: str, detail: str, remedy: str
) -> None:
    found = checks(patients[case])[name]
    assert found["state"] == state
    assert detail in found["detail"]
    assert remedy in found["remedy"]
    assert patients[case].returncode == (
        1 if "fail" in {one["state"] for one in checks(patients[case]).values()} else 0
    )


def test_what_could_not_be_looked_at_is_not_called_well(
    patients: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    assert {check["state"] for check in checks(patients["settings"]).values()} == {"fail"}
    assert checks(patients["kafka"])["topics"]["remedy"] == "see kafka"
    assert checks(patients["registry"])["schemas"]["remedy"] == "see registry"


def test_no_secret_is_shown(patients: dict[str, subprocess.CompletedProcess[str]]) -> None:
    for patient in patients.values():
        assert SECRET not in patient.stdout + patient.stderr
        assert "Traceback" not in patient.stderr


def test_people_read_a_line_a_check(settings: dict[str, str]) -> None:
    shown = run({**settings, "STREAMPROC_KAFKA__PARTITIONS": "7"}, "doctor")
    assert shown.returncode == 0, "a warning is no failure"
    lines = [line for line in shown.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[1] for line in lines] == list(ORDER)
    assert "→ set it to what there is" in shown.stdout
