"""Aligns expected with heard phonemes: typed Python, compiled by mypyc. See the README for a tour."""

from __future__ import annotations

from pathlib import Path

from . import aligner as _aligner
from ._compiled import check_compiled
from ._version import __version__
from .aligner import MAX_PATH_CELLS, Aligner, PreparedReference, spans_of
from .beam import beam_search
from .bestpath import force_align, greedy_decode
from .costs import MAX_COST, UNIT, Accepted, CostModel
from .ctc import log_likelihoods
from .errors import AlignerError, UnknownSymbolWarning
from .frames import Token
from .goodness import goodness
from .inventory import MAX_SYMBOLS, Inventory
from .mispronunciations import Mispronunciations, Slip, load_mispronunciations, slip_frequencies
from .ops import (
    ACCEPTED,
    ACCEPTED_DELETE,
    ACCEPTED_INSERT,
    DELETE,
    INSERT,
    MATCH,
    OP_NAMES,
    SUBSTITUTE,
    expand,
    lengths,
)
from .phonology import phonetic_costs, substitution_costs
from .projection import ACCEPTED_WORD, ERROR, EXACT, WordAlignment, project
from .transcript import Transcript, read_transcript

COMPILED: bool = not str(_aligner.__file__).endswith(".py")
"""Whether the algorithms run compiled; interpreted they give the same results, some hundred times slower."""

if COMPILED:
    check_compiled(Path(__file__).parent)

__all__ = [
    "ACCEPTED",
    "ACCEPTED_DELETE",
    "ACCEPTED_INSERT",
    "ACCEPTED_WORD",
    "COMPILED",
    "DELETE",
    "ERROR",
    "EXACT",
    "INSERT",
    "MATCH",
    "MAX_COST",
    "MAX_PATH_CELLS",
    "MAX_SYMBOLS",
    "OP_NAMES",
    "SUBSTITUTE",
    "UNIT",
    "Accepted",
    "Aligner",
    "AlignerError",
    "CostModel",
    "Inventory",
    "Mispronunciations",
    "PreparedReference",
    "Slip",
    "Token",
    "Transcript",
    "UnknownSymbolWarning",
    "WordAlignment",
    "__version__",
    "beam_search",
    "expand",
    "force_align",
    "goodness",
    "greedy_decode",
    "lengths",
    "load_mispronunciations",
    "log_likelihoods",
    "phonetic_costs",
    "project",
    "read_transcript",
    "slip_frequencies",
    "spans_of",
    "substitution_costs",
]
