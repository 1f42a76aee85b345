"""Where the gaps of an alignment stand: at words, where they may.

"black blanket" read as "blanket" leaves out B L AE K, or K B L AE: the alignments cost the same, but only the first gap
is a word. A gap may slide over a matched phoneme when it takes that one in at one end and gives the same one up at the
other: what genomics calls left-alignment of a gap, here towards the ends of words.
"""

from __future__ import annotations

from collections.abc import Sequence

from aligner_mypyc import ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH


def slide_to_words(ops: bytes, reference: bytes, heard: bytes, owner: Sequence[int]) -> bytes:
    """``ops`` with each run of INSERT or DELETE slid to the nearest place where it begins and ends between words.

    A run that cannot slide to such a place stays. Costs are unchanged.

    Args:
        ops: aligner_mypyc's steps from ``reference`` to ``heard``.
        owner: the word of each reference phoneme, ascending.
    """
    path = bytearray(ops)
    step = i = j = 0  # the next step, and the next phoneme of the reference and of what was heard
    while step < len(path):
        kind = path[step]
        size = _run(path, step) if kind in (INSERT, DELETE) else 1
        if kind in (INSERT, DELETE):
            symbols, at = (heard, j) if kind == INSERT else (reference, i)
            left = _matches(path, symbols, step - 1, at - 1, size, -1)
            right = _matches(path, symbols, step + size, at, size, 1)
            consumed = size if kind == DELETE else 0
            fitting = [
                slide
                for slide in range(-left, right + 1)
                if _between_words(owner, i + slide) and _between_words(owner, i + slide + consumed)
            ]
            slide = min(fitting, key=abs, default=0)
            path[step - left : step + size + right] = (
                bytes([MATCH]) * (left + slide) + bytes([kind]) * size + bytes([MATCH]) * (right - slide)
            )
            # A gap that went left leaves the matches it passed behind it; one that went right has them before it.
            passed = max(slide, 0)
            step, i, j = step + passed, i + passed, j + passed
        step += size
        i += 0 if kind in (INSERT, ACCEPTED_INSERT) else size
        j += 0 if kind in (DELETE, ACCEPTED_DELETE) else size
    return bytes(path)


def _run(path: bytearray, step: int) -> int:
    """How many steps from ``step`` on are of its kind."""
    end = step
    while end < len(path) and path[end] == path[step]:
        end += 1
    return end - step


def _matches(path: bytearray, symbols: bytes, step: int, at: int, size: int, way: int) -> int:
    """Over how many matches a gap of ``size`` may slide: from ``step`` and the symbol ``at``, backwards or forwards."""
    count = 0
    while 0 <= step < len(path) and path[step] == MATCH and symbols[at] == symbols[at + size]:
        step, at, count = step + way, at + way, count + 1
    return count


def _between_words(owner: Sequence[int], phoneme: int) -> bool:
    """Whether no word lies on both sides of the place before the reference's ``phoneme``."""
    return phoneme in (0, len(owner)) or owner[phoneme - 1] != owner[phoneme]
