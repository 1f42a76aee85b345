"""The original records of stubs, read from where they were published."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack

from streamproc.deadletter.envelope import source_of
from streamproc.deadletter.letters import STUB_MARK, Letter, StaysOpen
from streamproc.kafka.places import write_place
from streamproc.kafka.reading import TopicReader
from streamproc.settings import Settings


class OriginalGone(StaysOpen):
    """The record that a stub stands for is not there any more."""


class Originals:
    """Reads originals with a connection of its own: the letters are being read with the other. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = ExitStack()
        self._reader: TopicReader | None = None

    def __enter__(self) -> Originals:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def of(self, stub: Letter) -> Letter:
        """The original of a stub.

        Raises:
            OriginalGone: it has been deleted, or another record is there: the topic was made anew.
            StreamprocError: KAFKA_UNAVAILABLE, KAFKA_REFUSED; TOPIC_MISSING.
        """
        source = source_of(stub.error)
        if source is None:
            raise OriginalGone("the stub does not say where its original is")
        if self._reader is None:
            self._reader = self._open.enter_context(TopicReader(self._settings))
        place = write_place(source.topic, source.partition, source.offset)
        message = self._reader.record_at(source.topic, source.partition, source.offset)
        if message is None:
            raise OriginalGone(f"its original is gone: {place} has been deleted")
        original = Letter(message)
        if hashlib.sha256(original.value or b"").hexdigest() != stub.error[STUB_MARK]:
            raise OriginalGone(f"its original is gone: {place} is another record")
        return original
