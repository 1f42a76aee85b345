"""What each operation costs, and which slips a rule accepts.

Costs are whole numbers. By convention ``UNIT`` is the cost of an ordinary insertion or deletion, so that a cost reads
as hundredths of an error.

Rules may look at the symbol that follows the expected one ("R falls silent unless a vowel follows"). A *row* is an
expected symbol together with the rules that hold where it stands: without such rules, row and code are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from librt.vecs import append, vec
from mypy_extensions import i64

from .errors import AlignerError
from .inventory import MAX_SYMBOLS, Inventory
from .ops import ACCEPTED, ACCEPTED_DELETE, ACCEPTED_INSERT, DELETE, INSERT, MATCH, SUBSTITUTE

UNIT: Final = 100
"""One ordinary insertion or deletion."""

MAX_COST: Final = 10_000
"""The largest cost of one operation."""

MAX_ROWS: Final = 255

LARGEST_GAPS: Final = 254
"""What an insertion and a deletion may cost together for lanes of eight bits, one more than that included."""


class Accepted(NamedTuple):
    """One accepted slip: ``heard`` instead of ``expected``, at ``cost``, named by ``rule``.

    An empty ``heard`` accepts that the expected symbol is missing, an empty ``expected`` that the heard one is added.
    The rule does not hold where one of ``unless_before`` is the next expected symbol.
    """

    expected: str
    heard: str
    cost: int
    rule: str
    unless_before: tuple[str, ...] = ()


class CostModel:
    """Costs over one inventory; immutable, and shared freely between threads.

    ``substitution[e][h]`` is the cost of hearing h for e; its diagonal is 0; without it every substitution costs what
    an insertion does. ``insertion`` and ``deletion`` are one cost for all symbols, or one a symbol. A substitution that
    costs more than a deletion and an insertion together is never chosen.
    """

    def __init__(
        self,
        inventory: Inventory,
        substitution: Sequence[Sequence[int]] | None = None,
        insertion: int | Sequence[int] = UNIT,
        deletion: int | Sequence[int] = UNIT,
        accepted: Sequence[Accepted] = (),
    ) -> None:
        """Raises AlignerError naming the symbol or pair: a cost that is no whole number from 0 to 10,000 (1 for
        insertions and deletions), a matrix of another size, an unknown symbol, a pair accepted twice."""
        self.inventory: Final = inventory
        self.accepted: Final = tuple(accepted)
        size = len(inventory)
        self.ins: vec[i64] = _gap_costs("insertion", insertion, inventory)
        gaps = _gap_costs("deletion", deletion, inventory)
        plain: list[list[int]] = []
        for expected in range(size):
            plain.append(_substitution_row(inventory, substitution, expected, int(self.ins[0])))
        rules = _Rules(inventory, self.accepted)
        self.contextual: Final[bool] = rules.contextual
        self.sub: vec[i64] = vec[i64]()
        self.dele: vec[i64] = vec[i64]()
        labels = bytearray()
        delete_labels = bytearray()
        insert_labels = bytearray([INSERT]) * MAX_SYMBOLS
        for heard, rule in rules.added.items():
            self.ins[heard] = rule.cost
            insert_labels[heard] = ACCEPTED_INSERT
        self.expected_of_row: list[int] = []
        self.rules_of_row: list[dict[int, Accepted]] = []
        for code, held in rules.rows:
            self.expected_of_row.append(code)
            self.rules_of_row.append(held)
            cost_row = list(plain[code])
            label_row = bytearray([SUBSTITUTE]) * MAX_SYMBOLS
            label_row[code] = MATCH
            gap = int(gaps[code])
            gap_label = DELETE
            for heard, rule in held.items():
                if heard < 0:
                    gap = rule.cost
                    gap_label = ACCEPTED_DELETE
                else:
                    cost_row[heard] = rule.cost
                    label_row[heard] = ACCEPTED
            for cost in cost_row:
                self.sub = append(self.sub, i64(cost))
            self.dele = append(self.dele, i64(gap))
            labels += label_row
            delete_labels.append(gap_label)
        self.labels: Final = bytes(labels)
        self.delete_labels: Final = bytes(delete_labels)
        self.insert_labels: Final = bytes(insert_labels)
        self.unit: Final = self._unit_cost()
        """What every error costs where all cost the same and accepted slips are free, else 0."""
        self.has_free: Final = self.unit > 0 and len(self.accepted) > 0
        self.sub_steps: vec[i64] = vec[i64]([cost * 4 for cost in self.sub])
        self.del_steps: vec[i64] = vec[i64]([cost * 4 + 1 for cost in self.dele])
        self.ins_steps: vec[i64] = vec[i64]([cost * 4 + 2 for cost in self.ins])
        """Costs in quarters, with the step in the last two bits; see ``banded``."""
        self.least_ins: i64 = min(self.ins)
        self.least_del: i64 = min(self.dele)
        self.lane_ins: i64 = max(self.ins)
        self.lane_del: i64 = max(self.dele)
        both = int(self.lane_ins + self.lane_del)
        self.fits_lanes: Final = both <= LARGEST_GAPS
        """Whether differences between neighbouring cells fit into the lanes of ``lanes``."""
        self.lane_costs: vec[i64] = vec[i64]()
        """Substitutions with what the gaps of both symbols lack to the dearest ones; what no path takes is cut."""
        for row in range(len(self.dele)):
            for heard in range(MAX_SYMBOLS):
                cost = both + 1
                if heard < size:
                    lacking = both - int(self.dele[row]) - int(self.ins[heard])
                    cost = min(int(self.sub[row * MAX_SYMBOLS + heard]) + lacking, both + 1)
                self.lane_costs = append(self.lane_costs, i64(cost))
        self.even_gaps: Final = self.least_ins == self.lane_ins and self.least_del == self.lane_del
        self.anchors: Final = self._anchors()
        self.all_anchors: Final = 0 not in self.anchors
        self.bias: i64 = (MAX_SYMBOLS - size) * 0x0101010101010101
        """What takes every byte that is no code beyond 63, eight at a time."""
        self._added: Final = rules.added
        self._row_of: Final = rules.row_of

    def _unit_cost(self) -> int:
        size = len(self.inventory)
        unit = int(self.ins[0])
        for code in range(size):
            if self.ins[code] != unit or self.insert_labels[code] != INSERT:
                return 0
        for row in range(len(self.dele)):
            if self.dele[row] != unit or self.delete_labels[row] != DELETE:
                return 0
            for heard in range(size):
                at = row * MAX_SYMBOLS + heard
                if self.sub[at] != (unit if self.labels[at] == SUBSTITUTE else 0):
                    return 0
        return unit

    def _anchors(self) -> bytes:
        """For each row x, 1 if matching x with x at an end never costs more than the best path without that match could
        save: x is then either exchanged for a y whose own insertion (deletion) might be cheaper than that of x, or
        inserted (deleted) itself.
        """
        size = len(self.inventory)
        rows = len(self.dele)
        anchors = bytearray(b"\x01") * rows
        for row in range(rows):
            x = self.expected_of_row[row]
            for y in range(size):
                if self.ins[y] > self.ins[x] + self.sub[row * MAX_SYMBOLS + y]:
                    anchors[row] = 0
            for other in range(rows):
                if self.dele[other] > self.dele[row] + self.sub[other * MAX_SYMBOLS + x]:
                    anchors[row] = 0
        return bytes(anchors)

    def anchored_head(self, rows: bytes, head: i64) -> i64:
        """How many of the first ``head`` rows, equal on both sides, match in an alignment of least cost for certain."""
        if self.all_anchors:
            return head
        place: i64 = 0
        while place < head and self.anchors[i64(rows[place])] != 0:
            place += 1
        return place

    def anchored_tail(self, rows: bytes, tail: i64) -> i64:
        """How many of the last ``tail`` rows, equal on both sides, match in an alignment of least cost for certain."""
        if self.all_anchors:
            return tail
        m: i64 = len(rows)
        count: i64 = 0
        while count < tail and self.anchors[i64(rows[m - 1 - count])] != 0:
            count += 1
        return count

    def rows(self, ref: bytes) -> bytes:
        """The row of each expected symbol: its code, and the rules that hold before the symbol that follows it."""
        if not self.contextual:
            return ref
        size = len(self.inventory)
        rows = bytearray(len(ref))
        last = len(ref) - 1
        for place, code in enumerate(ref):
            following = ref[place + 1] if place < last else size
            rows[place] = self._row_of[code * (size + 1) + following]
        return bytes(rows)

    def moved(self, rows: bytes, hyp: bytes, start: i64, end_i: i64, end_j: i64) -> i64:
        """What every path between the two costs more in ``lane_costs``."""
        total: i64 = 0
        if not self.even_gaps:
            i = start
            while i < end_i:
                total += self.lane_del - self.dele[i64(rows[i])]
                i += 1
            j = start
            while j < end_j:
                total += self.lane_ins - self.ins[i64(hyp[j])]
                j += 1
        return total

    def rule(self, expected: str, heard: str, following: str = "") -> Accepted | None:
        """The rule that accepts ``heard`` for ``expected`` before the expected symbol ``following`` ("": the end)."""
        if not expected:
            return self._added.get(self.inventory.code(heard))
        ref = self.inventory.encode([expected, following] if following else [expected])
        return self.rules_of_row[self.rows(ref)[0]].get(self.inventory.code(heard) if heard else -1)

    def cost(self, ref: bytes, hyp: bytes, ops: bytes) -> int:
        """What an alignment costs: the sum over its operations. Raises AlignerError if it does not fit the two."""
        rows = self.rows(ref)
        total = 0
        i = 0
        j = 0
        for op in ops:
            adds = op in (INSERT, ACCEPTED_INSERT)
            drops = op in (DELETE, ACCEPTED_DELETE)
            if (not adds and i >= len(ref)) or (not drops and j >= len(hyp)):
                raise AlignerError(f"the alignment does not fit sequences of {len(ref)} and {len(hyp)} symbols")
            if adds:
                total += int(self.ins[hyp[j]])
                j += 1
            elif drops:
                total += int(self.dele[rows[i]])
                i += 1
            else:
                total += int(self.sub[rows[i] * MAX_SYMBOLS + hyp[j]])
                i += 1
                j += 1
        if i != len(ref) or j != len(hyp):
            raise AlignerError(f"the alignment does not fit sequences of {len(ref)} and {len(hyp)} symbols")
        return total


class _Rules:
    """Accepted slips, sorted into rows."""

    def __init__(self, inventory: Inventory, accepted: tuple[Accepted, ...]) -> None:
        size = len(inventory)
        self.added: dict[int, Accepted] = {}
        by_expected: list[dict[int, Accepted]] = [{} for _ in range(size)]
        self.contextual = False
        for number, rule in enumerate(accepted):
            entry = f"accepted pair {number} ({rule.expected or 'nothing'} -> {rule.heard or 'nothing'}, {rule.rule})"
            _check_cost(entry, rule.cost, 0)
            if rule.expected == rule.heard:
                raise AlignerError(f"{entry}: both sides are the same")
            for symbol in (rule.expected, rule.heard, *rule.unless_before):
                if symbol and symbol not in inventory:
                    raise AlignerError(f"{entry}: unknown symbol {symbol!r}")
            heard = inventory.code(rule.heard) if rule.heard else -1
            if not rule.expected:
                if rule.unless_before:
                    raise AlignerError(f"{entry}: an added symbol cannot have unless_before")
                held = self.added
            else:
                held = by_expected[inventory.code(rule.expected)]
            if heard in held:
                raise AlignerError(f"{entry}: accepted already, by {held[heard].rule}")
            held[heard] = rule
            if rule.unless_before:
                self.contextual = True
        self.rows: list[tuple[int, dict[int, Accepted]]] = [(code, by_expected[code]) for code in range(size)]
        self.row_of = bytearray(size * (size + 1))
        for code in range(size):
            variants: dict[tuple[int, ...], int] = {tuple(by_expected[code]): code}
            for following in range(size + 1):
                name = inventory.symbols[following] if following < size else ""
                holding = {heard: rule for heard, rule in by_expected[code].items() if name not in rule.unless_before}
                key = tuple(holding)
                if key not in variants:
                    if len(self.rows) >= MAX_ROWS:
                        raise AlignerError(
                            f"too many different contexts, the first too many for {inventory.symbols[code]}"
                        )
                    variants[key] = len(self.rows)
                    self.rows.append((code, holding))
                self.row_of[code * (size + 1) + following] = variants[key]


def _check_cost(entry: str, cost: object, least: int) -> int:
    if isinstance(cost, bool) or not isinstance(cost, int):
        raise AlignerError(f"{entry}: the cost {cost!r} is not a whole number")
    if cost < least or cost > MAX_COST:
        raise AlignerError(f"{entry}: the cost {cost} is not from {least} to {MAX_COST}")
    return cost


def _gap_costs(kind: str, given: object, inventory: Inventory) -> vec[i64]:
    symbols = inventory.symbols
    costs = vec[i64]()
    if isinstance(given, Sequence):
        if len(given) != len(symbols):
            raise AlignerError(f"{len(given)} {kind} costs for {len(symbols)} symbols")
        for symbol, cost in zip(symbols, given, strict=True):
            costs = append(costs, i64(_check_cost(f"{kind} of {symbol}", cost, 1)))
    else:
        cost = _check_cost(kind, given, 1)
        for _ in symbols:
            costs = append(costs, i64(cost))
    return costs


def _substitution_row(
    inventory: Inventory, substitution: Sequence[Sequence[object]] | None, expected: int, otherwise: int
) -> list[int]:
    """One row of the matrix, widened to MAX_SYMBOLS columns."""
    symbols = inventory.symbols
    size = len(symbols)
    if substitution is None:
        row = [otherwise] * size
        row[expected] = 0
    else:
        if len(substitution) != size:
            raise AlignerError(f"the substitution matrix has {len(substitution)} rows for {size} symbols")
        columns = len(substitution[expected])
        if columns != size:
            raise AlignerError(f"row {symbols[expected]} of the substitution matrix has {columns} columns, not {size}")
        row = [
            _check_cost(f"substitution {symbols[expected]} -> {symbols[heard]}", cost, 0)
            for heard, cost in enumerate(substitution[expected])
        ]
        if row[expected] != 0:
            raise AlignerError(f"substitution {symbols[expected]} -> {symbols[expected]}: the cost is not 0")
    return row + [MAX_COST] * (MAX_SYMBOLS - size)
