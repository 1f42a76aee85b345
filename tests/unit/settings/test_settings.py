"""Settings: where they come from, and how every wrong one is told."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.holes import hole

from streamproc import settings
from streamproc.cli.settings import command
from streamproc.contracts.generated.events_control import LiveSettings
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.settings import service_links

REFERENCE = Path(__file__).parents[3] / "docs/reference/settings.md"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)


def problems() -> list[str]:
    with pytest.raises(StreamprocError) as caught:
        settings.load()
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
    return caught.value.message.splitlines()


def write(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = folder / "streamproc.toml"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("STREAMPROC_CONFIG", str(file))
    return file


def test_the_defaults_are_settings() -> None:
    tree = settings.load()
    assert tree.kafka.bootstrap_servers == "127.0.0.1:9092"
    assert tree.audio.allowed_prefixes == ()


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("STREAMPROC_AUDIO__ALLOWED_PREFIXES", '["file:///a/", "s3://b/"]')
    monkeypatch.setenv("STREAMPROC_TRANSPORT__LIBRDKAFKA", '{"socket.keepalive.enable": true}')
    tree = settings.load()
    assert tree.kafka.bootstrap_servers == "a:1,b:2"
    assert tree.kafka.group_id == "streamproc"
    assert tree.audio.allowed_prefixes == ("file:///a/", "s3://b/")
    assert tree.transport.librdkafka == {"socket.keepalive.enable": True}


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = """
        [triton]
        urls = "file:1"
        max_audio_seconds = 3
        [audio]
        allowed_prefixes = ["file:///clips/"]
    """
    write(tmp_path, text, monkeypatch)
    monkeypatch.setenv("STREAMPROC_TRITON__URLS", "environment:2")
    tree = settings.load()
    assert (tree.triton.urls, tree.triton.max_audio_seconds) == ("environment:2", 3)
    assert tree.audio.allowed_prefixes == ("file:///clips/",)


def test_all_problems_are_told_at_once_each_by_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path, "[scoring]\nmargin = -1\nmargn = 2\n[skoring]\nx = 1", monkeypatch)
    wrong = {
        "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS": "nowhere",
        "STREAMPROC_KAFKA__GROUP_ID": "",
        "STREAMPROC_REGISTRY__URL": "localhost:8081",
        "STREAMPROC_TRITON__URLS": "http://localhost:8001",
        "STREAMPROC_TRITON__MAX_AUDIO_SECONDS": "0",
        "STREAMPROC_AUDIO__ALLOWED_PREFIXES": "file:///clips/",
        "STREAMPROC_AUDIO__MAX_SECONDS": "nan",
        "STREAMPROC_SCORING__DECODE": "viterbi",
        "STREAMPROC_SCORING__BEAM_WIDTH": "17",
        "STREAMPROC_SCORING__UNKNOWN_PHONEMES": "ignore",
        "STREAMPROC_WEB__PORT": "65536",
        "STREAMPROC_LOG__LEVEL": "LOUD",
        "STREAMPROC_TRANSPORT__ORDERING": "random",
        "STREAMPROC_TRITON_URL": "localhost:8001",
        "STREAMPROC_KAFKA__BOOTSTRAP": "x:1",
        "STREAMPROC_QUARANTINE": "often",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    told = problems()
    in_file = ["STREAMPROC_SCORING__MARGIN", "STREAMPROC_SCORING__MARGN", "STREAMPROC_SKORING"]
    assert sorted(line.partition(":")[0] for line in told) == sorted([*wrong, *in_file])
    assert all(len(line.partition(": ")[2]) > 10 for line in told)
    assert "write JSON" in next(line for line in told if "ALLOWED_PREFIXES" in line)


SERVICE_LINKS = {
    # Services `streamproc` and `streamproc-triton` (ports named http and grpc), as kubelet 1.30 writes them.
    "STREAMPROC_SERVICE_HOST": "10.96.0.17",
    "STREAMPROC_SERVICE_PORT": "8080",
    "STREAMPROC_SERVICE_PORT_HTTP": "8080",
    "STREAMPROC_PORT": "tcp://10.96.0.17:8080",
    "STREAMPROC_PORT_8080_TCP": "tcp://10.96.0.17:8080",
    "STREAMPROC_PORT_8080_TCP_PROTO": "tcp",
    "STREAMPROC_PORT_8080_TCP_PORT": "8080",
    "STREAMPROC_PORT_8080_TCP_ADDR": "10.96.0.17",
    "STREAMPROC_TRITON_SERVICE_HOST": "fd00::1:17",
    "STREAMPROC_TRITON_SERVICE_PORT_GRPC": "8001",
    "STREAMPROC_TRITON_PORT": "tcp://[fd00::1:17]:8001",
    "STREAMPROC_TRITON_PORT_8001_TCP_ADDR": "fd00::1:17",
    "STREAMPROC_DNS_PORT_53_UDP": "udp://10.96.0.10:53",
}


@hole("F5")
def test_kubernetes_service_links_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE_LINKS.items():
        monkeypatch.setenv(name, value)
    tree = settings.load()
    assert (tree.triton.urls, tree.web.port) == ("127.0.0.1:8001", 6066)
    assert service_links(settings.PREFIX) == sorted(SERVICE_LINKS)


@hole("F5")
@pytest.mark.parametrize(
    ("name", "value", "nearest"),
    [
        ("STREAMPROC_WEB_PORT", "8080", "STREAMPROC_WEB__PORT"),
        ("STREAMPROC_TRITON_URL", "tcp://triton:8001", "STREAMPROC_TRITON__URLS"),
        ("STREAMPROC_KAFKA__BOOTSTRAP_SERVER", "kafka:9092", "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"),
        ("STREAMPROC_CONFG", "streamproc.toml", "STREAMPROC_CONFIG"),
        ("STREAMPROC_TRANSPORT__COMIT_INTERVAL", "1", "STREAMPROC_TRANSPORT__COMMIT_INTERVAL"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, nearest: str
) -> None:
    monkeypatch.setenv(name, value)
    told = next(line for line in problems() if line.startswith(f"{name}: "))
    assert f"did you mean {nearest}?" in told


def test_what_is_like_no_setting_has_no_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_COLOUR_OF_THE_SKY", "blue")
    (only,) = problems()
    assert "did you mean" not in only


@hole("F6")
def test_words_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_LOG__LEVEL", "debug")
    monkeypatch.setenv("STREAMPROC_LOG__FORMAT", "JSON")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__SASL_MECHANISM", "scram-sha-256")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__SASL_USERNAME", "worker")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__SASL_PASSWORD", "secret")
    tree = settings.load()
    assert (tree.log.level, tree.log.format) == ("DEBUG", "json")
    assert (tree.transport.security_protocol, tree.transport.sasl_mechanism) == ("sasl_ssl", "SCRAM-SHA-256")


def test_a_secret_that_is_missing_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SECURITY_PROTOCOL", "sasl_ssl"), ("SASL_MECHANISM", "PLAIN"), ("SASL_USERNAME", "worker")):
        monkeypatch.setenv(f"STREAMPROC_TRANSPORT__{name}", value)
    assert problems() == ["STREAMPROC_TRANSPORT__SASL_PASSWORD: is empty, and sasl_mechanism 'PLAIN' needs it"]


@hole("F4")
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_number_without_bounds_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    names = [variable for variable, kind, _, _ in settings.documentation() if kind.startswith("number")]
    for name in names:
        monkeypatch.setenv(name, value)
    assert sorted(problem.split(":")[0] for problem in problems()) == sorted(names)


def test_a_file_that_is_not_there_or_not_toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = write(tmp_path, "[kafka\n", monkeypatch)
    monkeypatch.setenv("STREAMPROC_WEB__PORT", "many")
    broken, port = problems()
    assert broken.startswith(f"STREAMPROC_CONFIG: {file} is not TOML: ")
    assert "line 1" in broken
    assert port.startswith("STREAMPROC_WEB__PORT: ")
    file.write_bytes(b"\xff\xfe\x00")
    assert problems()[0].startswith(f"STREAMPROC_CONFIG: {file} is not TOML: ")
    file.unlink()
    assert problems()[0] == f"STREAMPROC_CONFIG: {file} cannot be read: No such file or directory"
    file.mkdir()
    assert problems()[0] == f"STREAMPROC_CONFIG: {file} cannot be read: Is a directory"


@pytest.mark.parametrize(
    "servers",
    [
        "http://kafka:9092",
        "::1:9092",
        "",
        "kafka",
        "kafka:",
        ":9092",
        "kafka:port",
        "kafka:9092,",
        "kafka:9092;other:9092",
        "kafka:9092,b",
    ],
)
def test_bootstrap_servers_are_hosts_and_ports(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", servers)
    (only,) = problems()
    assert only.startswith("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS: ")


@pytest.mark.parametrize("servers", ["kafka:9092", "a.b-c:1, 10.0.0.1:2", "[::1]:9092"])
def test_several_brokers_and_addresses(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA__BOOTSTRAP_SERVERS", servers)
    assert settings.load().kafka.bootstrap_servers == servers


@hole("D4")
@pytest.mark.parametrize(
    "urls",
    ["triton:8001", "10.0.0.1:8001", "[::1]:8001", "a:1, b:1 ,dns:///triton.inference.svc:8001", "dns:///[::1]:8001"],
)
def test_triton_may_be_several_and_have_ipv6_addresses(monkeypatch: pytest.MonkeyPatch, urls: str) -> None:
    monkeypatch.setenv("STREAMPROC_TRITON__URLS", urls)
    triton = settings.load().triton
    assert triton.urls == urls
    assert triton.servers == tuple(entry.strip() for entry in urls.split(","))


@hole("D4")
@pytest.mark.parametrize(
    ("urls", "told"),
    [
        ("::1:8001", "'::1:8001' is not host:port"),
        ("triton", "'triton' is not host:port"),
        ("[::1]", "'[::1]' is not host:port"),
        ("a:1,b", "'b' is not host:port"),
        ("dns:///triton", "'triton' is not host:port"),
        ("dns://8.8.8.8/triton:8001", "'dns://8.8.8.8/triton:8001' is not host:port"),
        ("me:secret@triton:8001", "'…@triton:8001' is not host:port"),
        ("http://triton:8000", "http:// does not belong here: give host:port of the gRPC service"),
        ("a:1,HTTPS://me:secret@b:1", "HTTPS:// does not belong here: give host:port of the gRPC service"),
        ("", "must not be empty"),
        (" ", "' ' has an empty entry: between commas stands host:port or dns:///name:port"),
        ("a:1,,b:1", "'a:1,,b:1' has an empty entry: between commas stands host:port or dns:///name:port"),
        ("a:1,b:1,a:1", "'a:1' stands there twice"),
        ("Triton:8001, triton:8001", "'triton:8001' stands there twice"),
        ("dns:///a:1,dns:///a:1", "'dns:///a:1' stands there twice"),
        ("a:1,b:65536", "'b:65536' has a port that there is not: they go from 1 to 65535"),
        ("a:0", "'a:0' has a port that there is not: they go from 1 to 65535"),
        ("dns:///a..b:1", "'a..b:1' has a host that is no name: between dots stand 1 to 63 characters"),
        (64 * "a" + ":1", f"'{64 * 'a'}:1' has a host that is no name: between dots stand 1 to 63 characters"),
    ],
)
def test_what_is_no_list_of_servers_is_refused(monkeypatch: pytest.MonkeyPatch, urls: str, told: str) -> None:
    monkeypatch.setenv("STREAMPROC_TRITON__URLS", urls)
    assert problems() == [f"STREAMPROC_TRITON__URLS: {told}"]


def test_a_clip_as_long_as_allowed_is_no_activity_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.load().audio.activity_seconds == 900
    monkeypatch.setenv("STREAMPROC_AUDIO__MAX_SECONDS", "1800")
    assert settings.load().audio.activity_seconds == 1800
    monkeypatch.setenv("STREAMPROC_AUDIO__MAX_ACTIVITY_SECONDS", "3600")
    assert settings.load().audio.activity_seconds == 3600
    monkeypatch.setenv("STREAMPROC_AUDIO__MAX_SECONDS", "120")
    monkeypatch.setenv("STREAMPROC_AUDIO__MAX_ACTIVITY_SECONDS", "60")
    assert settings.load().audio.activity_seconds == 60


def test_a_fallback_is_of_the_engine_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_INFERENCE__FALLBACK", "ONNX")
    assert settings.load().inference.fallback == "onnx"
    monkeypatch.setenv("STREAMPROC_INFERENCE__ENGINE", "torch")
    assert problems() == [
        "STREAMPROC_INFERENCE__FALLBACK: the engine triton alone has a fallback; STREAMPROC_INFERENCE__ENGINE is torch"
    ]


def test_the_old_name_of_a_setting_leads_to_the_new_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = "STREAMPROC_TRITON__URL: it is called STREAMPROC_TRITON__URLS now, and takes several, separated by commas"
    write(tmp_path, '[triton]\nurl = "a:1"', monkeypatch)
    assert problems() == [told]
    monkeypatch.setenv("STREAMPROC_TRITON__URL", "a:1")
    assert problems() == [told]


@hole("F6")
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REGISTRY__URL", "registry:8081", "does not begin with http:// or https://, or holds a space"),
        ("REGISTRY__URL", "http://a b", "does not begin with http:// or https://, or holds a space"),
        ("KAFKA__GROUP_ID", "", "must not be empty"),
        ("KAFKA__BOOTSTRAP_SERVERS", "kafka://me:secret@kafka:9092", "'…@kafka:9092' is not host:port"),
    ],
)
def test_what_is_wrong_is_told_in_words(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(f"STREAMPROC_{name}", value)
    assert problems() == [f"STREAMPROC_{name}: {told}"]


@hole("F6")
def test_a_default_is_written_as_it_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {name: default for name, _, default, _ in settings.documentation()}
    assert defaults["STREAMPROC_KAFKA__RESULT_MAJORS"] == "[1]"
    for name, default in defaults.items():
        if default:
            monkeypatch.setenv(name, default)
    assert settings.load() == settings.Settings()


@hole("D4")
@pytest.mark.parametrize(("host", "expected"), [("::1", "[::1]:6066"), ("0.0.0.0", "0.0.0.0:6066")])
def test_the_pages_have_an_address_that_a_browser_takes(host: str, expected: str) -> None:
    assert settings.WebSettings(host=host).address == expected


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMPROC_REGISTRY__PASSWORD", "hush1")
    monkeypatch.setenv("STREAMPROC_REGISTRY__TOKEN", "hush2")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__SASL_PASSWORD", "hush3")
    tree = settings.load()
    assert tree.registry.password.get_secret_value() == "hush1"
    assert "hush" not in repr(tree) + str(tree)
    monkeypatch.setenv("STREAMPROC_REGISTRY__TIMEOUT", "-1")
    monkeypatch.setenv("STREAMPROC_TRANSPORT__ORDERING", "x")
    assert "hush" not in "".join(problems())


def test_every_setting_is_documented() -> None:
    rows = list(settings.documentation())
    assert len({variable for variable, _, _, _ in rows}) == len(rows) > 40
    for variable, kind, _, meaning in rows:
        assert variable.startswith("STREAMPROC_")
        assert kind
        assert meaning.endswith("."), f"{variable} has no sentence that says what it means"


def test_every_documented_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, _, _, _ in settings.documentation():
        # A table is wrong for every setting but those that are tables: a name that nothing reads would pass.
        monkeypatch.setenv(variable, "{}")
    told = {line.partition(":")[0] for line in problems()}
    any_text_will_do = {
        variable
        for variable, kind, _, _ in settings.documentation()
        if kind.startswith(("text", "secret", "path", "table"))
    }
    assert {variable for variable, _, _, _ in settings.documentation()} - told <= any_text_will_do


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_no_variable_is_cut_in_the_list(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = CliRunner().invoke(command, [])
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert max(map(len, lines)) <= columns
    words = set(shown.output.split())
    for variable, _, _, meaning in settings.documentation():
        assert variable in words
        assert set(meaning.split()) <= words


def test_the_list_as_json() -> None:
    shown = CliRunner().invoke(command, ["--json"])
    rows = json.loads(shown.output)
    assert [tuple(row.values()) for row in rows] == list(settings.documentation())
    assert set(rows[0]) == {"variable", "type", "default", "meaning"}


def test_the_reference_is_up_to_date() -> None:
    shown = CliRunner().invoke(command, ["--markdown"])
    assert shown.exit_code == 0
    assert REFERENCE.read_text("utf-8") == shown.output, (
        "run: streamproc settings --markdown > docs/reference/settings.md"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"CERTIFICATE_FILE": "a.pem"}, "STREAMPROC_TRITON__KEY_FILE: a certificate and its key go together"),
        ({"KEY_FILE": "a.key"}, "STREAMPROC_TRITON__KEY_FILE: a certificate and its key go together"),
        ({"CA_FILE": "ca.pem", "ALLOW_PLAINTEXT": "true"}, "STREAMPROC_TRITON__ALLOW_PLAINTEXT: plaintext needs no"),
    ],
)
def test_certificates_of_triton_that_do_not_go_together(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"STREAMPROC_TRITON__{name}", value)
    (only,) = problems()
    assert only.startswith(told)


def test_what_can_be_changed_while_workers_run_says_so() -> None:
    live = {row[0] for row in settings.documentation() if "Live:" in row[3]}
    assert {name.rpartition("__")[2].lower() for name in live} == {field.name for field in fields(LiveSettings)}
