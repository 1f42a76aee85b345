"""Write the golden files: ``python tests/golden/make.py`` (needs biopython; run in ``aligner_mypyc``).

``biopython.json`` holds pairs with the scores that Biopython's PairwiseAligner gives them under the cost models of
``tests.cases`` that it can express: one cost for all insertions, one for all deletions, no rules.
``words.json`` holds readings under the phonetic costs, aligned and divided into words by this package: a record of what
it does, to be looked at when it changes.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from aligner_mypyc import Aligner, Inventory, load_mispronunciations, phonetic_costs, project, spans_of
from tests import cases

HERE = Path(__file__).resolve().parent
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
MODELS = ("unit", "lanes", "lanes, cheap exchanges")

READINGS = [
    ("DH AX|K AE T|S AE T", "DH AX K AE T S AE T"),
    ("DH AX|TH IH N|D AO G", "D AX F IH N D AA G"),
    ("R AH N IH NG|F AA S T", "W AH N IH N F AA S"),
    ("HH AW S IH Z", "AW S IH S"),
    ("K AA R|P AA R K", "K AA P AA K"),
    ("W AO T ER", "W AO D AX"),
    ("S T R IY T", "S IY T"),
    ("B R AH DH ER|S EH D", "B AH V AX S EH D AX"),
    ("M IH L K", "M IH W K"),
    ("G OW|HH OW M", "HH OW M"),
    ("L IH T AX L", "K IH T AX L Z"),
]


def biopython() -> dict[str, Any]:
    bio: Any = importlib.import_module("Bio")
    align: Any = importlib.import_module("Bio.Align")

    scores: dict[str, list[list[Any]]] = {}
    for name in MODELS:
        costs = cases.models()[name]
        matrix = align.substitution_matrices.Array(alphabet=LETTERS, dims=2)
        for e in range(40):
            for h in range(40):
                matrix[e, h] = -costs.sub[e * 64 + h]
        peer = align.PairwiseAligner(mode="global", substitution_matrix=matrix)
        peer.insertion_score = -costs.ins[0]
        peer.deletion_score = -costs.dele[0]
        scores[name] = []
        for ref, hyp in cases.pairs(150, 300, seed=21):
            if ref and hyp:
                score = peer.score("".join(LETTERS[code] for code in ref), "".join(LETTERS[code] for code in hyp))
                scores[name].append([ref.hex(), hyp.hex(), -round(score)])
    return {"biopython": bio.__version__, "scores": scores}


def words() -> list[dict[str, Any]]:
    slips = load_mispronunciations()
    inventory = Inventory(cases.PHONEMES, aliases=slips.aliases)
    aligner = Aligner(phonetic_costs(inventory, slips))
    records: list[dict[str, Any]] = []
    for expected, heard in READINGS:
        split = [word.split() for word in expected.split("|")]
        ref = inventory.encode([symbol for word in split for symbol in word])
        hyp = inventory.encode(heard.split())
        ops = aligner.align(ref, hyp)
        found = project(ops, spans_of([len(word) for word in split]))
        records.append(
            {
                "expected": expected,
                "heard": heard,
                "ops": ops.hex(),
                "cost": aligner.distance(ref, hyp),
                "words": [[word.verdict, round(word.score, 4), list(word.hyp_span)] for word in found],
            }
        )
    return records


def write(name: str, content: Any) -> None:
    text = json.dumps(content).replace("}, {", "},\n {").replace('], ["', '],\n ["')
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    write("words.json", words())
    write("biopython.json", biopython())
