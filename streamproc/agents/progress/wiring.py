"""What a worker does about progress, put together; a worker whose settings leave it out has none of it."""

from __future__ import annotations

from collections.abc import Callable

import faust
from faust import TopicT

from streamproc.agents.agent import TopicAgent
from streamproc.agents.progress.corrections import CorrectionAgent
from streamproc.agents.progress.keeper import ProgressKeeper
from streamproc.contracts.codec import CorrectionDecoder, ProgressEncoder
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import WorkerIdentity
from streamproc.kafka.features import correction_letters
from streamproc.settings import Settings
from streamproc.telemetry.metrics import Metrics


class LearnerProgress:
    """The keeper of states, what it writes with, and the agent of corrections where there is one."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        registry: Registry,
        topic: Callable[[str], TopicT],
        worker: Callable[[], WorkerIdentity],
        metrics: Metrics,
    ) -> None:
        progress = settings.progress
        self._encoder = ProgressEncoder(registry, progress.topic)
        self.keeper = ProgressKeeper(app, settings, topic(progress.topic), self._encoder)
        self.agents: list[TopicAgent] = []
        if progress.corrections:
            decoder = CorrectionDecoder(registry, progress.correction_topic)
            letters = topic(correction_letters(settings))
            self.agents.append(CorrectionAgent(self.keeper, decoder, letters, worker, metrics, settings))

    async def start(self) -> None:
        """Look up the schema's id.

        Raises:
            StreamprocError: RESULT_SCHEMA_MISSING (fatal); REGISTRY_UNAVAILABLE (transient).
        """
        await self._encoder.start()
