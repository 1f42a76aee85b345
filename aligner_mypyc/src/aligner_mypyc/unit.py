"""Alignment where every error costs the same, one machine word a column.

Myers (1999), "A fast bit-vector algorithm for approximate string matching based on dynamic programming", in Hyyrö's
form (2003), "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", with the words of every
column kept for the path. Both sequences are read from the end, so that the path comes out from the beginning: bit k
stands for the expected symbol k places from the end, column t for the last t heard symbols.

Words hold at most 62 bits, so that neither a sum nor a shifted word ever reaches the sign bit.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i64_be, read_i64_le
from librt.vecs import vec
from mypy_extensions import i64, u8

from .bytescan import equal_lanes
from .costs import CostModel
from .ops import ACCEPTED, DELETE, INSERT, MATCH
from .workspace import ZEROS, Workspace

WORD: Final = 62
FULL: Final = (1 << 62) - 1


def align_word(
    work: Workspace,
    costs: CostModel,
    rows: bytes,
    ref: bytes,
    hyp: bytes,
    head: i64,
    tail: i64,
    matches: vec[i64],
    shift: i64,
) -> i64:
    """Write the path between ``head`` first and ``tail`` last symbols in common into ``work.out``.

    Returns where it ends. The expected symbols between the two are at most 62; ``matches[c] >> shift`` has bit k set
    where symbol c costs nothing for the k-th last of them.
    """
    end_i: i64 = len(ref) - tail
    end_j: i64 = len(hyp) - tail
    m = end_i - head
    work.reserve_columns(end_j - head)
    diagonal = work.diagonal
    vertical = work.vertical
    full: i64 = FULL
    full >>= WORD - m
    half = full >> 1
    up = full
    keep: i64 = -1
    place: i64 = 0
    j = end_j - 1
    while j >= head:
        equal = matches[i64(hyp[j])] >> shift
        total = (equal & up) + up
        either = equal | (full & ~keep)
        lower = up & half
        right_keep = ((total | up | either) & keep) << 1
        zero = (total ^ up) | either
        up = (((lower & either) | (lower & ~total)) << 1) | ((full & ~either) & (total ^ ~up) & right_keep)
        keep = right_keep | ~zero
        diagonal[place] = zero
        vertical[place] = up
        place += 1
        j -= 1
    out = work.out
    fresh_row(out, end_i + end_j + tail)
    work.i = head
    work.j = head
    work.at = head
    read_path(work, costs, rows, ref, hyp, end_i, end_j, end_j - 1)
    at = work.at
    while work.j < end_j:
        out[at] = INSERT
        at += 1
        work.j += 1
    return at


def read_path(
    work: Workspace, costs: CostModel, rows: bytes, ref: bytes, hyp: bytes, end_i: i64, end_j: i64, offset: i64
) -> None:
    """Follow the canonical path from ``work.i``, ``work.j`` until ``end_i``, or ``end_j`` and deletions from there.

    Writes into ``work.out`` from ``work.at`` on. The words of heard symbol j are in column ``offset - j``; bit 0 of
    them stands for the expected symbol before ``end_i``.
    """
    diagonal = work.diagonal
    vertical = work.vertical
    out = work.out
    i = work.i
    j = work.j
    at = work.at
    free = costs.has_free
    labels = costs.labels
    last_i: i64 = len(ref) - 8
    last_j: i64 = len(hyp) - 8
    run: i64
    while i < end_i and j < end_j:
        if i <= last_i and j <= last_j:
            run = equal_lanes(read_i64_le(ref, i) ^ read_i64_le(hyp, j))
            i += run
            j += run
            at += run
            if i >= end_i or j >= end_j:
                run = i - end_i
                if j - end_j > run:
                    run = j - end_j
                i -= run
                j -= run
                at -= run
                break
            if run == 8:
                continue
        elif ref[i] == hyp[j]:
            i += 1
            j += 1
            at += 1
            continue
        if free and labels[i64(rows[i]) * 64 + i64(hyp[j])] == ACCEPTED:
            out[at] = ACCEPTED
            i += 1
            j += 1
        else:
            # 1 substitute, 2 insert, 3 delete, without a branch: which of them it is, no processor can foresee.
            bit = end_i - 1 - i
            straight = (diagonal[offset - j] >> bit) & 1
            falls = straight & (vertical[offset - j] >> bit)
            out[at] = u8(1 + straight + falls)
            i += 1 - straight + falls
            j += 1 - falls
        at += 1
    while i < end_i:
        out[at] = DELETE
        i += 1
        at += 1
    work.i = i
    work.j = j
    work.at = at


def fresh_row(out: BytesWriter, size: i64) -> None:
    """Make ``out`` a row of at least ``size`` matches."""
    out.truncate(0)
    out.write(ZEROS)
    while len(out) < size:
        out.write(ZEROS)


def mark_matches(costs: CostModel, rows: bytes, start: i64, end: i64, matches: vec[i64], base: i64) -> None:
    """Set bit k of every symbol that costs nothing for the k-th last symbol of ``rows[start:end]``, at most 62 of them;
    the masks begin at ``base``."""
    bit: i64 = 1
    i = end - 1
    if costs.has_free:
        size: i64 = len(costs.inventory)
        labels = costs.labels
        while i >= start:
            row = i64(rows[i]) * 64
            code: i64 = 0
            while code < size:
                if labels[row + code] == MATCH or labels[row + code] == ACCEPTED:
                    matches[base + code] = matches[base + code] | bit
                code += 1
            bit += bit
            i -= 1
        return
    while i >= start + 7:
        word = read_i64_be(rows, i - 7)
        lane: i64 = 0
        while lane < 8:
            matches[base + (word & 63)] = matches[base + (word & 63)] | bit
            bit += bit
            word >>= 8
            lane += 1
        i -= 8
    while i >= start:
        code = base + i64(rows[i])
        matches[code] = matches[code] | bit
        bit += bit
        i -= 1


def unmark_matches(costs: CostModel, rows: bytes, start: i64, end: i64, matches: vec[i64]) -> None:
    """Undo ``mark_matches``."""
    code: i64
    if costs.has_free:
        code = len(costs.inventory) - 1
        while code >= 0:
            matches[code] = 0
            code -= 1
        return
    while start + 8 <= end:
        word = read_i64_le(rows, start)
        lane: i64 = 0
        while lane < 8:
            matches[word & 63] = 0
            word >>= 8
            lane += 1
        start += 8
    while start < end:
        matches[i64(rows[start])] = 0
        start += 1


_matched: Final[list[bytes]] = [bytes(length) for length in range(256)]


def matched(length: i64) -> bytes:
    """As many matches as there are symbols."""
    return _matched[length] if length < 256 else bytes(length)
