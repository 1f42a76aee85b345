"""What the doctor sees without logging in anywhere: names without an address, what leaves in plaintext, clocks."""

from __future__ import annotations

import socket
import threading

import pytest

from streamproc.cli.surroundings import clock, names, tls
from streamproc.settings import Settings

# Reserved never to exist (RFC 6761), and for documentation (RFC 5737): nothing is sent to either.
NOWHERE, AWAY = "nowhere.invalid", "192.0.2.1"


@pytest.mark.parametrize(
    ("section", "values", "setting"),
    [
        ("kafka", {"bootstrap_servers": f"{NOWHERE}:9092"}, "STREAMPROC_KAFKA__BOOTSTRAP_SERVERS"),
        ("registry", {"url": f"http://{NOWHERE}:8081"}, "STREAMPROC_REGISTRY__URL"),
        ("triton", {"urls": f"127.0.0.1:8001,dns:///{NOWHERE}:8001"}, "STREAMPROC_TRITON__URLS"),
        ("telemetry", {"otlp_endpoint": f"http://{NOWHERE}:4318"}, "STREAMPROC_TELEMETRY__OTLP_ENDPOINT"),
        ("tracing", {"endpoint": f"http://{NOWHERE}:4318/v1/traces"}, "STREAMPROC_TRACING__ENDPOINT"),
    ],
)
def test_a_name_without_an_address_names_its_setting(section: str, values: dict[str, str], setting: str) -> None:
    state, detail, remedy = names(Settings(**{section: values}))  # type: ignore[arg-type]
    assert (state, detail) == ("fail", f"no address for {NOWHERE} ({setting})")
    assert remedy


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"kafka": {"bootstrap_servers": f"{AWAY}:9092"}}, "Kafka (STREAMPROC_TRANSPORT__SECURITY_PROTOCOL)"),
        ({"registry": {"url": f"http://{AWAY}:8081"}}, "the registry (STREAMPROC_REGISTRY__URL)"),
        (
            {"triton": {"urls": f"{AWAY}:8001", "allow_plaintext": True}},
            "Triton (STREAMPROC_TRITON__ALLOW_PLAINTEXT)",
        ),
    ],
)
def test_what_leaves_the_machine_in_plaintext_is_told(values: dict[str, dict[str, object]], what: str) -> None:
    state, detail, _ = tls(Settings(**values))  # type: ignore[arg-type]
    assert (state, detail) == ("warn", f"plaintext leaves this machine: {what}")


def test_encrypted_it_is_well() -> None:
    encrypted = {
        "kafka": {"bootstrap_servers": f"{AWAY}:9092"},
        "transport": {"security_protocol": "ssl"},
        "registry": {"url": f"https://{AWAY}"},
        "triton": {"urls": f"{AWAY}:8001"},
    }
    assert tls(Settings(**encrypted))[0] == "ok"  # type: ignore[arg-type]


def test_whatever_is_no_registry_has_no_clock() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"what is this?\r\n\r\n")

        other = threading.Thread(target=answer, daemon=True)
        other.start()
        state, _, remedy = clock(Settings(registry={"url": f"http://127.0.0.1:{server.getsockname()[1]}"}))  # type: ignore[arg-type]
        other.join()
    assert (state, remedy) == ("fail", "see registry")
