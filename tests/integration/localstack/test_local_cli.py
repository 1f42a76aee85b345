"""`streamproc local`: a real stack goes up, outlives its command, is described, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.holes import hole

from streamproc.localstack import state
from streamproc.localstack.stack import KINDS, PARTS, LocalStack
from streamproc.localstack.triton import SHARED_MEMORY, shared_memory_prefix

REPOSITORY = Path(__file__).parent / "models"


def streamproc_local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, without the addresses that this session's environment may give."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMPROC_")}
    return subprocess.run(
        [sys.executable, "-m", "streamproc", "local", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        env={**kept, **environment},
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A stack's folder, taken down after the test."""
    folder = tmp_path / "stack"
    yield folder
    LocalStack(folder).down()


@pytest.fixture(autouse=True)
def _own_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS.values():
        monkeypatch.delenv(kind.variable, raising=False)


def statuses(folder: Path) -> dict[str, Any]:
    """What `status --json` says."""
    found: dict[str, Any] = json.loads(streamproc_local("status", "--json", "--folder", str(folder)).stdout)
    return found


@hole("F3", "F6")
def test_the_stack_outlives_its_command_and_leaves_nothing_behind(folder: Path) -> None:
    up = streamproc_local("up", "--folder", str(folder))
    assert up.returncode == 0, up.stderr
    exports = dict(line.removeprefix("export ").split("=", 1) for line in up.stdout.splitlines())
    assert set(exports) == {kind.variable for kind in KINDS.values()}

    found = statuses(folder)
    assert [part["state"] for part in found.values()] == ["up"] * len(PARTS)
    processes = [psutil.Process(part["pid"]) for part in found.values()]
    processes += [child for process in processes for child in process.children(recursive=True)]
    assert AdminClient({"bootstrap.servers": exports["STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"]}).list_topics(timeout=10)
    with urllib.request.urlopen(f"{exports['STREAMPROC_REGISTRY__URL']}/config", timeout=10) as answer:
        assert json.load(answer)["compatibilityLevel"] == "BACKWARD"

    exported = streamproc_local("status", "--folder", str(folder), **exports)
    assert exported.returncode == 0, exported.stdout
    for part in found.values():
        assert f"process {part['pid']}" in exported.stdout
        assert f"log {part['log']}" in exported.stdout
    open_to_others = [
        path for path in (folder, *folder.rglob("*")) if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []

    again = streamproc_local("up", "--folder", str(folder))
    assert again.stdout == up.stdout
    assert again.stderr.count("already up") == len(PARTS)
    assert statuses(folder) == found

    down = streamproc_local("down", "--folder", str(folder))
    assert down.returncode == 0
    assert set(down.stdout.removeprefix("ended: ").strip().split(", ")) == set(PARTS)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert not folder.exists()
    assert not list(SHARED_MEMORY.glob(f"{shared_memory_prefix(folder / 'triton')}*"))
    after = streamproc_local("status", "--folder", str(folder))
    assert after.returncode == 1
    assert after.stdout.count("down") == len(PARTS)
    assert not folder.exists()


def test_two_tritons_are_brought_up_named_and_ended(folder: Path) -> None:
    """Each with a process and an address of its own; one that is killed is started again, the other kept."""
    up = streamproc_local("up", "--part", "triton", "--tritons", "2", "--folder", str(folder))
    assert up.returncode == 0, up.stderr
    urls = up.stdout.strip().removeprefix("export STREAMPROC_TRITON__URLS=").strip("'")
    found = statuses(folder)
    tritons = [found["triton"], found["triton-2"]]
    assert [each["state"] for each in tritons] == ["up", "up"]
    assert urls == ",".join(each["address"] for each in tritons)
    assert len({each["pid"] for each in tritons}) == len({each["address"] for each in tritons}) == 2
    exported = streamproc_local("status", "--json", "--folder", str(folder), STREAMPROC_TRITON__URLS=urls).stdout
    assert json.loads(exported) == found

    state.read(folder)["triton-2"].process.kill()
    assert [statuses(folder)[name]["state"] for name in ("triton", "triton-2")] == ["up", "down"]
    exported_urls = {"STREAMPROC_TRITON__URLS": urls}
    again = streamproc_local("up", "--part", "triton", "--folder", str(folder), **exported_urls)
    assert again.stdout == up.stdout, again.stderr
    repaired = statuses(folder)
    assert repaired["triton"] == found["triton"]
    assert repaired["triton-2"]["pid"] != found["triton-2"]["pid"]
    kept = streamproc_local("up", "--json", "--part", "triton", "--folder", str(folder))
    assert json.loads(kept.stdout)["triton_urls"] == urls

    ended = [part.process for part in state.read(folder).values()]
    down = streamproc_local("down", "--folder", str(folder))
    assert set(down.stdout.removeprefix("ended: ").strip().split(", ")) == {"triton", "triton-2"}
    assert not any(ref.alive() for ref in ended)
    assert not folder.exists()
    assert not list(SHARED_MEMORY.glob(f"{shared_memory_prefix(folder / 'triton-2')}*"))


def test_everything_listens_on_this_machine_only(folder: Path) -> None:
    LocalStack(folder, models=REPOSITORY, tie=True).up()
    for part in state.read(folder).values():
        listening = [each for each in psutil.Process(part.pid).net_connections() if each.status == "LISTEN"]
        assert listening
        assert {each.laddr.ip.removeprefix("::ffff:") for each in listening} == {"127.0.0.1"}


def test_two_stacks_run_side_by_side(folder: Path, tmp_path: Path) -> None:
    other = LocalStack(tmp_path / "other", models=REPOSITORY, tie=True)
    try:
        first = LocalStack(folder, models=REPOSITORY, tie=True).up()
        second = other.up()
        assert not {first.kafka_bootstrap, first.registry_url, first.triton_url} & {
            second.kafka_bootstrap,
            second.registry_url,
            second.triton_url,
        }
        assert other.down()
        assert all(part.state == "up" for part in LocalStack(folder).status().values())
    finally:
        other.down()


def test_a_port_that_is_taken_is_left_alone(folder: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 9092))
            taken.listen()
        except OSError:
            pass  # Somebody else's Kafka has it: just as well.
        address = LocalStack(folder, tie=True).up(("kafka",)).kafka_bootstrap
    assert address != "127.0.0.1:9092"


