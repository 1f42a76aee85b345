"""Weighted alignment cell by cell, within the cells that a path of at most a known cost can pass.

Needleman and Wunsch (1970) with linear gaps; the band is Ukkonen's (1985), cut cell by cell: a cell is left out when
its cost so far and the gaps that are still certain exceed the limit. As the limit is the cost of an alignment, no best
path is lost. Both sequences are read from the end, so that the path comes out from the beginning.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, u8

from .costs import CostModel
from .ops import ACCEPTED_INSERT, DELETE, INSERT, MATCH
from .workspace import Workspace

FAR: Final = 1 << 60
"""More than any path costs."""


def fill_band(
    work: Workspace,
    costs: CostModel,
    rows: bytes,
    hyp: bytes,
    head: i64,
    end_i: i64,
    end_j: i64,
    limit: i64,
    keep_path: bool,
) -> i64:
    """The least cost between ``rows[head:end_i]`` and ``hyp[head:end_j]``, or FAR if it is above ``limit``.

    With ``keep_path``, leaves the steps of row a (0 diagonal, 1 delete, 2 insert) in ``work.steps``, where t stands at
    ``work.row_base[a] + t``. Memory: one byte a cell of the band.

    Costs are counted in quarters here, with the step in the last two bits: the smallest of three such sums is both the
    least cost and the step that the canonical path prefers.
    """
    m = end_i - head
    n = end_j - head
    delta = n - m
    limit *= 4
    least_ins = costs.least_ins * 4
    least_del = costs.least_del * 4
    sub = costs.sub_steps
    dele = costs.del_steps
    ins = costs.ins_steps
    line = work.line_of(n + 2)
    row_base = work.rows_of(m + 1)
    steps = work.steps
    base: i64 = 0
    stride: i64 = 0
    if keep_path:
        stride = 1
        steps = work.reserve_steps(n + 1)
    line[0] = 0
    t: i64 = 0
    while t < n:
        t += 1
        best = line[t - 1] + ins[i64(hyp[end_j - t])] - 2
        line[t] = best
        steps[t * stride] = 2
        if best + certain_gaps(delta - t, least_ins, least_del) > limit:
            t -= 1
            break
    low: i64 = 0
    high = t
    line[high + 1] = FAR
    row_base[0] = 0
    used = high + 1
    a: i64 = 0
    while a < m:
        a += 1
        row = i64(rows[end_i - a])
        drop = dele[row]
        row *= 64
        if keep_path:
            steps = work.reserve_steps(used + n - low + 1)
            base = used - low
            row_base[a] = base
        skew = a + delta
        diagonal = line[low]
        left = diagonal + drop - 1
        steps[base + low * stride] = 1
        new_low = low
        if left + certain_gaps(skew - low, least_ins, least_del) > limit:
            new_low = low + 1
            left = FAR
        line[low] = left
        t = low + 1
        while t <= high:
            code = i64(hyp[end_j - t])
            best = diagonal + sub[row + code]
            diagonal = line[t]
            other = diagonal + drop
            if other < best:
                best = other
            other = left + ins[code]
            if other < best:
                best = other
            steps[base + t * stride] = u8(best & 3)
            left = best - (best & 3)
            if t == new_low and left + certain_gaps(skew - t, least_ins, least_del) > limit:
                new_low += 1
                left = FAR
            line[t] = left
            t += 1
        while t <= n:
            code = i64(hyp[end_j - t])
            best = diagonal + sub[row + code]
            diagonal = FAR
            other = left + ins[code]
            if other < best:
                best = other
            steps[base + t * stride] = u8(best & 3)
            left = best - (best & 3)
            if left + certain_gaps(skew - t, least_ins, least_del) > limit:
                break
            line[t] = left
            t += 1
        t -= 1
        while t >= new_low and line[t] + certain_gaps(skew - t, least_ins, least_del) > limit:
            t -= 1
        if t < new_low:
            return FAR
        line[t + 1] = FAR
        low = new_low
        high = t
        used = base + high + 1
    if high < n:
        return FAR
    return line[n] // 4


def certain_gaps(surplus: i64, least_ins: i64, least_del: i64) -> i64:
    """What it costs at least to bridge a surplus of heard (or, below zero, of expected) symbols."""
    if surplus > 0:
        return surplus * least_ins
    return -surplus * least_del


def write_path(work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, end_i: i64, end_j: i64) -> i64:
    """Write the canonical path that ``fill_band`` left into ``work.out``, from ``head`` on; return where it ends."""
    out = work.out
    steps = work.steps
    row_base = work.row_base
    labels = costs.labels
    delete_labels = costs.delete_labels
    insert_labels = costs.insert_labels
    i = head
    j = head
    at = head
    while i < end_i or j < end_j:
        step = i64(steps[row_base[end_i - i] + end_j - j])
        if step == 0:
            out[at] = u8(labels[i64(rows[i]) * 64 + i64(hyp[j])])
            i += 1
            j += 1
        elif step == 1:
            out[at] = u8(delete_labels[i64(rows[i])])
            i += 1
        else:
            out[at] = u8(insert_labels[i64(hyp[j])])
            j += 1
        at += 1
    return at


def path_cost(work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, end_i: i64, end_j: i64) -> i64:
    """What the path of plain edits in ``work.out`` costs between the first and the last symbols in common."""
    out = work.out
    sub = costs.sub
    dele = costs.dele
    ins = costs.ins
    total: i64 = 0
    i = head
    j = head
    at = head
    while i < end_i or j < end_j:
        op = i64(out[at])
        if op in (INSERT, ACCEPTED_INSERT):
            total += ins[i64(hyp[j])]
            j += 1
        elif op == DELETE:
            total += dele[i64(rows[i])]
            i += 1
        else:
            if op != MATCH:
                total += sub[i64(rows[i]) * 64 + i64(hyp[j])]
            i += 1
            j += 1
        at += 1
    return total


def weighted_distance(
    work: Workspace, costs: CostModel, rows: bytes, hyp: bytes, head: i64, tail: i64, ceiling: i64
) -> i64:
    """The least cost between the symbols in common, or FAR if it is above ``ceiling``. Memory: one row."""
    end_i: i64 = len(rows) - tail
    end_j: i64 = len(hyp) - tail
    limit = costs.lane_ins + costs.lane_del
    limit *= 8 + (end_i - head) // 8
    skew = end_j - end_i
    if skew > 0:
        limit += skew * costs.least_ins
    else:
        limit -= skew * costs.least_del
    while limit < ceiling:
        cost = fill_band(work, costs, rows, hyp, head, end_i, end_j, limit, False)
        if cost <= limit:
            return cost
        limit *= 2
    return fill_band(work, costs, rows, hyp, head, end_i, end_j, ceiling, False)
