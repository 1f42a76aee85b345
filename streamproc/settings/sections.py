"""The sections: what can be set, with its type, its bounds and its default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    create_model,
    field_validator,
)

from streamproc.contracts.majors import MAJORS, V1, Major
from streamproc.contracts.rules import LONG_SECONDS
from streamproc.contracts.uris import problem_of
from streamproc.settings.servers import host_and_port, servers_of
from streamproc.transport.settings import choice_in_any_case

_HTTP = re.compile(r"https?://\S+")


def is_http_url(value: str) -> bool:
    """Whether it begins with http:// or https://, and holds no space."""
    return _HTTP.fullmatch(value) is not None


def _none_or_http(value: str) -> str:
    if value and not is_http_url(value):
        raise ValueError("is not an http:// or https:// URL")
    return value


Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Endpoint = Annotated[str, AfterValidator(_none_or_http)]
"""A URL that something is sent to; empty: nothing is."""


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
    def _hosts_and_ports(cls, value: str) -> str:
        for server in value.split(","):
            host_and_port(server.strip())
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
    control_topic: str = Field(default="streamproc.control.v1", min_length=1)
    """Topic by which operators tell all workers which models score; where there is none, nothing is told."""
    partitions: Count = 4
    """Partitions of the topics that 'streamproc topics create' makes."""
    replication_factor: Count = 1
    """Replicas of the topics that 'streamproc topics create' makes."""

    def topic_of(self, major: Major[Any]) -> str:
        """Where results of a major version are."""
        return str(getattr(self, major.topic_setting))


class RegistrySettings(Section):
    """The schema registry (Confluent's API)."""

    url: str = "http://127.0.0.1:8081"
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

    @field_validator("url")
    @classmethod
    def _of_http(cls, value: str) -> str:
        if not is_http_url(value):
            raise ValueError("does not begin with http:// or https://, or holds a space")
        return value


class TritonSettings(Section):
    """Triton, the inference server: one or several."""

    urls: str = Field(default="127.0.0.1:8001", min_length=1)
    """Addresses of gRPC services, separated by commas. host:port is one server; dns:///name:port are all addresses of a
    name, each a server of its own."""
    lookup_interval: Seconds = 30.0
    """Seconds from one lookup of the names after dns:/// to the next; while a server fails it is one."""
    model: str = Field(default="phonemes", min_length=1)
    """Model in its repository."""
    model_version: str = Field(default="", pattern="^[0-9]*$")
    """Version of the model; empty: the newest that is served."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds that one inference call may take."""
    max_audio_seconds: Seconds = 3600.0
    """Seconds of audio that this worker has in flight at one server, at the most. How much it really is follows what
    the server says of its queue."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM; with them every server is spoken to by TLS. Empty: those of the system, for every
    server that is not on this machine. Read again when it changes, as the next two are."""
    certificate_file: Path | None = None
    """This worker's own certificate, in PEM, its chain below it, for servers that ask for one."""
    key_file: Path | None = Field(default=None, validate_default=True)
    """The key of that certificate, in PEM, without a passphrase."""
    allow_plaintext: bool = False
    """Speak plaintext to servers on other machines too: recordings can then be heard on the way."""

    @field_validator("key_file")
    @classmethod
    def _with_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if (value is None) != (info.data.get("certificate_file") is None):
            missing = "key" if value is None else "certificate"
            raise ValueError(f"a certificate and its key go together; the {missing} is missing")
        return value

    @field_validator("allow_plaintext")
    @classmethod
    def _or_tls(cls, value: bool, info: ValidationInfo) -> bool:
        if value and (info.data.get("ca_file") or info.data.get("certificate_file")):
            raise ValueError("plaintext needs no certificates: leave it out, or CA_FILE and CERTIFICATE_FILE")
        return value

    @field_validator("urls")
    @classmethod
    def _list_of_servers(cls, value: str) -> str:
        servers_of(value)
        return value

    @property
    def servers(self) -> tuple[str, ...]:
        """The entries of ``urls``."""
        return servers_of(self.urls)


class _ModelFile(Section):
    repository: Path = Path("models")
    """Folder of models, laid out as Triton's: the model is REPOSITORY/MODEL/VERSION/model.onnx."""
    model: str = Field(default="phonemes", min_length=1)
    """Model in the repository."""
    model_version: str = ""
    """Version of the model; empty: the highest number."""


class OnnxSettings(_ModelFile):
    """The engine onnx: the model in the worker itself."""

    timeout: Seconds = 30.0
    """Seconds that one clip may take."""
    threads: Count = 1
    """Cores that inference may take: so many clips are run at once."""


