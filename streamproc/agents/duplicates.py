"""Activities that are published twice: the second one is a dead letter that says where the first one is."""

from __future__ import annotations

from datetime import timedelta

import faust

from streamproc.contracts.corrections import result_id
from streamproc.contracts.generated.events import Activity, SourcePosition
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.kafka.features import DUPLICATES
from streamproc.settings import Settings
from streamproc.transport import Deduplicator


class Duplicates:
    """What of the activities had a result lately, for the agent of readings.

    An activity is the same if learner, tenant and id are: publishers choose ids, and two of them may choose the same
    one. Only what became a result is remembered, so a letter that is replayed is not a duplicate of itself.
    """

    def __init__(self, app: faust.App, settings: Settings, result_topic: str) -> None:
        """``result_topic``: where the results are that letters point to."""
        duplicates = settings.duplicates
        window = timedelta(seconds=duplicates.window)
        self._seen = Deduplicator(app, DUPLICATES, window=window, capacity=duplicates.capacity)
        # Else the partitions of other agents' topics would hold it too.
        self._seen.table.sources = frozenset({settings.kafka.activity_topic})
        self._result_topic = result_topic

    def refuse_second(self, activity: Activity) -> None:
        """Look whether there is a result already.

        The position of that result is not known to anybody who could have remembered it: it is given when the
        transaction is written. What is known, and finds it, is its id: the position of the activity that it answers.

        Raises:
            StreamprocError: DUPLICATE_ACTIVITY, with that id.
        """
        first = self._seen.find(activity.tenant_id, activity.learner_id, activity.activity_id)
        if first is not None:
            raise StreamprocError(
                ErrorCode.DUPLICATE_ACTIVITY,
                f"published before, at {first.note}: its result is in {self._result_topic}, under the same key, and "
                f"its ce_id is {first.note}",
                {"first": first.note, "first.result.topic": self._result_topic},
            )

    def remember(self, activity: Activity, position: SourcePosition) -> None:
        """The record at ``position`` is the first of its activity that has a result."""
        first = result_id(position)
        self._seen.remember(activity.tenant_id, activity.learner_id, activity.activity_id, note=first)
