"""From symbols to words: which operations belong to which word, and what they say about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .errors import AlignerError
from .ops import ACCEPTED, ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH, SUBSTITUTE

EXACT: Final = "exact"
"""Every symbol of the word was heard, and nothing else."""
ACCEPTED_WORD: Final = "accepted"
"""The word differs from what was expected only as rules accept."""
ERROR: Final = "error"
"""At least one operation is neither a match nor accepted."""


class WordAlignment:
    """The part of an alignment that belongs to one word."""

    def __init__(self, ops: bytes, ops_start: int, ref_start: int, hyp_start: int) -> None:
        inserted = ops.count(INSERT) + ops.count(ACCEPTED_INSERT)
        deleted = ops.count(DELETE) + ops.count(ACCEPTED_DELETE)
        self.ops: Final = ops
        """The word's operations, in order."""
        self.ops_span: Final = (ops_start, ops_start + len(ops))
        """Where they lie in the whole alignment."""
        self.ref_span: Final = (ref_start, ref_start + len(ops) - inserted)
        """The word's expected symbols."""
        self.hyp_span: Final = (hyp_start, hyp_start + len(ops) - deleted)
        """The heard symbols that were aligned with the word."""
        self.matches: Final = ops.count(MATCH)
        self.accepted: Final = ops.count(ACCEPTED) + ops.count(ACCEPTED_INSERT) + ops.count(ACCEPTED_DELETE)
        self.errors: Final = ops.count(SUBSTITUTE) + ops.count(INSERT) + ops.count(DELETE)

    @property
    def verdict(self) -> str:
        """EXACT, ACCEPTED_WORD or ERROR."""
        if self.errors:
            return ERROR
        return ACCEPTED_WORD if self.accepted else EXACT

    @property
    def score(self) -> float:
        """The share of the word's operations that are matches or accepted, from 0 to 1 (1 for a word of no symbols)."""
        return 1.0 - self.errors / len(self.ops) if self.ops else 1.0

    def __repr__(self) -> str:
        return f"WordAlignment({self.verdict}, ref={self.ref_span}, hyp={self.hyp_span}, score={self.score:.2f})"


def project(ops: bytes, spans: Sequence[tuple[int, int]]) -> list[WordAlignment]:
    """Divide an alignment among words.

    ``spans`` are the words' ``(start, end)`` in the reference, in order, without gaps. Symbols inserted
    between two words belong to the word before (children add endings), those before the first word to the first.
    Raises AlignerError when the spans do not cover exactly the symbols that ``ops`` consumes.
    """
    words: list[WordAlignment] = []
    position = 0
    at = 0
    heard = 0
    total = len(ops)
    for number, (start, end) in enumerate(spans):
        if start != position or end < start:
            raise AlignerError(f"word {number} spans ({start}, {end}): expected it to begin at {position}")
        begin = at
        heard_begin = heard
        while at < total:
            op = ops[at]
            if op in (INSERT, ACCEPTED_INSERT):
                heard += 1
            elif position < end:
                position += 1
                if op != DELETE and op != ACCEPTED_DELETE:
                    heard += 1
            else:
                break
            at += 1
        if position != end:
            raise AlignerError(f"word {number} spans ({start}, {end}), but the alignment ends at {position}")
        words.append(WordAlignment(ops[begin:at], begin, start, heard_begin))
    if at != total:
        raise AlignerError(f"the words end at {position}, but the alignment goes on for {total - at} operations")
    return words