class TorchSettings(_ModelFile):
    """The engine torch: the model in the worker itself, on an accelerator of its own."""

    timeout: Seconds = 30.0
    """Seconds that the clips of one activity, or so many of them as are run at once, may take."""
    threads: Count = 1
    """Runs at once; on a CPU each has one core."""
    device: str = Field(default="auto", min_length=1)
    """cuda, cuda:1 and so on, mps or cpu; auto: the first of cuda, mps and cpu that there is."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the network behind the spectrum, which stays in float32. The others are quicker on GPUs; which one where, and
    what becomes of verdicts, is told in docs/how-to/choose-an-engine.md."""
    compile: bool = False
    """Have torch.compile make kernels of the model at the start, which takes up to a minute and a C++ compiler."""


class AudioSettings(Section):
    """What audio is accepted."""

    allowed_prefixes: tuple[str, ...] = ()
    """URI prefixes that claim checks may lie under, for example ["file:///var/clips/"]. Empty: inline audio only.
    What is behind https:// is asked for without credentials (those of ~/.netrc are not sent either), through the proxy
    that HTTPS_PROXY, HTTP_PROXY and NO_PROXY tell, and redirects are refused; s3://, gs:// and az:// take the
    credentials of their own tools. Names with empty parts, "..", backslashes or ";" for a part are refused."""
    max_seconds: Annotated[float, Field(gt=0, le=1800)] = 120.0
    """Longest clip, half an hour at most. What is longer than two minutes is heard in parts, in the memory of two
    such; for its text, more phonemes must be allowed (STREAMPROC_SCORING__MAX_PHONEMES: ten for each second)."""
    max_activity_seconds: Seconds = 900.0
    """Longest audio of one activity, all its clips together. One clip of MAX_SECONDS is allowed nevertheless,
    where that is more than two minutes."""
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

    @property
    def activity_seconds(self) -> float:
        """Seconds of audio that an activity may have: whoever allows long readings means activities of one."""
        long = self.max_seconds > LONG_SECONDS
        return max(self.max_activity_seconds, self.max_seconds) if long else self.max_activity_seconds

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
    operating_point: Literal["lenient", "balanced", "strict"] = "balanced"
    """How sure the classifier that goes with the model must be that a word was misread. The model's card has how many
    well-read words each flags, and how many bad ones it finds. A model without a classifier is judged by the margin."""
    decode: Literal["greedy", "beam"] = "greedy"
    """How phonemes are found in the model's output: greedy takes the likeliest path, beam the likeliest sequence that a
    prefix beam search finds."""
    beam_width: int = Field(default=8, ge=1, le=16)
    """Sequences that the beam search keeps after each frame."""
    accepted_file: Path | None = None
    """Accepted mispronunciations (TOML, as aligner_mypyc describes); empty: those of English-speaking children."""
    unknown_phonemes: Literal["refuse", "pass_over"] = "refuse"
    """What becomes of a symbol in an event's reference that is no documented phoneme: refuse makes the phrase
    REFERENCE_INVALID, pass_over logs a warning and reads the reference without it."""
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
    threads: int = Field(default=0, ge=0, le=256)
    """Threads that decode clips and judge words, after all else that the worker does; 0: one for each core."""
    stalled_after: Seconds = 120.0
    """Seconds without a committed outcome, while activities are in work and none waits for a dependency, after which
    /health/ready answers 503; a worker in which nothing at all moves for so long ends itself."""


class WebSettings(Section):
    """The worker's health and metrics pages."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=6066, ge=0, le=65535)
    """Port to listen on; 0 takes a free one, which the log tells."""
    advertised: str = ""
    """host:port under which other workers reach these pages, so that each shows the whole group. Empty: as above, and
    where STREAMPROC_WEB__HOST is every address, the host that Kafka sees this worker come from."""
    connections: Count = 512
    """Connections that are open at once; for a new one beyond that the one that was opened first is closed."""
    faust_pages: bool = False
    """Serve Faust's own pages too: its router, its tables."""

    @field_validator("advertised")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return host_and_port(value) if value else value

    @property
    def url_host(self) -> str:
        """The address as it stands in a URL: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def address(self) -> str:
        """host:port, as in a URL."""
        return f"{self.url_host}:{self.port}"


class TelemetrySettings(Section):
    """The worker's metrics."""

    tenants: int = Field(default=20, ge=0, le=1000)
    """Tenants that have their own name in the metrics, the first that come; further ones are "other"."""
    otlp_endpoint: Endpoint = ""
    """Collector that metrics are sent to by OTLP over HTTP, for example http://collector:4318/v1/metrics; empty: they
    are at /metrics alone. Needs streamproc[otlp]; OTEL_EXPORTER_OTLP_HEADERS and the like hold for it."""
    otlp_interval: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Seconds from one sending to the next."""
    environment: str = Field(default="", max_length=64)
    """Where this worker runs, for example production: env in the log, deployment.environment.name in metrics and traces
    that are sent. Empty: as OTEL_RESOURCE_ATTRIBUTES says."""


class LogSettings(Section):
    """Structured logs on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """json for machines, console for people; auto chooses console on a terminal."""
    debug_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the DEBUG lines that is written, at the level DEBUG; of one activity all or none."""
