"""The table of progress: what the agents read and write of it inside their events, and what the pages look up.

A learner's state is in the partition of his activities, as their key is the learner; so whoever may commit a result may
commit its progress, in the same transaction. Teachers' corrections have the same key, and with assignment ``range`` one
worker has both topics' partitions of a number: they change the same state.

It is children's data, and goes: that of a learner who has not read for ``forget_after`` by itself, and any when an
operator says so. A learner who reads again after that begins anew.
"""

from __future__ import annotations

import json
from datetime import datetime

import faust
from faust import TopicT

from streamproc.agents.outcome import OutcomeRecord
from streamproc.agents.progress.state import LearnerState, from_bytes, heard_at, to_bytes
from streamproc.agents.progress.summary import summary
from streamproc.contracts.cloudevents import PROGRESS_TYPE, event_headers
from streamproc.contracts.codec import ProgressEncoder
from streamproc.contracts.generated.events import Result
from streamproc.contracts.generated.events_correction import Correction
from streamproc.contracts.generated.events_progress import Progress
from streamproc.contracts.synthetic import is_synthetic
from streamproc.kafka.features import PROGRESS
from streamproc.settings import Settings
from streamproc.transport.surface.tables.expiring import ExpiringTable


class ProgressKeeper:
    """Changes learners' states and tells of them. Belongs to the event loop.

    Args:
        app: the worker's.
        settings: how many readings are kept, whether there are corrections, the topics.
        topic: where progress is published.
        encoder: writes it; started by whoever starts the worker.
    """

    def __init__(self, app: faust.App, settings: Settings, topic: TopicT, encoder: ProgressEncoder) -> None:
        progress = settings.progress
        self._most = progress.readings
        self._topic = topic
        self._encoder = encoder
        self._table = ExpiringTable(app, lambda value: heard_at(value) + progress.forget_after, name=PROGRESS)
        sources = {settings.kafka.activity_topic, *([progress.correction_topic] if progress.corrections else ())}
        self._table.sources = frozenset(sources)

    def result(self, result: Result, place: str) -> OutcomeRecord | None:
        """What to publish besides a result, inside its event; None: it is nobody's, and nothing is kept of it.

        Nothing may be awaited from here to the event's end that others of the learner could overtake it in.
        """
        if is_synthetic(result.tenant) or not result.learner_id:
            return None
        key = _key(result.tenant, result.learner_id)
        state = self._state(key)
        state.add(result, self._most)
        return self._record(result.tenant, result.learner_id, state, place, result.activity_id, result.scored_at)

    def correction(self, correction: Correction, place: str) -> OutcomeRecord | None:
        """What to publish of a correction, inside its event; None: it changes nothing.

        Raises:
            NotKept: the reading is not kept.
            NoSuchWord: the reading has no such word.
        """
        tenant, learner = correction.tenant_id, correction.learner_id
        state = self._state(_key(tenant, learner))
        if not state.correct(correction):
            return None
        return self._record(tenant, learner, state, place, correction.activity_id, correction.corrected_at)

    def find(self, tenant_id: str, learner_id: str) -> Progress | None:
        """A learner's committed progress, outside events; None: this worker knows of none."""
        raw = self._table.data.raw(_key(tenant_id, learner_id))
        return None if raw is None else summary(tenant_id, learner_id, from_bytes(raw))

    def forget(self, tenant_id: str, learner_id: str) -> bool:
        """Have a learner's state deleted, outside events. False: this worker has none, or cannot delete it any more.

        It is deleted when ``find`` finds it no more: not before that is committed.
        """
        return self._table.drop(_key(tenant_id, learner_id))

    def _state(self, key: bytes) -> LearnerState:
        return from_bytes(self._table.data.raw(key))

    def _record(
        self, tenant: str, learner: str, state: LearnerState, place: str, activity_id: str, at: datetime
    ) -> OutcomeRecord:
        self._table.data.write(_key(tenant, learner), to_bytes(state))
        headers = event_headers(PROGRESS_TYPE, f"{place}/progress", "/streamproc", activity_id, at)
        return OutcomeRecord(self._topic, self._encoder.encode(summary(tenant, learner, state)), [*headers])


def _key(tenant_id: str, learner_id: str) -> bytes:
    """Tenants choose their learners' identifiers: two may choose the same one."""
    return json.dumps([tenant_id, learner_id], separators=(",", ":")).encode()
