"""Slips of accent or age are accepted, where they were really heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from aligner_mypyc import ACCEPTED, ACCEPTED_DELETE, DELETE, MATCH, SUBSTITUTE
from streamproc.contracts.generated.events import Operation, Verdict
from streamproc.errors import ErrorCode, StreamprocError
from streamproc.scoring.lexicon import encode
from streamproc.scoring.reference import ExpectedWord
from streamproc.scoring.score import score_phrase
from streamproc.scoring.variants import VariantAligner
from unit.scoring.sounds import Sound, audio

ALIGNER = VariantAligner()
THINK = ExpectedWord("think", (encode(["TH", "IH", "NG", "K"]),))


def ops(reference: str, heard: str) -> bytes:
    return ALIGNER.align(encode(reference.split()), encode(heard.split()))


def test_a_slip_that_a_rule_names_is_accepted() -> None:
    assert ops("TH IH NG K", "F IH NG K") == bytes([ACCEPTED, MATCH, MATCH, MATCH])


def test_another_slip_is_not() -> None:
    assert ops("TH IH NG K", "B IH NG K") == bytes([SUBSTITUTE, MATCH, MATCH, MATCH])


def test_a_silent_r_is_accepted_before_a_consonant_only() -> None:
    assert ops("K AA R T", "K AA T") == bytes([MATCH, MATCH, ACCEPTED_DELETE, MATCH])
    assert ops("K AE R IY", "K AE IY") == bytes([MATCH, MATCH, DELETE, MATCH])


def test_a_word_with_an_accepted_slip_alone_is_accepted() -> None:
    [word] = score_phrase(audio("F", "IH", "NG", "K"), [THINK], ALIGNER, 3.0)
    assert word.verdict is Verdict.ACCEPTED
    assert word.operations[0] is Operation.ACCEPT


def test_a_slip_that_was_hardly_heard_is_no_slip() -> None:
    [word] = score_phrase(audio(Sound("F", "TH", 0.45), "IH", "NG", "K"), [THINK], ALIGNER, 3.0)
    assert word.verdict is Verdict.CORRECT


def test_a_bad_file_names_setting_and_entry(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text('[[accepted]]\nrule = "odd"\npairs = [["TH", "QQ"]]\nfrequency = 0.1\n')
    with pytest.raises(StreamprocError, match=r"(?s)STREAMPROC_SCORING__ACCEPTED_FILE.*QQ") as caught:
        VariantAligner(file)
    assert caught.value.code is ErrorCode.SETTINGS_INVALID
