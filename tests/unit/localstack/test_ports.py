"""A chosen port is free, stays ours until we listen, and is the default where that can be had."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from streamproc.localstack.ports import HOST, KeptPorts, claimed_ports, is_free, reachable


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def test_the_default_is_taken_where_it_is_free(tmp_path: Path, free_port: int) -> None:
    with claimed_ports(tmp_path, free_port) as (port,):
        assert port == free_port


def test_a_port_that_is_listened_on_is_passed_over(tmp_path: Path, free_port: int) -> None:
    with socket.create_server((HOST, free_port)), claimed_ports(tmp_path, free_port) as (port,):
        assert not is_free(free_port)
        assert port > free_port
        assert is_free(port)


def test_two_stacks_that_start_together_get_different_ports(tmp_path: Path, free_port: int) -> None:
    with claimed_ports(tmp_path, free_port) as (first,), claimed_ports(tmp_path, free_port) as (second,):
        assert first != second
    with claimed_ports(tmp_path, free_port) as (again,):
        assert again == first


def test_a_part_that_is_down_keeps_its_port_until_it_gives_it_back(tmp_path: Path, free_port: int) -> None:
    part = KeptPorts(free_port)
    assert part.claim(tmp_path) == (free_port,)
    with claimed_ports(tmp_path, free_port) as (other,):
        assert other != free_port
    assert part.claim(tmp_path) == (free_port,)
    part.give_back()
    with claimed_ports(tmp_path, free_port) as (other,):
        assert other == free_port


@pytest.mark.parametrize("form", ["{host}:{port}", "http://{host}:{port}/apis", "{host}:1, {host}:{port}"])
def test_an_address_is_reachable_while_somebody_listens(form: str, free_port: int) -> None:
    address = form.format(host=HOST, port=free_port)
    assert not reachable(address)
    with socket.create_server((HOST, free_port)):
        assert reachable(address)


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1", "127.0.0.1:port", "http://"])
def test_what_is_no_address_is_not_reachable(address: str) -> None:
    assert not reachable(address)
