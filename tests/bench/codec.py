"""The codec against confluent-kafka's Avro serialisers, on the same events and the same real registry.

    python tests/bench/codec.py --registry URL [--output docs/benchmarks/codec.json]

The peers make dictionaries, ours typed events; both use fastavro, and know the schema already. Every figure is the
least of 7 rounds, ours and the peer's in turn. Prints a table and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streamproc.contracts import files
from streamproc.contracts.codec import ActivityDecoder, ActivityEncoder, ResultDecoder, ResultEncoder
from streamproc.contracts.generated import conversions
from streamproc.contracts.generated.events import Activity, Result
from streamproc.contracts.majors import V1
from streamproc.contracts.registry import Registry
from streamproc.contracts.upkeep.examples import ACTIVITY, RESULT
from streamproc.settings import RegistrySettings

CALLS, ROUNDS = 2_000, 7


def large_activity() -> Activity:
    """Five phrases with 100 KB of audio each."""
    audio = dataclasses.replace(ACTIVITY.phrases[0].audio, data=bytes(100_000))
    return dataclasses.replace(
        ACTIVITY, phrases=tuple(dataclasses.replace(ACTIVITY.phrases[0], index=i, audio=audio) for i in range(5))
    )


def large_result() -> Result:
    """Five phrases of ten words each."""
    phrase = RESULT.phrases[0]
    words = (phrase.words * 2)[:10]
    return dataclasses.replace(
        RESULT, phrases=tuple(dataclasses.replace(phrase, index=index, words=words) for index in range(5))
    )


async def measure(url: str) -> list[dict[str, object]]:
    """One row for each event and direction: microseconds of a call, ours and the peer's."""
    registry = Registry(RegistrySettings(url=url))
    peer_client = SchemaRegistryClient({"url": url, "timeout": 10})
    rows = []
    for name, contract, event, to_avro in (
        ("activity", files.ACTIVITY, large_activity(), conversions.activity_to_avro),
        ("result", files.RESULT, large_result(), conversions.result_to_avro),
    ):
        topic = f"bench-{uuid.uuid4().hex}"
        newest = files.newest(contract)
        await registry.register(files.subject(topic), newest.text)
        encoder = ActivityEncoder(registry, topic) if contract == files.ACTIVITY else ResultEncoder(registry, topic, V1)
        decoder = ActivityDecoder(registry, topic) if contract == files.ACTIVITY else ResultDecoder(registry, topic, V1)
        await encoder.start()
        peer_configuration = {"auto.register.schemas": False, "use.latest.version": True}
        peer_encoder = AvroSerializer(peer_client, newest.text, conf=peer_configuration)
        peer_decoder = AvroDeserializer(peer_client)
        context = SerializationContext(topic, MessageField.VALUE)
        datum = to_avro(event)  # type: ignore[arg-type]
        value = encoder.encode(event)  # type: ignore[arg-type]
        assert peer_encoder(datum, context) == value

        rows.append(
            await compare(
                f"{name}: encode",
                len(value),
                partial(immediate, partial(encoder.encode, event)),  # type: ignore[arg-type]
                partial(peer_encoder, datum, context),
            )
        )
        rows.append(
            await compare(
                f"{name}: decode",
                len(value),
                partial(decoder.decode, value),
                partial(peer_decoder, value, context),
            )
        )
    await registry.close()
    return rows


async def immediate(call: Callable[[], bytes]) -> bytes:
    """A call as something to await, so that both directions of ours cost a coroutine."""
    return call()


async def compare(
    name: str, size: int, ours: Callable[[], Awaitable[object]], peer: Callable[[], object]
) -> dict[str, object]:
    """Least microseconds of a call."""
    least_ours = least_peer = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            await ours()
        between = time.perf_counter()
        for _ in range(CALLS):
            peer()
        least_ours = min(least_ours, between - began)
        least_peer = min(least_peer, time.perf_counter() - between)
    return {
        "what": name,
        "bytes": size,
        "ours_us": round(least_ours / CALLS * 1e6, 1),
        "confluent_us": round(least_peer / CALLS * 1e6, 1),
        "ratio": round(least_peer / least_ours, 2),
    }


def main() -> None:
    """Measure, print, and write the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--registry", required=True, help="base URL of a registry's Confluent API")
    parser.add_argument("--output", type=Path, help="file for the JSON")
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.registry))
    print(f"{'':20} {'bytes':>9} {'ours µs':>9} {'peer µs':>9} {'ratio':>6}")
    for row in rows:
        print(f"{row['what']:20} {row['bytes']:>9} {row['ours_us']:>9} {row['confluent_us']:>9} {row['ratio']:>6}")
    report = {
        "benchmark": "codec",
        "peer": "confluent-kafka AvroSerializer and AvroDeserializer, dictionaries",
        "rows": rows,
        "machine": {"cpus": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "load_average": os.getloadavg()[0],
        "versions": {name: version(name) for name in ("fastavro", "confluent-kafka")},
    }
    text = json.dumps(report)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
