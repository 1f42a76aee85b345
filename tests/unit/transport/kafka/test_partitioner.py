"""Keys go where Java producers put them."""

from __future__ import annotations

import pytest

from streamproc.transport.kafka.partitioner import murmur2, partition_for


@pytest.mark.parametrize(
    ("key", "java"),
    [  # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_javas(key: bytes, java: int) -> None:
    assert murmur2(key) == java & 0xFFFFFFFF


def test_the_sign_bit_is_masked_not_negated() -> None:
    assert partition_for(b"21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
