"""Alignment where every error costs the same, for any length: strips of 62 expected symbols, cut to a certified band.

The blocks are those of Myers (1999) and Hyyrö (2003), see ``unit``; sequences are read from the end. The band follows
Ukkonen (1985), "Algorithms for approximate string matching": with a the expected and t the heard symbols read so far
and D(a, t) their distance, a path through (a, t) costs at least D(a, t) + |(n - t) - (m - a)|. Because D changes by at
most one from a cell to the next, the value at one corner bounds everything beyond it:

* right of column t of a strip that ends at row a, every path costs at least D(a, t) + (t - a) - (n - m);
* left of column t and below that strip, every path costs at least D(a, t) + (a - t) + (n - m).

The least of the bounds at which cells were left out is kept with the distance: where it is greater, distance and path
are those of the full table. How wide the band must be is guessed from the errors so far, and certain in a second pass.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, u8

from .costs import CostModel
from .unit import FULL, WORD, fresh_row, mark_matches, read_path
from .workspace import Workspace, zeros

NEVER: Final = 1 << 60


def align_strips(work: Workspace, costs: CostModel, rows: bytes, ref: bytes, hyp: bytes, head: i64, tail: i64) -> i64:
    """Write the path between ``head`` first and ``tail`` last symbols in common into ``work.out``.

    Returns where it ends.
    """
    end_i: i64 = len(ref) - tail
    end_j: i64 = len(hyp) - tail
    m = end_i - head
    size: i64 = len(costs.inventory)
    mark_strips(work, costs, rows, head, end_i)
    distance = fill_strips(work, size, m, hyp, head, end_j, -1, True)
    if distance >= work.left_out:
        fill_strips(work, size, m, hyp, head, end_j, distance, True)
    unmark_strips(work, size, m)
    out = work.out
    fresh_row(out, end_i + end_j + tail)
    work.i = head
    work.j = head
    work.at = head
    strip = (m - 1) // WORD
    while strip >= 0:
        low = work.strip_low[strip]
        insert_until(work, costs, hyp, end_j - work.strip_high[strip])
        offset = work.strip_base[strip] + end_j - low - 1
        read_path(work, costs, rows, ref, hyp, end_i - strip * WORD, end_j - low, offset)
        strip -= 1
    insert_until(work, costs, hyp, end_j)
    return work.at


def unit_distance(
    work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, tail: i64, ceiling: i64
) -> i64:
    """The number of errors between the symbols in common, or NEVER if it is above ``ceiling``. Memory: one row."""
    end_i: i64 = len(rows) - tail
    end_j: i64 = len(hyp) - tail
    m = end_i - head
    if m == 0:
        return end_j - head
    size: i64 = len(costs.inventory)
    mark_strips(work, costs, rows, head, end_i)
    distance = fill_strips(work, size, m, hyp, head, end_j, -1, False)
    if distance >= work.left_out and work.left_out <= ceiling:
        if distance < ceiling:
            ceiling = distance
        distance = fill_strips(work, size, m, hyp, head, end_j, ceiling, False)
    unmark_strips(work, size, m)
    if distance > ceiling:
        return NEVER
    return distance


def insert_until(work: Workspace, costs: CostModel, hyp: bytes, j: i64) -> None:
    """Take the heard symbols before ``j`` as inserted."""
    while work.j < j:
        work.out[work.at] = u8(costs.insert_labels[i64(hyp[work.j])])
        work.at += 1
        work.j += 1


def fill_strips(
    work: Workspace, size: i64, m: i64, hyp: bytes, start: i64, end: i64, limit: i64, keep_path: bool
) -> i64:
    """The distance of m > 0 marked expected symbols from ``hyp[start:end]`` over paths within the band.

    ``limit`` >= 0 leaves out only what costs more; -1 guesses. ``work.left_out`` is the least cost of a path that
    leaves the band: the distance is certain when it is smaller. Returns NEVER when the band ends before the sequences.
    """
    n = end - start
    delta = n - m
    guess = limit < 0
    skew = delta
    if skew < 0:
        skew = -skew
    if guess:
        limit = skew + m // 4 + 16
    matches = work.matches
    carry = work.carry_of(n + 1)
    last: i64 = (m - 1) // WORD
    work.reserve_strips(last + 1)
    step: i64 = 0
    if keep_path:
        step = 1
    left_out: i64 = NEVER
    sure: i64 = 0
    base: i64 = 0
    low: i64 = 0
    high: i64 = 0
    at_low: i64 = 0
    strip: i64 = 0
    while strip <= last:
        bottom = (strip + 1) * WORD
        if bottom > m:
            bottom = m
        top_bit = bottom - strip * WORD - 1
        full: i64 = FULL
        full >>= WORD - 1 - top_bit
        if keep_path:
            work.reserve_columns(base + n - low + 1)
        diagonal = work.diagonal
        vertical = work.vertical
        work.strip_low[strip] = low
        work.strip_base[strip] = base
        masks = strip * size
        score = at_low + top_bit + 1
        best = score
        at_next = score
        next_low = low
        place = base
        up = full
        keep: i64 = -1
        left_cap = limit - bottom - delta + low
        right_cap = limit + bottom + delta - low
        t = low
        while t < n:
            t += 1
            inward: i64 = 1
            if t <= high:
                inward = carry[t]
            falls = inward >> 1
            equal = matches[masks + i64(hyp[end - t])] | falls
            total = (equal & up) + up
            either = equal | (full & ~keep)
            right_keep = (total | up | either) & keep
            zero = (total ^ up) | either
            left = up & zero
            rises = 1 - ((right_keep >> top_bit) & 1)
            drops = (left >> top_bit) & 1
            carry[t] = rises + drops + drops
            score += rises - drops
            right_keep = (right_keep << 1) | (1 - (inward & 1))
            up = ((left << 1) | falls | (~zero & right_keep)) & full
            keep = right_keep | ~zero
            diagonal[place] = zero
            vertical[place] = up
            place += step
            if score < best:
                best = score
            left_cap += 1
            right_cap -= 1
            if score > left_cap:
                next_low = t
                at_next = score
            elif score > right_cap:
                break
        work.strip_high[strip] = t
        if t < n and score + t - bottom - delta < left_out:
            left_out = score + t - bottom - delta
        if strip == last:
            break
        if next_low > low and at_next + bottom - next_low + delta < left_out:
            left_out = at_next + bottom - next_low + delta
        if next_low == t and t > low:
            break
        high = t
        low = next_low
        at_low = at_next
        base = place
        strip += 1
        if guess:
            expected = best + best * (m - bottom) // bottom
            limit = _with_margin(expected, best, skew)
            if limit < sure:
                limit = sure
            elif expected >= left_out:
                # More errors than the first strips promised, and too much was left out for them: begin anew, wider.
                sure = limit
                left_out = NEVER
                base = 0
                low = 0
                high = 0
                at_low = 0
                strip = 0
    work.left_out = left_out
    if strip < last or t < n:
        return NEVER
    return score


def _with_margin(expected: i64, seen: i64, skew: i64) -> i64:
    """What the whole distance will hardly exceed, when ``expected`` follows from the ``seen`` errors so far."""
    root: i64 = 1
    while root * root <= seen:
        root += 1
    return expected + (expected - seen) * 8 // (root * 5) + root * 2 + skew // 4 + 2


def mark_strips(work: Workspace, costs: CostModel, rows: bytes, start: i64, end: i64) -> None:
    """Set the bit masks of the expected ``rows[start:end]``, one set of masks a strip, the last symbols first."""
    size: i64 = len(costs.inventory)
    strips = (end - start + WORD - 1) // WORD
    if len(work.matches) < strips * size:
        work.matches = zeros(strips * size)
    base: i64 = 0
    while end > start:
        first = end - WORD
        if first < start:
            first = start
        mark_matches(costs, rows, first, end, work.matches, base)
        base += size
        end = first


def unmark_strips(work: Workspace, size: i64, m: i64) -> None:
    """Undo ``mark_strips``."""
    matches = work.matches
    count = (m + WORD - 1) // WORD * size
    at: i64 = 0
    while at < count:
        matches[at] = 0
        at += 1
