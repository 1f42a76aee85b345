"""Weighted alignment of seven expected symbols at a time, one lane of nine bits each.

Only differences between neighbouring cells are computed, in the manner of Suzuki and Kasahara (2018), "Introducing
difference recurrence relations for faster semi-global alignment of long sequences". With dv (dh) the cost that one more
expected (heard) symbol adds, and both shifted to be at least 0,

    v = dv + ins,  h = dh + del,  z = min(substitution, v left, h above),
    v = z + (ins + del) - h above,  h = z + (ins + del) - v left.

The lanes of a strip are neighbouring rows, each one column behind the row above it. Bit 8 of a lane is left free for
comparisons. This needs one cost for all insertions and one for all deletions: where a symbol's gap costs less than the
dearest one, the difference is moved to its substitutions, which changes neither the ranks of paths nor their ties.

The strips are cut as in ``strips``; as the limit is the cost of an alignment, no best path is lost.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64, u8

from .costs import CostModel
from .strips import insert_until
from .workspace import Workspace

LANES: Final = 7
ONES: Final = sum(1 << 9 * lane for lane in range(7))
"""1 in every lane."""
GUARDS: Final = ONES << 8
UPPER: Final = (1 << 63) - (1 << 9)
"""All lanes but the first."""
PADDING: Final = bytes(8)


def fill_lanes(
    work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, end_i: i64, end_j: i64, limit: i64
) -> None:
    """Compute the strips between ``rows[head:end_i]`` and ``hyp[head:end_j]`` that a path of cost ``limit`` can reach.

    Leaves two bits a cell in ``work.diagonal``: whether a best path begins with a diagonal step, and whether a deletion
    is as good as an insertion.
    """
    m = end_i - head
    n = end_j - head
    delta = n - m
    drop = costs.lane_del
    gaps = costs.lane_ins + drop
    limit += costs.moved(rows, hyp, head, end_i, end_j)
    table = costs.lane_costs
    heard = b"%b%b%b" % (PADDING, hyp, PADDING)
    first = 8 + end_j
    carry = work.carry_of(n + 8)
    last: i64 = (m - 1) // LANES
    work.reserve_strips(last + 1)
    guards: i64 = GUARDS
    upper: i64 = UPPER
    ones: i64 = ONES
    even = ones * gaps
    base: i64 = 0
    low: i64 = 0
    high: i64 = 0
    at_low: i64 = 0
    strip: i64 = 0
    while strip <= last:
        top = strip * LANES
        bottom = top + LANES
        if bottom > m:
            bottom = m
        lane = bottom - top - 1
        shift = lane * 9
        # The row of lane r, or of the last expected symbol where the strip has fewer.
        place = end_i - 1 - top
        row0 = i64(rows[place]) * 64
        row1 = i64(rows[_not_below(place - 1, head)]) * 64
        row2 = i64(rows[_not_below(place - 2, head)]) * 64
        row3 = i64(rows[_not_below(place - 3, head)]) * 64
        row4 = i64(rows[_not_below(place - 4, head)]) * 64
        row5 = i64(rows[_not_below(place - 5, head)]) * 64
        row6 = i64(rows[_not_below(place - 6, head)]) * 64
        work.reserve_columns(base + n - low + LANES)
        flags = work.diagonal
        work.strip_low[strip] = low
        work.strip_base[strip] = base
        score = at_low + (lane + 1) * drop
        right = score + drop * (low - bottom - delta)
        left = score + costs.lane_ins * (bottom - low + delta)
        next_low = low
        left_at_next = left
        unborn = upper & ~guards
        v = even
        h: i64 = gaps
        if low + 1 <= high:
            h = carry[low + 1]
        h |= even & upper
        step = low
        at = base
        t = low - lane
        while t < n:
            step += 1
            t += 1
            word = read_i64_le(heard, first - step)
            s = table[row0 + (word & 63)]
            s |= table[row1 + ((word >> 8) & 63)] << 9
            s |= table[row2 + ((word >> 16) & 63)] << 18
            s |= table[row3 + ((word >> 24) & 63)] << 27
            s |= table[row4 + ((word >> 32) & 63)] << 36
            s |= table[row5 + ((word >> 40) & 63)] << 45
            s |= table[row6 + ((word >> 48) & 63)] << 54
            s |= unborn
            unborn = (unborn << 9) & upper
            apart = (v | guards) - h
            falls = apart & guards
            z = v - (apart & (falls - (falls >> 8)))
            apart = (z | guards) - s
            straight = apart & guards
            z = z - (apart & (straight - (straight >> 8))) + even
            h_out = z - v
            v = z - h
            flags[at] = straight | (falls >> 1)
            at += 1
            h = gaps
            if step < high:
                h = carry[step + 1]
            h |= (h_out << 9) & upper
            if t > low:
                out = (h_out >> shift) & 511
                carry[t] = out
                right += out
                left += out - gaps
                if left > limit:
                    next_low = t
                    left_at_next = left
                elif right > limit:
                    break
        work.strip_high[strip] = t
        if strip == last:
            return
        high = t
        at_low = left_at_next - costs.lane_ins * (bottom - next_low + delta)
        low = next_low
        base = at
        strip += 1


def _not_below(place: i64, least: i64) -> i64:
    if place < least:
        return least
    return place


def write_lanes(work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, end_i: i64, end_j: i64) -> i64:
    """Write the canonical path through the strips into ``work.out``, from ``head`` on; return where it ends."""
    out = work.out
    flags = work.diagonal
    labels = costs.labels
    delete_labels = costs.delete_labels
    work.i = head
    work.j = head
    work.at = head
    m = end_i - head
    strip = (m - 1) // LANES
    while strip >= 0:
        low = work.strip_low[strip]
        insert_until(work, costs, hyp, end_j - work.strip_high[strip])
        i = work.i
        j = work.j
        at = work.at
        top = end_i - strip * LANES
        stop = end_j - low
        offset = work.strip_base[strip] + stop - 1
        while i < top:
            lane = top - 1 - i
            step: i64 = 1
            if j < stop:
                step = (flags[offset - j + lane] >> (lane * 9 + 7)) & 3
            if step >= 2:
                out[at] = u8(labels[i64(rows[i]) * 64 + i64(hyp[j])])
                i += 1
                j += 1
            elif step == 1:
                out[at] = u8(delete_labels[i64(rows[i])])
                i += 1
            else:
                out[at] = u8(costs.insert_labels[i64(hyp[j])])
                j += 1
            at += 1
        work.i = i
        work.j = j
        work.at = at
        strip -= 1
    insert_until(work, costs, hyp, end_j)
    return work.at
