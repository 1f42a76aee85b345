"""Gaps of an alignment slide to whole words, at no cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aligner_mypyc import DELETE, INSERT, MATCH, SUBSTITUTE, Aligner, CostModel, Inventory
from streamproc.scoring.gaps import slide_to_words
from streamproc.scoring.phonemes import PHONEMES

ALIGNER = Aligner(CostModel(Inventory(PHONEMES)))


def path(text: str) -> bytes:
    return bytes({"m": MATCH, "s": SUBSTITUTE, "d": DELETE, "i": INSERT}[step] for step in text)


@pytest.mark.parametrize(
    ("words", "heard", "before", "after"),
    [
        # "black blanket" read as "blanket"
        (["BLAK", "BLAN"], "BLAN", "mmmddddm", "ddddmmmm"),
        (["ABCD", "ABCD"], "ABCD", "mddddmmm", "ddddmmmm"),
        # a word put in before another that begins alike
        (["BX"], "BRBX", "miim", "iimm"),
        (["AB", "CD"], "ABXBCD", "miimmm", "mmiimm"),
        # inside a word, with nowhere to go
        (["ABC"], "ABXC", "mmim", "mmim"),
        ([], "AB", "ii", "ii"),
    ],
)
def test_gaps_slide_to_words(words: list[str], heard: str, before: str, after: str) -> None:
    owner = [index for index, word in enumerate(words) for _ in word]
    assert slide_to_words(path(before), "".join(words).encode(), heard.encode(), owner) == path(after)


SOUNDS = st.lists(st.integers(0, 2), max_size=5).map(bytes)


@given(words=st.lists(SOUNDS, max_size=5), heard=st.lists(st.integers(0, 2), max_size=16).map(bytes))
def test_a_slid_alignment_is_an_alignment_at_the_same_cost(words: list[bytes], heard: bytes) -> None:
    reference = b"".join(words)
    owner = [index for index, word in enumerate(words) for _ in word]
    ops = ALIGNER.align(reference, heard)
    slid = slide_to_words(ops, reference, heard, owner)
    assert sorted(slid) == sorted(ops)
    i = j = 0
    for op in slid:
        if op in (MATCH, SUBSTITUTE):
            assert (reference[i] == heard[j]) == (op == MATCH)
        i += op != INSERT
        j += op != DELETE
    assert (i, j) == (len(reference), len(heard))
