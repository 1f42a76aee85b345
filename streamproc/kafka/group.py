"""Who belongs to a consumer group now, which partitions each member has, and where its pages are.

Workers tell Kafka where their pages are in their clients' names, which the group's description has: so they find each
other without a registry or a topic of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamproc.kafka.reading import TIMEOUT
from streamproc.kafka.refusals import WORKER, Refusals
from streamproc.settings import Settings, WebSettings
from streamproc.settings.servers import host_and_port


@dataclass(frozen=True, slots=True)
class Member:
    """One worker: where it connects from, and the partitions of a topic that it has.

    id, pages: what it calls itself, and host:port of its pages; empty where it does not say.
    """

    host: str
    partitions: tuple[int, ...]
    id: str = ""
    pages: str = ""


_NAME = re.compile(r"streamproc-([0-9a-f]{8})@(.*)")
_ANY = {"0.0.0.0", "::"}  # noqa: S104 - what is listened on, told apart here


def client_name(worker: str, web: WebSettings) -> str:
    """The name of a worker's Kafka clients (``client.id``). ``worker``: its id, 8 hexadecimal digits.

    A worker that listens everywhere and says nothing else is found at the host that Kafka sees it come from.
    """
    return f"streamproc-{worker}@{web.advertised or (f':{web.port}' if web.host in _ANY else web.address)}"


def named(name: str, host: str) -> tuple[str, str]:
    """The id of a worker, and host:port of its pages, by its client's name and its host; empty: it does not say."""
    found = _NAME.fullmatch(name)
    if found is None:
        return "", ""
    pages = found[2]
    if pages.startswith(":"):
        pages = f"[{host}]{pages}" if ":" in host else f"{host}{pages}"
    try:
        return found[1], host_and_port(pages)
    except ValueError:
        return found[1], ""


def members(settings: Settings, group: str, topic: str) -> list[Member]:
    """The members of a group, by the first partition of ``topic`` that each has; those without any come last.

    Raises:
        StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED.
    """
    bootstrap = settings.kafka.bootstrap_servers
    refusals = Refusals(WORKER)
    configuration: dict[str, Any] = {**settings.transport.client(bootstrap), "log_level": 0, "error_cb": refusals.heard}
    client = AdminClient(configuration)
    try:
        found = client.describe_consumer_groups([group], request_timeout=TIMEOUT)[group].result(TIMEOUT)
    except KafkaException as error:
        client.poll(0)
        raise refusals.failure(error.args[0], f"group {group} on {bootstrap}") from None
    listed = []
    for member in found.members:
        places = member.assignment.topic_partitions if member.assignment is not None else []
        owned = tuple(sorted(place.partition for place in places if place.topic == topic))
        host = str(member.host).lstrip("/")
        listed.append(Member(host, owned, *named(str(member.client_id), host)))
    return sorted(listed, key=lambda member: (not member.partitions, member.partitions))
