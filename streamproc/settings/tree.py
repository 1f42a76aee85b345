"""All sections as one tree, and where their values come from."""

from __future__ import annotations

from typing import Any

from pydantic import (
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from streamproc.settings.cloudwatch import CloudWatchSettings
from streamproc.settings.console import ConsoleSettings
from streamproc.settings.duplicates import DuplicatesSettings
from streamproc.settings.inference import InferenceSettings
from streamproc.settings.progress import ProgressSettings
from streamproc.settings.sections import (
    AudioSettings,
    EventSettings,
    KafkaSettings,
    LogSettings,
    OnnxSettings,
    QuarantineSettings,
    RegistrySettings,
    ScoringSettings,
    TelemetrySettings,
    TorchSettings,
    TritonSettings,
    WebSettings,
    WorkerSettings,
)
from streamproc.settings.servers import is_loopback
from streamproc.settings.synthetic import SyntheticSettings
from streamproc.settings.tracing import TracingSettings
from streamproc.settings.variables import PREFIX
from streamproc.transport.settings import TransportSettings


class Settings(BaseSettings):
    """The tree."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    inference: InferenceSettings = InferenceSettings()
    triton: TritonSettings = TritonSettings()
    onnx: OnnxSettings = OnnxSettings()
    torch: TorchSettings = TorchSettings()
    audio: AudioSettings = AudioSettings()
    scoring: ScoringSettings = ScoringSettings()
    event: EventSettings = EventSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    worker: WorkerSettings = WorkerSettings()
    # Of Kafka's ways of compressing this one makes the smallest: a letter is not to be larger than its activity was.
    # The process is the worker's own: it may tune all of it.
    transport: TransportSettings = TransportSettings(compression="zstd", tune_gc=True)
    web: WebSettings = WebSettings()
    console: ConsoleSettings = ConsoleSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    cloudwatch: CloudWatchSettings = CloudWatchSettings()
    duplicates: DuplicatesSettings = DuplicatesSettings()
    progress: ProgressSettings = ProgressSettings()
    synthetic: SyntheticSettings = SyntheticSettings()
    tracing: TracingSettings = TracingSettings()

    @field_validator("transport")
    @classmethod
    def _every_event_has_an_outcome(cls, value: TransportSettings) -> TransportSettings:
        if value.on_raise == "skip":
            raise ValueError("on_raise: 'skip' would leave events without an outcome; the worker stops or retries")
        return value

    @field_validator("console")
    @classmethod
    def _local_is_local(cls, value: ConsoleSettings, info: ValidationInfo) -> ConsoleSettings:
        web = info.data.get("web")
        if value.local and web is not None and not is_loopback(web.host):
            raise ValueError(
                f"STREAMPROC_CONSOLE__LOCAL needs a loopback address, such as 127.0.0.1; STREAMPROC_WEB__HOST is "
                f"{web.host}, where others could see and hear children"
            )
        return value

    @field_validator("progress")
    @classmethod
    def _one_worker_has_both_topics(cls, value: ProgressSettings, info: ValidationInfo) -> ProgressSettings:
        transport = info.data.get("transport")
        if value.corrections and transport is not None and transport.assignment != "range":
            raise ValueError(
                "corrections: one worker must have a learner's activities and corrections: set "
                f"STREAMPROC_TRANSPORT__ASSIGNMENT=range (it is {transport.assignment}), with all workers stopped"
            )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what `load` gives from the file; no .env file, no secrets folder is read."""
        return (_Environment(settings_cls), init_settings)


class _Environment(EnvSettingsSource):
    """The environment; a list or table that is not JSON is left to the validation, which names its variable."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
