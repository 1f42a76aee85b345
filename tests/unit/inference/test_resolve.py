"""From what is set to addresses, by a name server that changes its mind, or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from support.simulated_time import simulate

from streamproc.inference.resolve import Address, Resolver, look_up


class Names:
    """Stands in for the system's resolver."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.error: OSError | None = None
        self.asked = 0

    async def look_up(self, name: str, port: int) -> Sequence[str]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.names[name]


def addresses(resolver: Resolver) -> list[Address]:
    return asyncio.run(resolver.addresses())


def test_an_address_is_one_endpoint_and_is_not_looked_up() -> None:
    names = Names()
    resolver = Resolver(["triton:8001", "[::1]:8001"], names.look_up)
    assert addresses(resolver) == [Address("triton:8001"), Address("[::1]:8001")]
    assert names.asked == 0
    assert not resolver.changes


def test_a_name_is_all_of_its_addresses_and_each_keeps_the_name_for_its_certificate() -> None:
    names = Names(pods=["10.0.0.2", "10.0.0.1"])
    resolver = Resolver(["dns:///pods:8001", "10.0.0.2:8001"], names.look_up)
    assert resolver.changes
    assert addresses(resolver) == [Address("10.0.0.1:8001", "pods"), Address("10.0.0.2:8001")]
    names.names["pods"] = ["10.0.0.3"]
    assert addresses(resolver) == [Address("10.0.0.3:8001", "pods"), Address("10.0.0.2:8001")]


def test_a_failing_name_server_takes_nothing_away() -> None:
    names = Names(pods=["10.0.0.1"])
    resolver = Resolver(["dns:///pods:8001"], names.look_up)
    before = addresses(resolver)
    names.error = OSError(-3, "Temporary failure in name resolution")
    assert addresses(resolver) == before
    assert addresses(Resolver(["dns:///pods:8001"], names.look_up)) == []


def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    async def never(name: str, port: int) -> Sequence[str]:
        await asyncio.sleep(1e6)
        return []

    async def run() -> float:
        assert await Resolver(["dns:///pods:8001"], never).addresses() == []
        return asyncio.get_running_loop().time()

    assert simulate(run()) < 10


async def test_the_system_s_own() -> None:
    assert "127.0.0.1" in await look_up("localhost", 8001)
    assert await look_up("::1", 8001) == ["[::1]"]
