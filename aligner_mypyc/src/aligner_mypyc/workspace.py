"""Buffers that an alignment works in, kept between alignments: allocating them would cost more than aligning.

A workspace belongs to one alignment at a time: an aligner keeps a spare one, which is taken and put back, so that
threads never share one.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from librt.vecs import vec
from mypy_extensions import i64, u8

ZEROS: Final = bytes(256)
"""Matches, as MATCH is 0: what a fresh row of operations is filled with."""


class Workspace:
    """Tables for one alignment at a time."""

    def __init__(self, symbols: int) -> None:
        self.matches: vec[i64] = zeros(symbols)
        """The reference's bit masks, one a symbol; all zero between alignments."""
        self.diagonal: vec[i64] = zeros(64)
        """One word a column: where the cost along the diagonal does not grow."""
        self.vertical: vec[i64] = zeros(64)
        """One word a column: where the cost grows by one with one more expected symbol."""
        self.out: BytesWriter = BytesWriter()
        """The operations of the path."""
        self.i: i64 = 0
        self.j: i64 = 0
        self.at: i64 = 0
        """Where the path is: the next expected and heard symbol, and the next place in ``out``."""
        self.carry: vec[i64] = vec[i64]()
        """How the cost changes along the bottom row of a strip, one number a column: 0, 1, or 2 where it falls."""
        self.strip_low: vec[i64] = vec[i64]()
        self.strip_high: vec[i64] = vec[i64]()
        self.strip_base: vec[i64] = vec[i64]()
        """The columns after low up to high were computed; their words are in the tables from base on."""
        self.line: vec[i64] = vec[i64]()
        """One row of costs."""
        self.steps: vec[u8] = vec[u8]([0])
        """The steps of a weighted path, one a cell of the band."""
        self.row_base: vec[i64] = vec[i64]()
        """Where the rows of ``steps`` begin."""
        self.left_out: i64 = 0
        """The least cost of a path that leaves the band."""

    def carry_of(self, columns: i64) -> vec[i64]:
        """``carry``, with room for ``columns``."""
        if len(self.carry) < columns:
            self.carry = zeros(columns + columns // 2)
        return self.carry

    def line_of(self, columns: i64) -> vec[i64]:
        """``line``, with room for ``columns``."""
        if len(self.line) < columns:
            self.line = zeros(columns + columns // 2)
        return self.line

    def rows_of(self, count: i64) -> vec[i64]:
        """``row_base``, with room for ``count`` rows."""
        if len(self.row_base) < count:
            self.row_base = zeros(count + count // 2)
        return self.row_base

    def reserve_steps(self, count: i64) -> vec[u8]:
        """``steps``, with room for ``count``; what it holds stays."""
        old = self.steps
        if len(old) < count:
            new = vec[u8]([0] * (count + count // 2 + 1024))
            at: i64 = 0
            while at < len(old):
                new[at] = old[at]
                at += 1
            self.steps = new
        return self.steps

    def reserve_strips(self, count: i64) -> None:
        """Make room for ``count`` strips."""
        if len(self.strip_low) < count:
            self.strip_low = zeros(count + count // 2)
            self.strip_high = zeros(count + count // 2)
            self.strip_base = zeros(count + count // 2)

    def reserve_columns(self, count: i64) -> None:
        """Make room for ``count`` words in the two tables of columns; what they hold stays."""
        if len(self.diagonal) < count:
            self.diagonal = _grown(self.diagonal, count)
            self.vertical = _grown(self.vertical, count)


def zeros(count: i64) -> vec[i64]:
    """A vector of ``count`` zeros."""
    return vec[i64]([0] * count)


def _grown(old: vec[i64], count: i64) -> vec[i64]:
    new = zeros(count + count // 2)
    at: i64 = 0
    while at < len(old):
        new[at] = old[at]
        at += 1
    return new
