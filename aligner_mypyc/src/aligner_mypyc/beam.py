"""CTC prefix beam search: the likeliest sequences, summed over their paths, among those that the beam kept.

Sources: Graves et al. 2006 (see ``ctc``), section 3.2, prefix search; Hannun, Maas, Jurafsky, Ng, "First-Pass Large
Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014, algorithm 1, without a language
model.

Prefixes are nodes of one tree, so that a prefix that left the beam and comes back is the same node. Probabilities are
multiplied, and after each frame divided by the largest.
"""

from __future__ import annotations

import math
from typing import Final

from librt.strings import read_f32_le
from librt.vecs import vec
from mypy_extensions import i64

from .errors import AlignerError
from .frames import frame_count, no_probability
from .workspace import zeros

MOST_BEAMS: Final = 1024
NOTHING: Final = -1e999


def beam_search(
    log_probs: bytes, symbols: int, blank: int, width: int, least: float = -12.0
) -> list[tuple[bytes, float]]:
    """The likeliest sequences that the frames say, with the logarithms of their probabilities.

    A probability is summed over the paths that stayed in the beam, and so is never above what ``log_likelihoods`` says.

    Args:
        log_probs, symbols, blank: as for ``log_likelihoods``; all columns are read.
        width: prefixes that are kept after each frame, 1 to 1024.
        least: what is less likely in a frame than this logarithm counts as impossible there, the blank included; -inf:
            nothing does.

    Returns:
        ``width`` sequences at most, the likeliest first; none that is impossible.

    Raises:
        AlignerError: as ``greedy_decode``; a width or ``least`` that cannot be.
    """
    frames: i64 = frame_count(log_probs, symbols, blank)
    if not 1 <= width <= MOST_BEAMS:
        raise AlignerError(f"width must be 1 to {MOST_BEAMS}, not {width}")
    if not least <= 0.0:
        raise AlignerError(f"least must be a log-probability, at most 0, not {least}")
    search = _Search(symbols, blank, width, least)
    frame: i64 = 0
    while frame < frames:
        search.read(log_probs, frame)
        search.advance()
        if search.kept == 0:
            raise AlignerError(f"log_probs: frame {frame}: no prefix can go on by symbols above least, {least:g}")
        frame += 1
    return search.results()


