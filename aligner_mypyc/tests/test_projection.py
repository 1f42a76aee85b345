"""Operations in their places, and words from symbols."""

from __future__ import annotations

import pytest

from aligner_mypyc import ACCEPTED_WORD, ERROR, EXACT, AlignerError, expand, project, spans_of


def test_expand_places_every_operation() -> None:
    assert expand(bytes([0, 2, 3, 1, 4, 5, 6])) == [
        (0, 0, 0),
        (2, 1, 1),
        (3, 1, 2),
        (1, 2, 2),
        (4, 3, 3),
        (5, 4, 4),
        (6, 4, 5),
    ]
    assert expand(bytes(130))[129] == (0, 129, 129)
    with pytest.raises(AlignerError, match="operation 1 is 7"):
        expand(bytes([0, 7]))


def test_words_get_their_operations_and_the_insertions_after_them() -> None:
    first, second = project(bytes([2, 0, 0, 2, 4, 3]), [(0, 2), (2, 4)])
    assert (first.verdict, first.ops, first.ops_span) == (ERROR, bytes([2, 0, 0, 2]), (0, 4))
    assert (first.ref_span, first.hyp_span) == ((0, 2), (0, 4))
    assert (first.matches, first.accepted, first.errors, first.score) == (2, 0, 2, 0.5)
    assert (second.verdict, second.ref_span, second.hyp_span) == (ERROR, (2, 4), (4, 5))


def test_verdicts() -> None:
    exact, accepted, also_accepted, silent = project(bytes([0, 4, 6]), [(0, 1), (1, 2), (2, 3), (3, 3)])
    assert (exact.verdict, exact.score) == (EXACT, 1.0)
    assert (accepted.verdict, accepted.score) == (ACCEPTED_WORD, 1.0)
    assert also_accepted.verdict == ACCEPTED_WORD
    assert (silent.verdict, silent.score, silent.ops) == (EXACT, 1.0, b"")


def test_spans_must_cover_the_reference() -> None:
    assert spans_of([2, 0, 3]) == [(0, 2), (2, 2), (2, 5)]
    with pytest.raises(AlignerError, match=r"word 1 spans \(2, 3\): expected it to begin at 1"):
        project(bytes(3), [(0, 1), (2, 3)])
    with pytest.raises(AlignerError, match=r"word 0 spans \(0, 4\), but the alignment ends at 3"):
        project(bytes(3), [(0, 4)])
    with pytest.raises(AlignerError, match=r"the words end at 2, but the alignment goes on for 1 operations"):
        project(bytes(3), [(0, 2)])
