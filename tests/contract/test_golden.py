"""What was written once can be read for ever, and means the same."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.casts import downcast, upcast
from streamproc.contracts.generated.events import Operation, PhraseResult, PhraseStatus, Result, Verdict, WordResult
from streamproc.contracts.upkeep.examples import RESULT

from . import golden


@pytest.mark.parametrize(("contract", "writer", "reader"), list(golden.readings()))
def test_every_reader_makes_the_same_of_every_writer(contract: str, writer: int, reader: int) -> None:
    expected = (golden.FOLDER / contract / f"{writer}-as-{reader}.json").read_text("utf-8")
    assert golden.read(contract, writer, reader) == expected


@pytest.mark.parametrize(("name", "text"), list(golden.casts().items()))
def test_casts_between_majors_stay_the_same(name: str, text: str) -> None:
    assert (golden.CASTS / name).read_text("utf-8") == text


def test_no_golden_file_is_missing() -> None:
    present = {path.relative_to(golden.FOLDER).as_posix() for path in golden.FOLDER.rglob("*") if path.is_file()}
    wanted = {path.relative_to(golden.FOLDER).as_posix() for path in golden.bodies()}
    wanted |= {f"{contract}/{writer}-as-{reader}.json" for contract, writer, reader in golden.readings()}
    wanted |= {f"casts/{name}" for name in golden.casts()}
    assert present == wanted, "run 'python tests/contract/golden.py'"


symbols = st.lists(st.sampled_from(["AA", "B", "K", "T"]), max_size=3).map(tuple)
milliseconds = st.none() | st.integers(0, 10_000)
confidences = st.floats(0, 1)
expected_words = st.builds(
    WordResult,
    text=st.text(min_size=1, max_size=5),
    verdict=st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.INSERTED]),
    error_code=st.none() | st.just("REFERENCE_MISSING"),
    confidence=confidences,
    start_ms=milliseconds,
    end_ms=milliseconds,
    reference=symbols,
    heard=symbols,
    operations=st.lists(st.sampled_from(Operation), max_size=3).map(tuple),
)
inserted_words = st.builds(
    lambda heard, confidence, start, end: WordResult(
        verdict=Verdict.INSERTED,
        confidence=confidence,
        start_ms=start,
        end_ms=end,
        reference=(),
        heard=heard,
        operations=(Operation.INSERT,) * len(heard),
    ),
    symbols,
    confidences,
    milliseconds,
    milliseconds,
)
phrases = st.builds(
    PhraseResult,
    index=st.integers(0, 5),
    status=st.sampled_from(PhraseStatus),
    expected_text=st.text(max_size=5),
    audio_ms=st.integers(0, 10_000),
    words=st.lists(expected_words | inserted_words, max_size=6).map(tuple),
)
results = st.lists(phrases, max_size=3).map(lambda made: dataclasses.replace(RESULT, phrases=tuple(made)))


@given(results)
def test_nothing_is_lost_between_majors(result: Result) -> None:
    assert downcast(upcast(result)) == result