class _Search:
    """The tree of prefixes, and the beam: which of its nodes are kept, and how likely each is."""

    def __init__(self, symbols: i64, blank: i64, width: i64, least: float) -> None:
        self.symbols: i64 = symbols
        self.blank: i64 = blank
        self.width: i64 = width
        self.least: float = least
        self.scale: float = 0.0
        """The logarithm of what the values are multiples of."""
        # The tree. Node 0 is the empty prefix; a node's children are a chain.
        self.size: i64 = 1
        self.parent: vec[i64] = vec[i64]([-1] * 64)
        self.code: vec[i64] = vec[i64]([-1] * 64)
        self.child: vec[i64] = vec[i64]([-1] * 64)
        self.sibling: vec[i64] = vec[i64]([-1] * 64)
        self.place: vec[i64] = vec[i64]([-1] * 64)
        """A node's place in the beam, -1 when it is not there."""
        # The beam.
        self.count: i64 = 1
        self.node: vec[i64] = zeros(width)
        self.silent: vec[float] = vec[float]([0.0] * width)
        """Of paths that end in a blank."""
        self.said: vec[float] = vec[float]([0.0] * width)
        """Of paths that end in the prefix's last symbol."""
        self.other_node: vec[i64] = zeros(width)
        self.other_silent: vec[float] = vec[float]([0.0] * width)
        """Of the frame before: filled anew and exchanged."""
        self.next_silent: vec[float] = vec[float]([0.0] * width)
        self.next_said: vec[float] = vec[float]([0.0] * width)
        self.place[0] = 0
        self.silent[0] = 1.0
        # The best of the next frame, likeliest first: old prefixes by their node, new ones by parent and symbol.
        self.kept: i64 = 0
        self.kept_total: vec[float] = vec[float]([0.0] * width)
        self.kept_from: vec[i64] = zeros(width)
        """The place in the beam of the prefix itself or of its parent."""
        self.kept_code: vec[i64] = zeros(width)
        """The symbol that is added, -1 for an old prefix."""
        # The frame.
        self.row: vec[float] = vec[float]([0.0] * symbols)
        self.open: vec[i64] = zeros(symbols)
        """The symbols that extend prefixes."""
        self.open_count: i64 = 0

    def read(self, log_probs: bytes, frame: i64) -> None:
        """The frame's probabilities into ``row``."""
        row = self.row
        opened = self.open
        least = self.least
        blank = self.blank
        symbols = self.symbols
        at = 4 * frame * symbols
        count: i64 = 0
        symbol: i64 = 0
        while symbol < symbols:
            log_prob = read_f32_le(log_probs, at)
            if not log_prob <= 0.001:
                raise no_probability(log_prob, frame, symbol)
            p = 0.0
            if log_prob >= least:
                p = math.exp(log_prob)
                if symbol != blank:
                    opened[count] = symbol
                    count += 1
            row[symbol] = p
            symbol += 1
            at += 4
        self.open_count = count

    def advance(self) -> None:
        """One frame: every prefix of the beam stays as it is or gets a symbol more; the likeliest are kept."""
        row = self.row
        opened = self.open
        open_count = self.open_count
        count = self.count
        nodes = self.node
        codes = self.code
        parents = self.parent
        places = self.place
        silent = self.silent
        said = self.said
        next_silent = self.next_silent
        next_said = self.next_said
        self.kept = 0
        silence = row[self.blank]
        i: i64 = 0
        while i < count:
            node = nodes[i]
            total = silent[i] + said[i]
            next_silent[i] = total * silence
            stays = 0.0
            if node > 0:
                last = codes[node]
                stays = said[i] * row[last]
                above = places[parents[node]]
                if above >= 0:
                    # The same symbol once more needs a blank between.
                    if codes[nodes[above]] == last:
                        stays += silent[above] * row[last]
                    else:
                        stays += (silent[above] + said[above]) * row[last]
            next_said[i] = stays
            total = next_silent[i] + stays
            if total > 0.0:
                self._keep(total, i, -1)
            i += 1
        i = 0
        while i < count:
            node = nodes[i]
            last = codes[node]
            total = silent[i] + said[i]
            o: i64 = 0
            while o < open_count:
                code = opened[o]
                value = total * row[code]
                if code == last:
                    value = silent[i] * row[code]
                if value > 0.0 and (self.kept < self.width or value > self.kept_total[self.width - 1]):
                    at = self._find(node, code)
                    if at < 0 or places[at] < 0:
                        self._keep(value, i, code)
                o += 1
            i += 1
        self._turn()

    def _find(self, node: i64, code: i64) -> i64:
        at = self.child[node]
        while at >= 0 and self.code[at] != code:
            at = self.sibling[at]
        return at

    def _keep(self, total: float, origin: i64, code: i64) -> None:
        """Put a prefix among the best; of equally likely ones the first stays before."""
        at = self.kept
        if at == self.width:
            if total <= self.kept_total[at - 1]:
                return
            at -= 1
        else:
            self.kept += 1
        while at > 0 and self.kept_total[at - 1] < total:
            self.kept_total[at] = self.kept_total[at - 1]
            self.kept_from[at] = self.kept_from[at - 1]
            self.kept_code[at] = self.kept_code[at - 1]
            at -= 1
        self.kept_total[at] = total
        self.kept_from[at] = origin
        self.kept_code[at] = code

    def _turn(self) -> None:
        """Make the kept prefixes the beam."""
        i: i64 = 0
        while i < self.count:
            self.place[self.node[i]] = -1
            i += 1
        if self.kept == 0:
            return
        factor = 1.0 / self.kept_total[0]
        self.scale += math.log(self.kept_total[0])
        node = self.other_node
        silent = self.other_silent
        said = self.said
        i = 0
        while i < self.kept:
            origin = self.kept_from[i]
            code = self.kept_code[i]
            if code < 0:
                node[i] = self.node[origin]
                silent[i] = self.next_silent[origin] * factor
                said[i] = self.next_said[origin] * factor
            else:
                node[i] = self._grown(self.node[origin], code)
                silent[i] = 0.0
                said[i] = self.kept_total[i] * factor
            self.place[node[i]] = i
            i += 1
        self.other_node = self.node
        self.other_silent = self.silent
        self.node = node
        self.silent = silent
        self.count = self.kept

    def _grown(self, node: i64, code: i64) -> i64:
        """The child of a node by a symbol, made where there is none."""
        at = self._find(node, code)
        if at >= 0:
            return at
        if self.size == len(self.parent):
            self.parent = _doubled(self.parent)
            self.code = _doubled(self.code)
            self.child = _doubled(self.child)
            self.sibling = _doubled(self.sibling)
            self.place = _doubled(self.place)
        at = self.size
        self.size += 1
        self.parent[at] = node
        self.code[at] = code
        self.sibling[at] = self.child[node]
        self.child[node] = at
        return at

    def results(self) -> list[tuple[bytes, float]]:
        """The beam, the likeliest prefix first."""
        found: list[tuple[bytes, float]] = []
        i: i64 = 0
        while i < self.count:
            codes = bytearray()
            node = self.node[i]
            while node > 0:
                codes.append(self.code[node])
                node = self.parent[node]
            codes.reverse()
            found.append((bytes(codes), math.log(self.silent[i] + self.said[i]) + self.scale))
            i += 1
        return found


def _doubled(old: vec[i64]) -> vec[i64]:
    new = vec[i64]([-1] * (2 * len(old)))
    at: i64 = 0
    while at < len(old):
        new[at] = old[at]
        at += 1
    return new
