"""The composition root: settings in, a wired Faust app out."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import faust
import structlog
from faust.types import TP
from faust.web.drivers.aiohttp import Web

from streamproc.agents.agent import TopicAgent
from streamproc.agents.backfill import Backfill
from streamproc.agents.duplicates import Duplicates
from streamproc.agents.outcome import DeadLetters
from streamproc.agents.progress.wiring import LearnerProgress
from streamproc.agents.reading import ReadingAgent, Stages
from streamproc.agents.roster import Roster
from streamproc.agents.share import PartitionShare
from streamproc.agents.steering import Steering
from streamproc.audio.fetch import ClipFetcher
from streamproc.audio.threads import in_daemon_thread
from streamproc.contracts import files, live
from streamproc.contracts.codec import ActivityDecoder
from streamproc.contracts.generated.events_control import LiveSettings
from streamproc.contracts.records import ResultEncoders
from streamproc.contracts.registry import Registry
from streamproc.deadletter.envelope import WorkerIdentity
from streamproc.errors import StreamprocError
from streamproc.health.exhaustion import Sentry, raise_descriptor_limit
from streamproc.health.reachability import TIMEOUT_S, Reachability
from streamproc.health.readiness import Readiness
from streamproc.health.stalling import LOOK_S
from streamproc.inference.configured import catalogue_of, certificates_of, create_engine
from streamproc.inference.engine import Engine, ModelIdentity
from streamproc.inference.wiring import parts_of
from streamproc.kafka import topics
from streamproc.kafka.answering import KafkaProbe
from streamproc.kafka.group import client_name, members
from streamproc.routing.change import read_all
from streamproc.routing.engines import engine_of
from streamproc.routing.lanes import Wanted
from streamproc.routing.reference import read_reference
from streamproc.scoring import lexicon
from streamproc.scoring.activity import ActivityScorer
from streamproc.scoring.threads import ScoringThreads
from streamproc.scoring.variants import VariantAligner
from streamproc.settings import PREFIX, Settings
from streamproc.settings.blame import leading_to
from streamproc.telemetry.drifting import DriftMetrics
from streamproc.telemetry.lifecycle import Lifecycle
from streamproc.telemetry.metrics import Metrics
from streamproc.telemetry.push import Push
from streamproc.telemetry.routing import observe_champion
from streamproc.telemetry.spans import SpanQueue
from streamproc.telemetry.traces import Tracing
from streamproc.transport import Transport
from streamproc.transport.surface.report import TransactionEnded
from streamproc.web.console.overview import WorkerView
from streamproc.web.console.routes import add_console
from streamproc.web.console.steered import Steered
from streamproc.web.pages import add_pages
from streamproc.web.progress import Held, ProgressPage
from streamproc.web.serving import WorkerWeb

log = structlog.get_logger(__name__)


def _can_score(engine: Engine) -> bool:
    """Whether an engine is there to score now."""
    pool, fallback = parts_of(engine)
    return pool is None or pool.endpoints.available or (fallback is not None and fallback.active)


async def check_dependencies(settings: Settings, follows: bool = True) -> ModelIdentity:
    """Check everything that the worker needs, before it joins the consumer group; the model that it would begin with.

    Args:
        settings: the worker's.
        follows: it obeys the control topic; else it has the model of its settings to the end.

    Raises:
        StreamprocError: the first problem, naming the setting that leads to it.
    """
    VariantAligner(settings.scoring.accepted_file)  # reads and checks the file
    certificates, models = certificates_of(settings), catalogue_of(settings)
    engine = create_engine(settings, certificates, models)
    await asyncio.to_thread(topics.check, settings, follows)
    registry = Registry(settings.registry)
    try:
        await live.check_before_start(registry, settings.kafka.activity_topic, topics.contracts_written(settings))
        champion = (await read_all(settings, registry)).state.champion if follows else None
        if champion is not None:
            # What the configuration names may be served no longer.
            await engine.close()
            engine = engine_of(Wanted(champion), settings, certificates, models)
        return await engine.start()
    except StreamprocError as error:
        setting = leading_to(error.code, settings.inference.engine)
        if setting is None or PREFIX in error.message:
            raise
        raise StreamprocError(error.code, f"{error.message} ({setting})") from None
    finally:
        await registry.close()
        await engine.close()


class WorkerApp(faust.App):
    """The worker's Faust app: it starts what the agents call before anything is consumed."""

    def __init__(
        self,
        settings: Settings,
        pushes: Sequence[Push] = (),
        spans: SpanQueue | None = None,
        backfill: Backfill | None = None,
    ) -> None:
        """``pushes``: send the metrics, beside the page that has them; ``spans``: sends the spans; ``backfill``: what
        of the activities is read again, in place of those that come.
        """
        self._settings = settings
        self._pushes = pushes
        self._spans = spans
        self._backfill = backfill
        self._tracing = None if spans is None else self._tracing_to(spans)
        self._registry = Registry(settings.registry)
        self._certificates = certificates_of(settings)
        self._models = catalogue_of(settings)
        self._share = PartitionShare(settings, lambda: self._owned(settings.kafka.activity_topic))
        self._steering = Steering(
            settings,
            self._registry,
            lambda wanted: engine_of(wanted, settings, self._certificates, self._models),
            self._share,
            # History is read again for the sake of one model: what live readings are scored by is no concern of it.
            follows=backfill is None,
        )
        self._engine = self._steering.engine
        self._clips = ClipFetcher(
            settings.audio.allowed_prefixes, settings.audio.max_bytes, settings.audio.memory_bytes // 4
        )
        self._threads = ScoringThreads(settings.worker.threads)
        self._encoders = ResultEncoders(self._registry, topics.topics_of_contracts(settings.kafka))
        self._life = Lifecycle()
        probe, subject = KafkaProbe(settings), files.subject(settings.kafka.activity_topic)
        self._kafka_answers = Reachability(lambda: in_daemon_thread(lambda: probe.ask(TIMEOUT_S)))
        self._registry_answers = Reachability(lambda: self._registry.ask(subject))
        self._schemas_known = False
        kafka = settings.kafka
        super().__init__(
            kafka.group_id,
            broker=[f"rdkafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
            processing_guarantee="exactly_once",
            topic_allow_declare=False,
            topic_disable_leader=True,
            value_serializer="raw",
            key_serializer="raw",
            web_bind=settings.web.host,
            web_port=settings.web.port,
            web_host=settings.web.url_host,
            datadir=tempfile.gettempdir(),
        )
        transport = self.transport
        assert isinstance(transport, Transport)
        worker = secrets.token_hex(4)
        names = {"client.id": client_name(worker, settings.web), **settings.transport.librdkafka}
        transport.settings = settings.transport.model_copy(update={"librdkafka": names})
        if backfill is not None:
            transport.until = lambda tp: backfill.end(tp.partition)
        self._driver = transport
        self._metrics = Metrics(lambda: transport.state, self._certificates.expiries, settings.telemetry.tenants)
        observe_champion(self._engine)
        if settings.inference.drift_reference is not None:
            reference = read_reference(settings.inference.drift_reference)
            self._metrics.noted.append(DriftMetrics(reference, lambda: self._engine.model.sha256).note)
        for push in pushes:
            push.count_in()
        if spans is not None:
            spans.count_in()
            transport.on_transaction = self._transaction_ended
        assigned: Any = self._assigned  # Faust's types of signals fit no method.
        rebalanced: Any = self._rebalanced
        self.on_partitions_assigned.connect(assigned)
        self.on_rebalance_complete.connect(rebalanced)
        self._progress = self._learner_progress()
        agents: list[TopicAgent] = [
            self._reading_agent(),
            *([] if self._progress is None else self._progress.agents),
        ]
        self._agents = Roster(agents, settings.worker.stalled_after)
        self._agents.wire(self, self._topic)
        readiness = Readiness(
            schemas=lambda: self._schemas_known,
            kafka=lambda: self._kafka_answers.answers,
            registry=lambda: self._registry_answers.answers,
            engine=lambda: _can_score(self._engine.champion),
            joined=lambda: self._life.settled and not self.rebalancing,
            stopping=lambda: self.should_stop,
            paused=lambda: self._agents.paused,
            stalled=lambda: self._agents.stalled,
        )
        add_pages(self, readiness, started=lambda: self._life.joined)
        self._add_console(worker, readiness)
        if self._progress is not None:
            self._add_progress(self._progress, worker)

    @cached_property
    def web(self) -> Web:
        """The server of all pages."""
        return WorkerWeb(self, self._settings.web)

    def _add_console(self, worker: str, readiness: Readiness) -> None:
        view = WorkerView(
            id=worker,
            state=lambda: self._driver.state,
            engine=self._engine,
            ready=readiness.joined,
            paused=readiness.paused,
            stalled=readiness.stalled,
            steered=self._steered_view(),
        )
        server: Any = self.web  # Faust's type of it has no aiohttp.
        add_console(server.web_app, self._settings, view)

    def _steered_view(self) -> Steered:
        steering = self._steering
        return Steered(
            state=lambda: steering.state,
            changes=lambda: steering.changes,
            guard=lambda: steering.engine.guard,
            standing=steering.standing,
        )

    def _add_progress(self, progress: LearnerProgress, worker: str) -> None:
        settings, driver = self._settings, self._driver
        topic, group = settings.kafka.activity_topic, settings.kafka.group_id

        def held() -> Held:
            ours = frozenset(
                tp.partition for tp, one in driver.ledger.assignments.items() if tp.topic == topic and one.alive
            )
            return Held(ours, driver.topics.known(topic) or 0)

        token = settings.progress.token.get_secret_value()
        keeper = progress.keeper
        page = ProgressPage(token, worker, keeper.find, keeper.forget, held, lambda: members(settings, group, topic))
        server: Any = self.web  # Faust's type of it has no aiohttp.
        page.add_to(server.web_app)

    def _tracing_to(self, spans: SpanQueue) -> Tracing:
        tracing, group = self._settings.tracing, self._settings.kafka.group_id
        return Tracing(spans, tracing.ratio, tracing.slow, as_parent=tracing.creation == "parent", group=group)

    def _transaction_ended(self, ended: TransactionEnded) -> None:
        assert self._tracing is not None
        self._tracing.transaction(ended.outcome, ended.reason, ended.began, ended.offsets)

    def _reading_agent(self) -> ReadingAgent:
        settings, engine = self._settings, self._engine
        aligner = VariantAligner(settings.scoring.accepted_file)
        comparisons = self._steering.comparisons
        scorer = ActivityScorer(
            self._clips, engine, aligner, settings.audio, settings.scoring, self._threads, self._models, comparisons
        )
        letters = DeadLetters(self._topic(settings.kafka.dead_letter_topic), self._identity, self._metrics)
        agent = ReadingAgent(
            Stages(ActivityDecoder(self._registry, settings.kafka.activity_topic), scorer, self._encoders),
            self._metrics,
            {topic: self._topic(topic) for topic in topics.result_topics(settings.kafka).values()},
            letters,
            settings,
            self._tracing,
            self._duplicates(),
            None if self._progress is None else self._progress.keeper,
            self._backfill,
        )

        def live(wanted: LiveSettings) -> None:
            agent.limit(wanted.max_in_flight)
            scorer.decode_as("beam" if (wanted.decode or settings.scoring.decode) == "beam" else "greedy")

        self._steering.set_live.append(live)
        return agent

    def _identity(self) -> WorkerIdentity:
        return WorkerIdentity(self._settings.kafka.group_id, str(self._engine.model))

    def _learner_progress(self) -> LearnerProgress | None:
        settings = self._settings
        if not settings.progress.enabled:
            return None
        return LearnerProgress(self, settings, self._registry, self._topic, self._identity, self._metrics)

    def _duplicates(self) -> Duplicates | None:
        if not self._settings.duplicates.window:
            return None
        # The older one of two majors is complete.
        _, results = min(topics.result_topics(self._settings.kafka).items())
        return Duplicates(self, self._settings, results)

    def _owned(self, topic: str) -> int:
        return sum(tp.topic == topic for tp in self._driver.ledger.assignments)

    def _topic(self, name: str) -> Any:
        return self.topic(name, key_type=bytes, value_type=bytes, allow_empty=True)

    async def on_start(self) -> None:
        """Start the engine and look up the result schemas; consumption begins after this."""
        settings = self._settings
        raise_descriptor_limit()
        sentry = Sentry(self._stop_because, settings.worker.stalled_after)
        sentry.install()
        self.add_future(sentry.look())
        lexicon.load()
        await self._encoders.start()
        if self._progress is not None:
            await self._progress.start()
        self._schemas_known = True
        await self._share.count()
        await self._steering.start()
        self.add_future(self._steering.run())
        self.add_future(self._watch_progress())
        self.add_future(self._kafka_answers.watch())
        self.add_future(self._registry_answers.watch())
        for push in self._pushes:
            self.add_future(push.run())
        await super().on_start()

    async def _watch_progress(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            assignments = self._driver.ledger.assignments.items()
            self._agents.look((tp.topic, each.in_flight, each.released_events) for tp, each in assignments)

    async def on_stop(self) -> None:
        """Let the agents drain, then close the connections."""
        self._agents.stop()
        await super().on_stop()
        self._agents.give_up()
        self._tell_the_end()
        for push in self._pushes:
            await push.close()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)
        await self._steering.close()
        await self._clips.close()
        self._threads.close()
        await self._registry.close()

    async def _assigned(self, _app: Any, assigned: set[TP], **_: Any) -> None:
        self._life.assigned(assigned)

    async def _rebalanced(self, _app: Any, **_: Any) -> None:
        self._life.ready()
        self.add_future(self._share.count_again())

    def _tell_the_end(self) -> None:
        monitor = self.monitor
        written = self._agents.written(monitor.messages_sent_by_topic)
        self._life.stopped(events=monitor.events_total, written=written, transactions=self._driver.state.transactions)

    def _stop_because(self, error: StreamprocError) -> None:
        self._metrics.stops(error.code)
        log.critical("the worker stops", code=error.code.name, stage=error.code.stage.value, reason=error.message)
        self._driver.crash(error)
