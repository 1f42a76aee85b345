"""Weighted alignment cell by cell: works for all costs and is the reference of the faster paths.

Needleman and Wunsch (1970) with linear gaps. The table holds the cost from each cell to the end, so that the path is
read forwards, from the first symbols on.
"""

from __future__ import annotations

from librt.strings import BytesWriter
from librt.vecs import vec
from mypy_extensions import i64, u8

from .costs import CostModel


def align_scalar(costs: CostModel, rows: bytes, hyp: bytes, ops: BytesWriter) -> None:
    """Append the operations that turn the expected ``rows`` into ``hyp``. Memory: 8 bytes a cell."""
    m: i64 = len(rows)
    n: i64 = len(hyp)
    sub = costs.sub
    dele = costs.dele
    ins = costs.ins
    width = n + 1
    rest = _zeros((m + 1) * width)
    i: i64
    j: i64
    row: i64
    at: i64
    best: i64
    other: i64
    j = n - 1
    while j >= 0:
        rest[m * width + j] = rest[m * width + j + 1] + ins[i64(hyp[j])]
        j -= 1
    i = m - 1
    while i >= 0:
        row = i64(rows[i])
        at = i * width + n
        rest[at] = rest[at + width] + dele[row]
        j = n - 1
        while j >= 0:
            at -= 1
            best = rest[at + width + 1] + sub[row * 64 + i64(hyp[j])]
            other = rest[at + width] + dele[row]
            if other < best:
                best = other
            other = rest[at + 1] + ins[i64(hyp[j])]
            if other < best:
                best = other
            rest[at] = best
            j -= 1
        i -= 1
    i = 0
    j = 0
    while i < m or j < n:
        at = i * width + j
        if i < m:
            row = i64(rows[i])
            if j < n and rest[at] == rest[at + width + 1] + sub[row * 64 + i64(hyp[j])]:
                ops.append(u8(costs.labels[row * 64 + i64(hyp[j])]))
                i += 1
                j += 1
                continue
            if rest[at] == rest[at + width] + dele[row]:
                ops.append(u8(costs.delete_labels[row]))
                i += 1
                continue
        ops.append(u8(costs.insert_labels[i64(hyp[j])]))
        j += 1


def _zeros(count: i64) -> vec[i64]:
    return vec[i64]([0 for _ in range(count)])
