"""The textbook: a full table, cell by cell, and the canonical path through it.

Shares no code with the package's algorithms.
"""

from __future__ import annotations

from aligner_mypyc import CostModel
from aligner_mypyc.inventory import MAX_SYMBOLS


def align(costs: CostModel, ref: bytes, hyp: bytes) -> tuple[int, bytes]:
    """(least cost, canonical operations)."""
    rows = costs.rows(ref)
    head = tail = 0
    most = min(len(ref), len(hyp))
    while head < most and ref[head] == hyp[head] and costs.anchors[rows[head]]:
        head += 1
    while tail < most - head and ref[-1 - tail] == hyp[-1 - tail] and costs.anchors[rows[-1 - tail]]:
        tail += 1
    cost, ops = _between(costs, rows[head : len(ref) - tail], hyp[head : len(hyp) - tail])
    if head or tail:
        assert cost == _between(costs, rows, hyp)[0], "matching the common ends costs more than it must"
    return cost, bytes(head) + ops + bytes(tail)


def _between(costs: CostModel, rows: bytes, hyp: bytes) -> tuple[int, bytes]:
    m, n = len(rows), len(hyp)
    sub = [[costs.sub[row * MAX_SYMBOLS + code] for code in hyp] for row in rows]
    drop = [costs.dele[row] for row in rows]
    add = [costs.ins[code] for code in hyp]
    rest = [[0] * (n + 1) for _ in range(m + 1)]
    for i in range(m, -1, -1):
        for j in range(n, -1, -1):
            ways = []
            if i < m and j < n:
                ways.append(rest[i + 1][j + 1] + sub[i][j])
            if i < m:
                ways.append(rest[i + 1][j] + drop[i])
            if j < n:
                ways.append(rest[i][j + 1] + add[j])
            rest[i][j] = min(ways, default=0)
    ops = bytearray()
    i = j = 0
    while i < m or j < n:
        here = rest[i][j]
        if i < m and j < n and here == rest[i + 1][j + 1] + sub[i][j]:
            ops.append(costs.labels[rows[i] * MAX_SYMBOLS + hyp[j]])
            i += 1
            j += 1
        elif i < m and here == rest[i + 1][j] + drop[i]:
            ops.append(costs.delete_labels[rows[i]])
            i += 1
        else:
            ops.append(costs.insert_labels[hyp[j]])
            j += 1
    return rest[0][0], bytes(ops)
