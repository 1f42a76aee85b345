"""A loop around confluent-kafka with transactions, and nothing else: no agents, no keys' order, no errors handled."""

from __future__ import annotations

import os
import time

from confluent_kafka import Consumer, Producer, TopicPartition

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["BOOTSTRAP"],
        "group.id": os.environ["GROUP"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
)
producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP"], "transactional.id": os.environ["GROUP"]})
producer.init_transactions()
consumer.subscribe([os.environ["SOURCE"]])
while True:
    producer.begin_transaction()
    positions: dict[int, int] = {}
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        for message in consumer.consume(1000, 0.01):
            while True:
                try:
                    producer.produce(os.environ["SINK"], key=message.key(), value=message.value())
                    break
                except BufferError:
                    producer.poll(0.01)
            positions[message.partition() or 0] = (message.offset() or 0) + 1
        producer.poll(0)
    offsets = [TopicPartition(os.environ["SOURCE"], partition, offset) for partition, offset in positions.items()]
    if offsets:
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
    producer.commit_transaction()
