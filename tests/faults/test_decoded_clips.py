"""Six clips that would unpack to two gigabytes and more, decoded at once in a process of their own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, io, resource
import numpy as np, soundfile
from streamproc.audio.decode import decode_clip

SECONDS, RATE, CHANNELS = 120, 96_000, 8
file = io.BytesIO()
with soundfile.SoundFile(file, "w", RATE, CHANNELS, format="FLAC") as out:
    for _ in range(SECONDS):
        out.write(np.zeros((RATE, CHANNELS), np.int16))
clip = file.getvalue()

async def main():
    clips = await asyncio.gather(*(asyncio.to_thread(decode_clip, clip, float(SECONDS)) for _ in range(6)))
    assert {len(samples) for samples in clips} == {SECONDS * 16_000}

asyncio.run(main())
print(len(clip), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
LIMIT_KB = 400 * 1024
"""As wholes in float32 they would be 2.2 GB, and were 4.8 GB with what was made of them."""


def test_six_clips_that_unpack_to_gigabytes_take_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=True)
    encoded, peak = map(int, done.stdout.split())
    assert encoded < 600_000
    assert peak < LIMIT_KB
