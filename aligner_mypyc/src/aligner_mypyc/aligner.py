"""The aligner: costs, prepared references, and the choice of the algorithm."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from .banded import FAR, fill_band, path_cost, weighted_distance, write_path
from .bytescan import all_below, common_head, common_tail
from .costs import CostModel
from .errors import AlignerError
from .lanes import fill_lanes, write_lanes
from .strips import NEVER, align_strips, unit_distance
from .unit import WORD, align_word, fresh_row, mark_matches, matched, unmark_matches
from .workspace import Workspace, zeros

MAX_PATH_CELLS: Final = 400_000_000
"""The largest product of the two lengths that ``align`` takes, symbols in common at both ends not counted.

At the bound and with unrelated sequences a path needs 0.1 GB where every error costs the same and 0.8 GB otherwise;
related ones need a fraction, for only the band is kept. ``distance`` needs one row and has no such bound.
"""

LANES_FROM: Final = 1
"""From a band of so many cells to each side on, seven at a time are faster than one."""

KEPT_COLUMNS: Final = 5000
"""Buffers that served longer sequences are given back to the system."""


def _has_global_lock() -> bool:
    enabled = getattr(sys, "_is_gil_enabled", None)
    return enabled is None or bool(enabled())


EXCLUSIVE: Final = _has_global_lock()
"""Whether a thread that takes the spare workspace is sure that no other takes it too: with the interpreter's lock,
which no thread gives up between looking and taking."""


class PreparedReference:
    """An expected sequence with everything that depends on it and the costs alone; make it once a phrase.

    Made by ``Aligner.prepare``; immutable; usable from all threads, with aligners of the same costs.
    """

    def __init__(self, costs: CostModel, ref: bytes) -> None:
        """Raises AlignerError on a code outside of the inventory."""
        costs.inventory.check(ref)
        self.costs: Final = costs
        self.ref: Final = ref
        self.rows: Final = costs.rows(ref)
        self.matches: vec[i64] = vec[i64]()
        if len(ref) <= WORD:
            self.matches = zeros(len(costs.inventory))
            mark_matches(costs, self.rows if costs.unit > 0 else ref, 0, len(ref), self.matches, 0)

    def __len__(self) -> int:
        return len(self.ref)


class Aligner:
    """Global alignments of least cost under one cost model; usable from all threads.

    Of all alignments of least cost the canonical one is returned. First the symbols that both sequences begin with are
    matched, then those that both end with (each as far as ``CostModel.anchors`` says that this is certain to be best).
    Between them, reading from the left, at each place a diagonal step (match, substitute, accepted) is taken if an
    alignment of least cost begins so, else a deletion, else an insertion. It depends neither on the algorithm nor on
    whether the package is compiled.
    """

    def __init__(self, costs: CostModel) -> None:
        self.costs: Final = costs
        self._spare: Workspace | None = None

    def prepare(self, ref: bytes) -> PreparedReference:
        """What ``align`` and ``distance`` take instead of the bytes, faster."""
        return PreparedReference(self.costs, ref)

    def align(self, ref: bytes | PreparedReference, hyp: bytes) -> bytes:
        """The operations, one byte each, that turn ``ref`` into ``hyp`` at the least cost.

        Raises AlignerError on a code outside of the inventory and where the lengths' product is beyond MAX_PATH_CELLS.
        """
        costs = self.costs
        if not all_below(hyp, costs.bias):
            costs.inventory.check(hyp)
        prepared: PreparedReference | None = None
        if isinstance(ref, PreparedReference):
            if ref.costs is not costs:
                raise AlignerError("this reference was prepared with other costs")
            prepared = ref
            expected = ref.ref
            rows = ref.rows
        else:
            expected = ref
            if not all_below(expected, costs.bias):
                costs.inventory.check(expected)
            rows = costs.rows(expected) if costs.contextual else expected
        m: i64 = len(expected)
        n: i64 = len(hyp)
        most = m
        if n < m:
            most = n
        head = common_head(expected, hyp, most)
        if head == m and head == n:
            return matched(m)
        head = costs.anchored_head(rows, head)
        tail = costs.anchored_tail(rows, common_tail(expected, hyp, most - head))
        if (m - head - tail) * (n - head - tail) > MAX_PATH_CELLS:
            raise AlignerError(
                f"a path through {m} x {n} symbols is beyond {MAX_PATH_CELLS} cells: "
                "align in pieces, or ask for the distance only"
            )
        work = self._take()
        plain = rows if costs.unit > 0 else expected
        if m - head - tail > WORD:
            at = align_strips(work, costs, plain, expected, hyp, head, tail)
        elif prepared is not None and m <= WORD:
            at = align_word(work, costs, plain, expected, hyp, head, tail, prepared.matches, tail)
        else:
            mark_matches(costs, plain, head, m - tail, work.matches, 0)
            at = align_word(work, costs, plain, expected, hyp, head, tail, work.matches, 0)
            unmark_matches(costs, plain, head, m - tail, work.matches)
        out = work.out
        if costs.unit == 0:
            limit = path_cost(work, costs, rows, hyp, head, m - tail, n - tail)
            if costs.fits_lanes and limit > LANES_FROM * (costs.lane_ins + costs.lane_del) and m - tail > head:
                fill_lanes(work, costs, rows, hyp, head, m - tail, n - tail, limit)
                fresh_row(out, m + n)
                at = write_lanes(work, costs, rows, hyp, head, m - tail, n - tail)
            else:
                fill_band(work, costs, rows, hyp, head, m - tail, n - tail, limit, True)
                fresh_row(out, m + n)
                at = write_path(work, costs, rows, hyp, head, m - tail, n - tail)
        out.truncate(at + tail)
        result = out.getvalue()
        if n < KEPT_COLUMNS and m < KEPT_COLUMNS:
            self._spare = work
        return result

    def _take(self) -> Workspace:
        work = self._spare
        if work is None or not EXCLUSIVE:
            return Workspace(len(self.costs.inventory))
        self._spare = None
        return work

    def align_many(self, pairs: Iterable[tuple[bytes | PreparedReference, bytes]]) -> list[bytes]:
        """``align`` for each pair, in order. An error names the pair's number."""
        results: list[bytes] = []
        for ref, hyp in pairs:
            try:
                results.append(self.align(ref, hyp))
            except AlignerError as error:
                raise AlignerError(f"pair {len(results)}: {error}") from error
        return results

    def distance(self, ref: bytes | PreparedReference, hyp: bytes, cutoff: int | None = None) -> int | None:
        """The least cost, or None when it is above ``cutoff`` (which is found out early)."""
        costs = self.costs
        if cutoff is not None and cutoff < 0:
            raise AlignerError(f"the cutoff {cutoff} is negative")
        if not all_below(hyp, costs.bias):
            costs.inventory.check(hyp)
        if isinstance(ref, PreparedReference):
            if ref.costs is not costs:
                raise AlignerError("this reference was prepared with other costs")
            expected = ref.ref
            rows = ref.rows
        else:
            expected = ref
            if not all_below(expected, costs.bias):
                costs.inventory.check(expected)
            rows = costs.rows(expected) if costs.contextual else expected
        m: i64 = len(expected)
        n: i64 = len(hyp)
        most = m
        if n < m:
            most = n
        head = common_head(expected, hyp, most)
        if head == m and head == n:
            return 0
        head = costs.anchored_head(rows, head)
        tail = costs.anchored_tail(rows, common_tail(expected, hyp, most - head))
        ceiling: i64 = FAR - 1
        if cutoff is not None and cutoff < FAR:
            ceiling = cutoff
        work = self._take()
        if costs.unit > 0:
            unit: i64 = costs.unit
            cost = unit_distance(work, costs, rows, hyp, head, tail, ceiling // unit)
            if cost == NEVER:
                cost = FAR
            else:
                cost *= unit
        else:
            cost = weighted_distance(work, costs, rows, hyp, head, tail, ceiling)
        if n < KEPT_COLUMNS and m < KEPT_COLUMNS:
            self._spare = work
        return cost if cost <= ceiling else None


def spans_of(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Word spans from the words' lengths: ``[2, 3] -> [(0, 2), (2, 5)]``."""
    spans: list[tuple[int, int]] = []
    start = 0
    for length in lengths:
        spans.append((start, start + length))
        start += length
    return spans
