"""No event is written that Avro cannot hold, whatever its fields say."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import fastavro
import pytest
from support.holes import hole

from streamproc.contracts import files, writers
from streamproc.contracts.bodies import DamagedError
from streamproc.contracts.casts import upcast
from streamproc.contracts.generated import conversions, conversions_v2
from streamproc.contracts.upkeep.examples import ACTIVITY, RESULT

pytestmark = hole("E")

TOO_LARGE = [2**40, 2**31, -(2**31) - 1]


@pytest.mark.parametrize("attempt", TOO_LARGE)
def test_an_attempt_beyond_32_bits_is_written_by_nobody(attempt: int) -> None:
    result = replace(RESULT, attempt=attempt)
    with pytest.raises(ValueError, match="32 bits"):
        conversions.activity_to_avro(replace(ACTIVITY, attempt=attempt))
    with pytest.raises(ValueError, match="32 bits"):
        conversions.result_to_avro(result)
    with pytest.raises(ValueError, match="32 bits"):
        conversions_v2.result_to_avro(upcast(result))


@pytest.mark.parametrize("attempt", TOO_LARGE)
def test_an_attempt_beyond_32_bits_is_read_by_nobody(attempt: int) -> None:
    newest = files.newest(files.ACTIVITY)
    datum: dict[str, Any] = {**conversions.activity_to_avro(ACTIVITY), "attempt": attempt}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, newest.schema, datum)
    with pytest.raises(DamagedError, match="32 bits"):
        writers.parse("it", newest.text).read(body.getvalue(), 0)


@pytest.mark.parametrize("word", [0, 1])
def test_a_time_beyond_32_bits_is_written_by_nobody(word: int) -> None:
    first = RESULT.phrases[0]
    words = list(first.words)
    words[word] = replace(words[word], end_ms=2**31)
    with pytest.raises(ValueError, match="32 bits"):
        conversions.result_to_avro(replace(RESULT, phrases=(replace(first, words=tuple(words)), *RESULT.phrases[1:])))
