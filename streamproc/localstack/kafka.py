"""Apache Kafka: one node in KRaft mode, broker and controller in one process."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamproc.localstack.errors import StackError
from streamproc.localstack.packages import Report, cache_folder, java, kafka_jars, log_progress
from streamproc.localstack.ports import HOST, KeptPorts
from streamproc.localstack.private import UMASK, private_folder, private_text
from streamproc.localstack.processes import ProcessRef, spawn, wait_ready

if TYPE_CHECKING:
    from streamproc.localstack.security import Security

DEFAULT_PORT = 9092
START_TIMEOUT_S = 60.0
JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")

BROKER_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURED:SASL_SSL,CONTROLLER:PLAINTEXT",
    # A misspelt topic is an error here as in production.
    "auto.create.topics.enable": "false",
    # One node.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Small, for a quick start and little memory.
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.num.partitions": "8",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),
    # A broker that crashed is let back in when its old session has run out: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Groups that form at once, and consumers that may say quickly that they are gone (both group protocols).
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
}


class KafkaPart:
    """A Kafka in a folder of its own: its data, its configuration and its log.

    Its ports are chosen at the first ``start`` and kept until ``stop``, so that ``kill`` and ``start`` are a crash and
    a recovery: same addresses, same data. While this process lives, no other stack takes them meanwhile.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        *,
        tie: bool = True,
        port: int = DEFAULT_PORT,
        settings: Mapping[str, str] | None = None,
        advertised_port: int | None = None,
        security: Security | None = None,
        report: Report = log_progress,
    ) -> None:
        """Prepare a Kafka in ``folder``; nothing is started.

        ``tie``: it dies with this process. ``port``: tried first. ``settings``: broker settings that win over
        BROKER_SETTINGS.
        ``advertised_port``: open a second listener, which tells its clients to come back on this port of 127.0.0.1:
        the port of a TCP proxy that forwards to ``behind_proxy``, so that a test can cut the connection.
        ``security``: open a listener for clients that log in, at ``secured``.
        """
        self.folder = folder.resolve()
        self.log = self.folder / "kafka.log"
        self.process: ProcessRef | None = None
        self._tie = tie
        self._settings = dict(settings or {})
        self._advertised_port = advertised_port
        self._security = security
        self._report = report
        self._ports = KeptPorts(*(port + listener for listener in range(4)))

    @property
    def address(self) -> str:
        """Where clients connect, host:port; known from the first start."""
        return f"{HOST}:{self._ports.numbers[0]}"

    @property
    def behind_proxy(self) -> str:
        """Where a proxy on ``advertised_port`` forwards to, host:port; known from the first start."""
        return f"{HOST}:{self._ports.numbers[2]}"

    @property
    def secured(self) -> str:
        """Where clients connect by TLS and SASL, host:port; known from the first start."""
        return f"{HOST}:{self._ports.numbers[3]}"

    def start(self, spawned: Callable[[], None] = lambda: None) -> None:
        """Start it and wait until it serves; on the data of the last time where there are any.

        ``spawned`` is called as soon as ``process`` and ``address`` are known.
        Raises StackError with the log's last lines when it does not come up.
        """
        jars = kafka_jars(self._report)
        self._ports.claim(cache_folder() / "ports")
        properties = self._write_properties()
        class_path = os.pathsep.join(map(str, jars))
        command = [str(java()), *JVM_OPTIONS, "-cp", class_path]
        self._format(command, properties)
        command += ["kafka.Kafka", str(properties)]
        self.process = spawn(command, self.log, os.environ, tie=self._tie)
        spawned()
        wait_ready("Kafka", self.process, self.log, lambda: answers(self.address, 1.0), START_TIMEOUT_S)

    def kill(self) -> None:
        """End it with SIGKILL: a crash. Its data stay."""
        if self.process is not None:
            self.process.kill()

    def restart(self) -> None:
        """Crash and recover: ``kill`` and ``start``."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            self.process.kill()
        self._ports.give_back()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_properties(self) -> Path:
        client, controller, proxied, secured = self._ports.numbers
        listeners = {"PLAINTEXT": client, "CONTROLLER": controller}
        advertised = {"PLAINTEXT": client}
        if self._advertised_port is not None:
            listeners["PROXIED"] = proxied
            advertised["PROXIED"] = self._advertised_port
        if self._security is not None:
            listeners["SECURED"] = advertised["SECURED"] = secured
        private_folder(self.folder)
        settings = {
            **BROKER_SETTINGS,
            "listeners": _listeners(listeners),
            "advertised.listeners": _listeners(advertised),
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "log.dirs": str(self.folder / "data"),
            **(self._security.broker_settings("SECURED", self.folder) if self._security else {}),
            **self._settings,
        }
        properties = self.folder / "server.properties"
        private_text(properties, "".join(f"{key}={value}\n" for key, value in settings.items()))
        return properties

    def _format(self, command: list[str], properties: Path) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One argument: an id may begin with a dash.
        arguments = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(properties)]
        arguments += self._security.format_arguments() if self._security else []
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, umask=UMASK)
        if done.returncode != 0:
            raise StackError(f"Kafka could not format {self.folder / 'data'}:\n{done.stdout}{done.stderr}")


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def answers(address: str, timeout_s: float = 2.0) -> bool:
    """Whether a Kafka serves at ``address`` (host:port)."""
    # librdkafka logs each failed attempt to connect; here that is the question, not a fault.
    silent = logging.getLogger(f"{__name__}.probe")
    silent.setLevel(logging.CRITICAL)
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": address,
        "log_level": 0,
        "reconnect.backoff.max.ms": 100,
    }
    try:
        return bool(AdminClient(settings, logger=silent).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False
