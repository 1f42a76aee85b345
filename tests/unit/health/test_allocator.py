"""Memory that is freed is used again, without a page fault for each of its pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = 100

PROGRAM = f"""
import resource
from streamproc.health.allocator import keep_freed_memory

def round():
    # Like a batch on its way to a server: one copy of it after the other, and all let go at once.
    return len([bytes(1 << 20) for _ in range(8)])

assert {{keep}} or keep_freed_memory()
for _ in range(10):
    round()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    round()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keep: bool) -> int:
    """Page faults of ROUNDS rounds of eight blocks of 1 MiB, 2048 pages each."""
    program = PROGRAM.replace("{keep}", str(not keep))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is another one")
def test_what_is_freed_is_used_again() -> None:
    assert faults(keep=True) < ROUNDS
    assert faults(keep=False) > 100 * ROUNDS, "the allocator has changed: nothing has to be asked of it any more"
