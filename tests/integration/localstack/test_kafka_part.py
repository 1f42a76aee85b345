"""A real Kafka that tests can crash, recover and cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.localstack.kafka import KafkaPart, answers
from streamproc.localstack.packages import cache_folder
from streamproc.localstack.ports import accepts, claimed_ports
from streamproc.localstack.processes import ProcessRef


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaPart]:
    """A running Kafka of the test's own."""
    part = KafkaPart(tmp_path / "kafka")
    part.start()
    yield part
    part.stop()


def test_a_committed_transaction_survives_a_crash(kafka: KafkaPart) -> None:
    address = kafka.address
    _create(address, "numbers")
    producer = Producer({"bootstrap.servers": address, "transactional.id": "t"})
    producer.init_transactions(30)
    for number, end in ((1, producer.commit_transaction), (2, producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce("numbers", str(number))
        producer.flush(30)
        end(30)

    kafka.kill()
    assert kafka.process is not None
    assert not kafka.process.alive()
    assert not answers(address, 0.5)
    port = int(address.rpartition(":")[2])
    with claimed_ports(cache_folder() / "ports", port) as (another,):
        assert another != port, "another stack may take the port while this broker is down"
    kafka.start()

    assert kafka.address == address
    assert _read(address, "numbers", 1) == [b"1"]


def test_a_group_of_the_new_protocol_gets_its_partitions(kafka: KafkaPart) -> None:
    _create(kafka.address, "numbers")
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.address,
            "group.id": "g",
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce("numbers", "7")
    assert producer.flush(30) == 0
    consumer.subscribe(["numbers"])
    message = consumer.poll(30)
    assert message is not None
    assert message.value() == b"7"
    consumer.close()


def test_any_cluster_id_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0xF8 << 120 | 7))  # In base64: "-AAA…".
    part = KafkaPart(tmp_path / "kafka")
    try:
        part.start()
        assert "cluster.id=-" in (part.folder / "data" / "meta.properties").read_text()
    finally:
        part.stop()


def test_a_misspelt_topic_is_not_made(kafka: KafkaPart) -> None:
    producer = Producer({"bootstrap.servers": kafka.address, "message.timeout.ms": 2000})
    errors: list[object] = []
    producer.produce("mispelt", "x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    assert len(errors) == 1
    assert errors[0] is not None
    assert "mispelt" not in AdminClient({"bootstrap.servers": kafka.address}).list_topics(timeout=10).topics


def test_clients_of_the_proxied_listener_stay_behind_the_proxy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy_port = proxy.getsockname()[1]
        part = KafkaPart(tmp_path / "kafka", advertised_port=proxy_port)
        part.start()
        try:
            carried = _forward(proxy, part.behind_proxy)
            brokers = AdminClient({"bootstrap.servers": f"127.0.0.1:{proxy_port}"}).list_topics(timeout=10).brokers
            assert {broker.port for broker in brokers.values()} == {proxy_port}
            assert carried.is_set()
            direct = AdminClient({"bootstrap.servers": part.address}).list_topics(timeout=10).brokers
            assert {broker.port for broker in direct.values()} == {int(part.address.rpartition(":")[2])}
        finally:
            part.stop()


def test_settings_win_over_the_parts_own(tmp_path: Path) -> None:
    part = KafkaPart(tmp_path / "kafka", settings={"message.max.bytes": "2000"})
    part.start()
    try:
        _create(part.address, "small")
        producer = Producer({"bootstrap.servers": part.address})
        errors: list[object] = []
        producer.produce("small", os.urandom(3000), on_delivery=lambda error, _: errors.append(error))
        producer.flush(30)
        assert "MSG_SIZE_TOO_LARGE" in repr(errors)
    finally:
        part.stop()


def test_a_stopped_kafka_leaves_nothing(tmp_path: Path) -> None:
    part = KafkaPart(tmp_path / "kafka")
    part.start()
    port = int(part.address.rpartition(":")[2])
    part.stop()
    assert not accepts(port)
    assert not list(tmp_path.iterdir())


def test_a_tied_kafka_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from streamproc.localstack.kafka import KafkaPart
part = KafkaPart(Path({str(tmp_path / "kafka")!r}))
part.start()
print(part.process.pid, part.process.started, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, started = parent.stdout.readline().split()
        kafka = ProcessRef(int(pid), float(started))
        assert kafka.alive()
        assert psutil.Process(kafka.pid).ppid() == parent.pid
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while kafka.alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _create(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


def _read(address: str, topic: str, count: int) -> list[bytes | None]:
    """Read a topic's committed records from its beginning: ``count`` of them, and any more that are there."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "isolation.level": "read_committed"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes | None] = []
        deadline = time.monotonic() + 30
        while len(values) < count and time.monotonic() < deadline:
            values += [message.value() for message in consumer.consume(10, 1) if message.error() is None]
        values += [message.value() for message in consumer.consume(10, 1) if message.error() is None]
        return values
    except KafkaException as error:
        raise AssertionError(error) from error
    finally:
        consumer.close()


def _forward(proxy: socket.socket, upstream: str) -> threading.Event:
    """Forward the proxy's connections to ``upstream`` until its socket is closed; set once one came."""
    host, _, port = upstream.rpartition(":")
    carried = threading.Event()

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            sink.close()

    def serve() -> None:
        while True:
            try:
                client, _ = proxy.accept()
            except OSError:
                return
            server = socket.create_connection((host, int(port)))
            carried.set()
            for pair in ((client, server), (server, client)):
                threading.Thread(target=copy, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return carried
