"""The aligner: costs, prepared references, and the choice of the algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from librt.strings import BytesWriter

from .costs import CostModel
from .errors import AlignerError
from .scalar import align_scalar

MAX_PATH_CELLS: Final = 64_000_000
"""The largest product of the two lengths that ``align`` takes; ``distance`` keeps no path and has no such bound."""


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

    def __len__(self) -> int:
        return len(self.ref)


class Aligner:
    """Global alignments of least cost under one cost model; usable from all threads.

    Of all alignments of least cost the canonical one is returned: reading from the left, at each place a diagonal
    step (match, substitute, accepted) is taken if one of least cost begins so, else a deletion, else an insertion.
    It depends neither on the algorithm nor on whether the package is compiled.
    """

    def __init__(self, costs: CostModel) -> None:
        self.costs: Final = costs

    def prepare(self, ref: bytes) -> PreparedReference:
        """What ``align`` and ``distance`` take instead of the bytes, faster."""
        return PreparedReference(self.costs, ref)

    def align(self, ref: bytes | PreparedReference, hyp: bytes) -> bytes:
        """The operations, one byte each, that turn ``ref`` into ``hyp`` at the least cost.

        Raises AlignerError on a code outside of the inventory and where the lengths' product is beyond MAX_PATH_CELLS.
        """
        prepared = self._prepared(ref)
        self.costs.inventory.check(hyp)
        if len(prepared.ref) * len(hyp) > MAX_PATH_CELLS:
            raise AlignerError(
                f"a path through {len(prepared.ref)} x {len(hyp)} symbols is beyond {MAX_PATH_CELLS} cells: "
                "align in pieces, or ask for the distance only"
            )
        ops = BytesWriter()
        align_scalar(self.costs, prepared.rows, hyp, ops)
        return ops.getvalue()

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
        prepared = self._prepared(ref)
        cost = self.costs.cost(prepared.ref, hyp, self.align(prepared, hyp))
        return None if cutoff is not None and cost > cutoff else cost

    def _prepared(self, ref: bytes | PreparedReference) -> PreparedReference:
        if isinstance(ref, PreparedReference):
            if ref.costs is not self.costs:
                raise AlignerError("this reference was prepared with other costs")
            return ref
        return PreparedReference(self.costs, ref)


def spans_of(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Word spans from the words' lengths: ``[2, 3] -> [(0, 2), (2, 5)]``."""
    spans: list[tuple[int, int]] = []
    start = 0
    for length in lengths:
        spans.append((start, start + length))
        start += length
    return spans
