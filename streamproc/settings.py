"""Every setting of streamproc: one typed tree, from the environment or a TOML file, checked before anything starts.

A variable's name is ``STREAMPROC_`` + the section + ``__`` + the setting, for example
``STREAMPROC_TRITON__MAX_IN_FLIGHT=8``. The file named by ``STREAMPROC_CONFIG`` holds the same tree; the
environment wins over it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from streamproc.contracts.majors import MAJORS, V1, Major
from streamproc.contracts.uris import problem_of
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.service_links import service_links
from streamproc.transport.settings import TransportSettings, choice_in_any_case

PREFIX = "STREAMPROC_"
CONFIG_VARIABLE = "STREAMPROC_CONFIG"

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:;/\[\]]+):[0-9]{1,5}")
"""An IPv6 address stands in brackets."""

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A branch of the tree: a misspelt setting is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any, info: ValidationInfo) -> Any:
        return choice_in_any_case(cls, info.field_name, value)


class _Topics(Section):
    bootstrap_servers: str = Field(default="127.0.0.1:9092", min_length=1)
    """Brokers to start from, host:port, separated by commas."""
    group_id: str = Field(default="streamproc", min_length=1)
    """Consumer group of the workers."""
    activity_topic: str = Field(default="reading.activity.v1", min_length=1)
    """Topic that activities are read from."""
    result_topic: str = Field(default=V1.topic, min_length=1)
    """Topic that results are written to."""

    @field_validator("bootstrap_servers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for server in value.split(","):
            if not _HOST_AND_PORT.fullmatch(server.strip()):
                raise ValueError(f"{server.strip()!r} is not host:port")
        return value


if TYPE_CHECKING:

    class _TopicsOfMajors(_Topics):
        result_majors: tuple[int, ...] = (V1.number,)

else:
    # The table of major versions says which topics have a setting: a new row there is one here.
    _TopicsOfMajors = create_model(
        "_TopicsOfMajors",
        __base__=_Topics,
        **{
            major.topic_setting: (
                str,
                Field(
                    default=major.topic,
                    min_length=1,
                    description=f"Topic that results of major version {major.number} are written to.",
                ),
            )
            for major in MAJORS.values()
            if major is not V1
        },
        result_majors=(
            tuple[Literal[tuple(MAJORS)], ...],
            Field(
                default=(V1.number,),
                min_length=1,
                description="Major versions of results that are published, for example [1, 2] during a migration: "
                "both in one transaction.",
            ),
        ),
    )


class KafkaSettings(_TopicsOfMajors):
    """Kafka: where it is and what the topics are called."""

    dead_letter_topic: str = Field(default="reading.activity.v1.dlq", min_length=1)
    """Topic that unscorable activities are copied to."""
    partitions: Count = 4
    """Partitions of the topics that 'streamproc topics create' makes."""
    replication_factor: Count = 1
    """Replicas of the topics that 'streamproc topics create' makes."""

    def topic_of(self, major: Major[Any]) -> str:
        """Where results of a major version are."""
        return str(getattr(self, major.topic_setting))


class RegistrySettings(Section):
    """The schema registry (Confluent's API)."""

    url: str = Field(default="http://127.0.0.1:8081", pattern=r"^https?://[^\s]+$")
    """Base URL of the registry's API."""
    username: str = ""
    """User for basic authentication; empty: none."""
    password: SecretStr = SecretStr("")
    """Password for basic authentication."""
    token: SecretStr = SecretStr("")
    """Bearer token; wins over user and password."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM, for a registry behind a private authority."""
    timeout: Seconds = 5.0
    """Seconds to wait for an answer."""


class InferenceSettings(Section):
    """What turns audio into phonemes."""

    engine: Literal["triton", "onnx"] = "triton"
    """triton: a server, on a GPU in production; onnx: onnxruntime in the worker itself, on this machine's CPU."""


class TritonSettings(Section):
    """The Triton inference server."""

    url: str = Field(default="127.0.0.1:8001", pattern=rf"^{_HOST_AND_PORT.pattern}$")
    """Address of its gRPC service, host:port."""
    model: str = Field(default="phonemes", min_length=1)
    """Model in its repository."""
    model_version: str = ""
    """Version of the model; empty: the newest that is served."""
    timeout: Seconds = 30.0
    """Seconds that one inference call may take."""
    max_in_flight: Count = 8
    """Calls that this worker has open at once."""


class OnnxSettings(Section):
    """The engine onnx: the model in the worker itself."""

    repository: Path = Path("models")
    """Folder of models, laid out as Triton's: the model is REPOSITORY/MODEL/VERSION/model.onnx."""
    model: str = Field(default="phonemes", min_length=1)
    """Model in the repository."""
    model_version: str = ""
    """Version of the model; empty: the highest number."""
    timeout: Seconds = 30.0
    """Seconds that one clip may take."""
    threads: Count = 1
    """Cores that inference may take: so many clips are run at once."""


class AudioSettings(Section):
    """What audio is accepted."""

    allowed_prefixes: tuple[str, ...] = ()
    """URI prefixes that claim checks may lie under, for example ["file:///var/clips/"]. Empty: inline audio only.
    What is behind https:// is asked for without credentials (those of ~/.netrc are not sent either), through the proxy
    that HTTPS_PROXY, HTTP_PROXY and NO_PROXY tell, and redirects are refused; s3://, gs:// and az:// take the
    credentials of their own tools. Names with empty parts, "..", backslashes or ";" for a part are refused."""
    max_seconds: Seconds = 120.0
    """Longest clip."""
    max_activity_seconds: Seconds = 900.0
    """Longest audio of one activity, all its clips together."""
    max_bytes: Count = 16 * 1024 * 1024
    """Largest encoded clip behind a URI."""
    memory_bytes: Count = 512 * 1024 * 1024
    """Memory for the clips of all activities together: where it is used up, the next clips wait. A quarter is for
    encoded clips of more than 512 KiB, the rest for clips that are being decoded or wait for the model."""
    max_inline_bytes: Count = 512 * 1024
    """Largest total of the inline clips of one activity."""
    not_found_grace: float = Field(default=5.0, ge=0, allow_inf_nan=False)
    """Seconds during which an object that is not found, or that alone fails in a store that serves others, is awaited,
    before its event becomes a dead letter."""

    @field_validator("allowed_prefixes")
    @classmethod
    def _prefixes_are_uris(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in value:
            if (problem := problem_of(prefix)) is not None:
                raise ValueError(f"{prefix!r} {problem}")
        return value


class ScoringSettings(Section):
    """How words are judged."""

    margin: float = Field(default=6.0, ge=0, allow_inf_nan=False)
    """A word is wrong when what was heard explains its audio better than the reference by this log-probability."""
    accepted_file: Path | None = None
    """Accepted mispronunciations (TOML, as aligner_mypyc describes); empty: those of English-speaking children."""
    max_phrases: Count = 500
    """Most phrases in one activity."""
    max_phonemes: Count = 2000
    """Most reference phonemes in one phrase; a word that nobody can say counts as one."""
    max_activity_phonemes: Count = 20_000
    """Most reference phonemes in one activity: an hour of a child's reading."""


class EventSettings(Section):
    """One activity event."""

    deadline: Seconds = 60.0
    """Seconds from an event's first attempt during which transient failures hold up this event alone; when they are
    over, the worker pauses until the dependency is back. It never makes a dead letter."""


class QuarantineSettings(Section):
    """When so many events die of one cause that the cause is more likely ours: the worker pauses its topic."""

    percent: float = Field(default=50.0, gt=0, le=100)
    """More than this share of the last events dead with one fingerprint pauses the topic; 100: never."""
    events: Count = 200
    """How many events are looked back upon."""


class WorkerSettings(Section):
    """The worker process."""

    max_in_flight: Count = 64
    """Activities that are worked on at once."""
    stalled_after: Seconds = 120.0
    """Seconds without a committed outcome, while activities are in work and none waits for a dependency, after which
    /health/ready answers 503; a worker in which nothing at all moves for so long ends itself."""


class WebSettings(Section):
    """The worker's health and metrics pages."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=6066, ge=0, le=65535)
    """Port to listen on; 0 takes a free one, which the log tells."""

    @property
    def url_host(self) -> str:
        """The address as it stands in a URL: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def address(self) -> str:
        """host:port, as in a URL."""
        return f"{self.url_host}:{self.port}"


class LogSettings(Section):
    """Structured logs on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """json for machines, console for people; auto chooses console on a terminal."""


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
    audio: AudioSettings = AudioSettings()
    scoring: ScoringSettings = ScoringSettings()
    event: EventSettings = EventSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    worker: WorkerSettings = WorkerSettings()
    # Of Kafka's ways of compressing this one makes the smallest: a letter is not to be larger than its activity was.
    transport: TransportSettings = TransportSettings(compression="zstd")
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @field_validator("transport")
    @classmethod
    def _every_event_has_an_outcome(cls, value: TransportSettings) -> TransportSettings:
        if value.on_raise == "skip":
            raise ValueError("on_raise: 'skip' would leave events without an outcome; the worker stops or retries")
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


def load() -> Settings:
    """Read and check every setting.

    Raises:
        StreamprocError: SETTINGS_INVALID, with all problems in one message, a line each.
    """
    problems = list(_unknown_variables())
    file: dict[str, Any] = {}
    try:
        file = _file()
    except StreamprocError as error:
        problems.append(error.message)
    try:
        settings = Settings(**file)
    except ValidationError as error:
        problems += [_describe(detail) for detail in error.errors(include_input=False)]
    if problems:
        # A misspelt variable is both unknown to us and, where its section is known, to the validation.
        raise StreamprocError(ErrorCode.SETTINGS_INVALID, "\n".join(dict.fromkeys(problems)))
    return settings


def given(section: str, name: str) -> str:
    """What the environment or the file says of a setting that is a text; empty where neither does.

    Raises:
        StreamprocError: SETTINGS_INVALID, the file cannot be read.
    """
    if value := os.environ.get(variable(section, name)):
        return value
    table = _file().get(section, {})
    return str(table.get(name, "")) if isinstance(table, dict) else ""


def _file() -> dict[str, Any]:
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError as error:
        reason = f"is not TOML: {error}"
    raise StreamprocError(ErrorCode.SETTINGS_INVALID, f"{CONFIG_VARIABLE}: {path} {reason}")


def documentation() -> Iterator[tuple[str, str, str, str]]:
    """Yield (variable, type, default, meaning) of every setting, in the tree's order."""
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, setting in model.model_fields.items():
            yield (
                variable(section, name),
                _type_name(setting),
                _default(getattr(field.default, name)),
                setting.description or "",
            )


def variable(section: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}__{name}".upper()


def _unknown_variables() -> Iterator[str]:
    """Variables with our prefix that name no setting: a typing mistake must not be silence."""
    known = {name for name, _, _, _ in documentation()} | {CONFIG_VARIABLE}
    ours = known | {f"{PREFIX}{section}".upper() for section in Settings.model_fields} | set(service_links(PREFIX))
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in ours:
            yield f"{name}: {_no_such_setting(name, known)}"


def _no_such_setting(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    meant = f": did you mean {nearest[0]}?" if nearest else ""
    return f"there is no such setting{meant} ('streamproc settings' lists them)"


_WANTED = {
    "tuple_type": 'must be a list; in the environment write JSON, for example ["a", "b"]',
    "dict_type": 'must be a table; in the environment write JSON, for example {"a": 1}',
    "model_type": "is a section: its settings have variables of their own ('streamproc settings' lists them)",
}
"""Words for what pydantic says in Python's terms, by its type of error."""


def _describe(detail: ErrorDetails) -> str:
    section, *rest = (str(part) for part in detail["loc"])
    name = variable(section, rest[0]) if rest else f"{PREFIX}{section}".upper()
    if detail["type"] == "extra_forbidden":
        return f"{name}: {_no_such_setting(name, (known for known, _, _, _ in documentation()))}"
    return f"{name}: {_WANTED.get(detail['type'], detail['msg'].removeprefix('Value error, '))}"


def _type_name(field: FieldInfo) -> str:
    """The type in words, with its bounds."""
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(choice or "(empty)" for choice in get_args(annotation))
    words = next((words for kind, words in _TYPE_NAMES if kind in (annotation, get_origin(annotation))), "path")
    bounds = [f"{_BOUNDS[type(bound)]} {value:g}" for bound in field.metadata for value in _bound(bound)]
    return " ".join([words, " and ".join(bounds)]).strip()


_TYPE_NAMES = (
    (str, "text"),
    (int, "integer"),
    (float, "number"),
    (SecretStr, "secret"),
    (tuple, "list"),
    (dict, "table"),
)
_BOUNDS = {Ge: "from", Gt: "above", Le: "up to"}


def _bound(bound: object) -> Iterator[float]:
    match bound:
        case Ge(ge=int() | float() as value) | Gt(gt=int() | float() as value) | Le(le=int() | float() as value):
            yield value


def _default(value: Any) -> str:
    return "" if isinstance(value, SecretStr) or value in (None, (), {}) else str(value)
