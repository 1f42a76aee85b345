"""A Kafka of three nodes, each broker and controller, that can be killed, frozen and brought back one at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, PartitionMetadata
from support.waiting import wait_for

from streamproc.localstack.kafka import BROKER_SETTINGS, JVM_OPTIONS, answers
from streamproc.localstack.packages import cache_folder, java, kafka_jars, log_progress
from streamproc.localstack.ports import HOST, claimed_ports
from streamproc.localstack.processes import ProcessRef, log_tail, spawn, wait_ready

NODES = 3
START_TIMEOUT_S = 90.0
RECOVERY_TIMEOUT_S = 60.0
TRANSACTIONS = "__transaction_state"
GROUPS = "__consumer_offsets"

SETTINGS = {
    **BROKER_SETTINGS,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Every record is on three nodes, and acknowledged when it is on two: one may be lost at any time.
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # Leaders go back to where they were when a test asks for it, not by the clock.
    "auto.leader.rebalance.enable": "false",
}


@dataclass(frozen=True)
class Role:
    """A duty that one node has at a time: that of leading a partition."""

    name: str
    topic: str
    partition: int


@dataclass
class Node:
    """One of the nodes. Its data and its ports stay its own while it is down."""

    number: int
    folder: Path
    port: int
    controller_port: int
    process: ProcessRef | None = None
    frozen: bool = False

    @property
    def address(self) -> str:
        """Where clients connect, host:port."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.folder / "kafka.log"

    @property
    def properties(self) -> Path:
        """Its configuration."""
        return self.folder / "server.properties"

    @property
    def serves(self) -> bool:
        """Whether it has been started, and neither killed nor frozen."""
        return self.process is not None and not self.frozen

    def kill(self) -> None:
        """kill -9: a crash."""
        assert self.process is not None
        self.process.kill()
        self.process = None
        self.frozen = False

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections, and what it believes, and says nothing."""
        self._signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was, with the requests that have waited for it."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def _signal(self, number: int) -> None:
        assert self.process is not None
        assert self.process.alive(), log_tail(self.log, 40)
        os.kill(self.process.pid, number)


@dataclass
class Cluster:
    """Three nodes. Leaving the context ends them all."""

    folder: Path
    nodes: list[Node] = field(default_factory=list)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Cluster:
        """Format and start the nodes, and wait until they are one cluster."""
        # Claimed to the end: while a node is down, nobody else may take its ports.
        claims = range(22092, 22092 + 2 * NODES)
        ports = self._held.enter_context(claimed_ports(cache_folder() / "ports", *claims))
        self.nodes = [
            Node(number, self.folder / str(number), client, controller)
            for number, (client, controller) in enumerate(zip(ports[::2], ports[1::2], strict=True), 1)
        ]
        self._held.callback(self._end)
        try:
            with ThreadPoolExecutor(NODES) as threads:
                list(threads.map(self._format, self.nodes))
                list(threads.map(self.start, self.nodes))
            self.wait_whole()
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _end(self) -> None:
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()

    def _format(self, node: Node) -> None:
        voters = ",".join(f"{each.number}@{HOST}:{each.controller_port}" for each in self.nodes)
        settings = {
            **SETTINGS,
            "node.id": str(node.number),
            "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{node.address}",
            "controller.quorum.voters": voters,
            "log.dirs": str(node.folder / "data"),
        }
        node.folder.mkdir(parents=True)
        node.properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        arguments = ["format", "--cluster-id=AAAAAAAAAAAAAAAAAAAAAQ", "-c", str(node.properties)]
        command = _java("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_TIMEOUT_S)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, node: Node) -> None:
        """Start a node on the data that it has, and wait until it serves."""
        node.process = spawn(_java("kafka.Kafka", str(node.properties)), node.log, os.environ, tie=True)
        wait_ready(f"node {node.number}", node.process, node.log, lambda: answers(node.address, 1.0), START_TIMEOUT_S)

    @property
    def bootstrap(self) -> str:
        """All nodes, as bootstrap servers."""
        return self.bootstrap_from(self.nodes[0])

    def bootstrap_from(self, first: Node) -> str:
        """All nodes, as bootstrap servers, this one in the first place."""
        return ",".join(node.address for node in sorted(self.nodes, key=lambda node: node is not first))

    def mend(self) -> None:
        """Thaw what is frozen, start what is down, and wait until nothing is missing and leaders are spread again."""
        for node in self.nodes:
            if node.frozen:
                node.thaw()
            if node.process is None:
                self.start(node)
        self.wait_whole()
        admin = self._admin()
        admin.elect_leaders(ElectionType.PREFERRED).result(30)
        wait_for(self._leaders_are_spread, "the preferred leaders", RECOVERY_TIMEOUT_S)

    def wait_whole(self) -> None:
        """Wait until all nodes are members and every partition is on all of them."""
        wait_for(self._whole, "all replicas in sync", RECOVERY_TIMEOUT_S)

    def _whole(self) -> bool:
        try:
            metadata = self._metadata()
        except KafkaException:
            return False
        complete = all(sorted(p.isrs) == [1, 2, 3] for p in _partitions(metadata))
        return len(metadata.brokers) == NODES and complete

    def _leaders_are_spread(self) -> bool:
        try:
            return all(p.leader == p.replicas[0] for p in _partitions(self._metadata()))
        except KafkaException:
            return False

    def leaders(self) -> dict[tuple[str, int], int]:
        """The number of the node that leads each partition; -1: none at this moment.

        Asked of the nodes that serve: one that has been frozen does not know.
        """
        topics = self._metadata().topics
        return {(name, each.id): each.leader for name, topic in topics.items() for each in topic.partitions.values()}

    def holder(self, role: Role) -> Node:
        """The node that has this role now."""
        number = self.leaders()[role.topic, role.partition]
        assert number > 0, f"nobody is {role.name}"
        return self.nodes[number - 1]

    def leadership(self, topic: str, partition: int) -> Role:
        """The role of leading a partition."""
        return Role(f"leader of {topic}[{partition}]", topic, partition)

    def transaction_coordinator(self, transactional_id: str) -> Role:
        """The role of coordinating this producer's transactions."""
        return self._coordinator("transaction coordinator", TRANSACTIONS, transactional_id)

    def group_coordinator(self, group: str) -> Role:
        """The role of coordinating this group."""
        return self._coordinator("group coordinator", GROUPS, group)

    def _coordinator(self, name: str, topic: str, coordinated: str) -> Role:
        partitions = len(self._metadata().topics[topic].partitions)
        return Role(name, topic, (java_hash(coordinated) & 0x7FFFFFFF) % partitions)

    def wait_moved(self, role: Role, away_from: Node) -> None:
        """Wait until a role is another node's."""

        def moved() -> bool:
            try:
                return self.leaders()[role.topic, role.partition] not in (-1, away_from.number)
            except KafkaException:
                return False

        wait_for(moved, f"another {role.name} than node {away_from.number}", RECOVERY_TIMEOUT_S)

    def _metadata(self) -> ClusterMetadata:
        return self._admin().list_topics(timeout=5.0)

    def _admin(self) -> AdminClient:
        # A new one each time: an old one may ask a node that has been frozen since.
        serving = ",".join(node.address for node in self.nodes if node.serves)
        return AdminClient({"bootstrap.servers": serving, "log_level": 0})


def java_hash(text: str) -> int:
    """Java's String.hashCode of an ASCII text, as 32 bits without sign: brokers choose coordinators by it."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value


def _partitions(metadata: ClusterMetadata) -> list[PartitionMetadata]:
    return [partition for topic in metadata.topics.values() for partition in topic.partitions.values()]


def _java(*arguments: str) -> list[str]:
    class_path = os.pathsep.join(map(str, kafka_jars(log_progress)))
    # Later options win.
    return [str(java()), *JVM_OPTIONS, "-Xmx320m", "-cp", class_path, *arguments]
