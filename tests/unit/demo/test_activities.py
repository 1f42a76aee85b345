"""A damaged clip passes the publisher's look at its mark, and no worker can decode it, whatever its container."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from streamproc.audio.decode import decode_clip
from streamproc.contracts.generated.events import Activity, Audio, Codec, Phrase
from streamproc.contracts.rules import validate
from streamproc.demo.activities import damage, encode
from streamproc.errors import ErrorCode, StreamprocError


@pytest.mark.parametrize("codec", [Codec.WAV, Codec.FLAC, Codec.OGG])
def test_a_damaged_clip_is_published_and_not_decoded(codec: Codec) -> None:
    broken = damage(encode(np.zeros(16_000, np.float32), codec, 16_000))
    now = datetime.now(UTC)
    validate(
        Activity(
            activity_id="reading-1",
            learner_id="demo-learner-1",
            tenant_id="demo",
            story_id="demo-story-1",
            started_at=now,
            submitted_at=now,
            locale="en-US",
            phrases=(
                Phrase(
                    index=0,
                    expected_text="the cat",
                    audio=Audio(data=broken, uri=None, codec=codec, sample_rate=16_000),
                ),
            ),
        )
    )
    with pytest.raises(StreamprocError) as refused:
        decode_clip(broken, 120)
    assert refused.value.code is ErrorCode.AUDIO_UNREADABLE