def test_a_stale_process_id_ends_nothing(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        started = psutil.Process(stranger.pid).create_time()
        stale = state.PartState("127.0.0.1:1", stranger.pid, started - 3600, "")
        state.write(folder, {"kafka": stale})

        assert statuses(folder)["kafka"]["state"] == "down"
        down = streamproc_local("down", "--folder", str(folder))

        assert down.returncode == 0
        assert "nothing was up" in down.stdout
        assert stranger.poll() is None
        assert not folder.exists()
        stranger.kill()


def test_a_part_that_fails_shows_its_log_and_the_command_fails(folder: Path) -> None:
    data = folder / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\nnode.id=99\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n")

    failed = streamproc_local("up", "--part", "kafka", "--folder", str(folder))

    assert failed.returncode == 1
    assert "Kafka ended while it was starting" in failed.stderr
    assert str(folder / "kafka" / "kafka.log") in failed.stderr
    assert "Stored node id 99 doesn't match" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert statuses(folder)["kafka"]["state"] == "down"


def test_an_address_from_the_environment_wins(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = f"127.0.0.1:{server.getsockname()[1]}"
        up = streamproc_local("up", "--json", "--part", "kafka", "--folder", str(folder), **_kafka_at(given))
        assert up.returncode == 0, up.stderr
        assert json.loads(up.stdout)["kafka_bootstrap"] == given
        described = streamproc_local("status", "--json", "--folder", str(folder), **_kafka_at(given)).stdout
        part = json.loads(described)["kafka"]
        assert (part["state"], part["provider"], part["address"]) == ("up", "environment", given)
    assert state.read(folder) == {}


def test_an_address_from_the_environment_that_nobody_listens_on_is_named(folder: Path) -> None:
    up = streamproc_local("up", "--part", "kafka", "--folder", str(folder), **_kafka_at("127.0.0.1:1"))
    assert up.returncode == 1
    assert "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS" in up.stderr
    assert "127.0.0.1:1" in up.stderr
    assert "Traceback" not in up.stderr


@pytest.mark.parametrize("exported", [False, True])
def test_a_part_that_crashed_is_started_again_on_its_data_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exported: bool
) -> None:
    stack = LocalStack(folder, tie=True)
    address = stack.up(("kafka",)).kafka_bootstrap
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(30)
    state.read(folder)["kafka"].process.kill()
    assert stack.status()["kafka"].state == "down"
    if exported:
        monkeypatch.setenv(KINDS["kafka"].variable, address)

    assert stack.up(("kafka",)).kafka_bootstrap == address
    assert "kept" in AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics


def test_a_part_that_does_not_exist_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="no part is called 'redis'"):
        LocalStack(folder).up(("redis",))
    refused = streamproc_local("up", "--part", "redis", "--folder", str(folder))
    assert refused.returncode == 2


def _kafka_at(address: str) -> dict[str, str]:
    return {"STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": address}
