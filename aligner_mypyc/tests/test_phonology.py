"""Costs from articulation, and the files of accepted mispronunciations."""

from __future__ import annotations

from pathlib import Path

import pytest

from aligner_mypyc import (
    ACCEPTED,
    Aligner,
    AlignerError,
    Inventory,
    load_mispronunciations,
    phonetic_costs,
    project,
    slip_frequencies,
    spans_of,
    substitution_costs,
)

from .cases import PHONEMES

INVENTORY = Inventory(PHONEMES, aliases=load_mispronunciations().aliases)


def cost(expected: str, heard: str) -> int:
    return substitution_costs(INVENTORY)[INVENTORY.code(expected)][INVENTORY.code(heard)]


def test_like_sounds_cost_less_than_unlike_ones() -> None:
    matrix = substitution_costs(INVENTORY)
    assert all(matrix[e][e] == 0 for e in range(40))
    assert all(matrix[e][h] == matrix[h][e] >= 25 for e in range(40) for h in range(e))
    assert cost("TH", "F") < cost("TH", "T") < cost("TH", "M")
    assert cost("P", "B") < cost("P", "M") < cost("P", "R")
    assert cost("IH", "IY") < cost("IH", "AA")
    assert cost("S", "IY") > cost("S", "HH")
    assert cost("W", "UW") < cost("W", "AE")


def test_a_symbol_without_features_is_named() -> None:
    with pytest.raises(AlignerError, match="symbol 'XX' has no articulatory features"):
        substitution_costs(Inventory(["P", "XX"]))


@pytest.mark.parametrize(
    ("expected", "heard", "verdict"),
    [
        ("TH IH NG K", "F IH NG K", "accepted"),
        ("K AA R", "K AA", "accepted"),
        ("R EH D", "EH D", "error"),
        ("R EH D", "W EH D", "accepted"),
        ("S IH NG IH NG", "S IH NG IH N", "accepted"),
        ("HH AW S", "AW S", "accepted"),
        ("W AO T ER", "W AO D AX", "accepted"),
        ("K AE T", "K AE P", "error"),
        ("M IH L K", "M IH W K", "accepted"),
        ("L EH T", "W EH T", "error"),
    ],
)
def test_what_children_say_without_misreading(expected: str, heard: str, verdict: str) -> None:
    aligner = Aligner(phonetic_costs(INVENTORY, load_mispronunciations()))
    ref = INVENTORY.encode(expected.split())
    ops = aligner.align(ref, INVENTORY.encode(heard.split()))
    assert project(ops, spans_of([len(ref)]))[0].verdict == verdict


def test_what_is_frequent_costs_less() -> None:
    slips = load_mispronunciations()
    once = phonetic_costs(INVENTORY, slips, observed={("TH", "F"): 0.3})
    often = phonetic_costs(INVENTORY, slips, observed={("TH", "F"): 0.9})
    never = phonetic_costs(INVENTORY, slips, observed={("TH", "F"): 0.0001})
    found = [costs.rule("TH", "F") for costs in (often, once, never)]
    assert [rule.cost for rule in found if rule is not None] == [2, 26, cost("TH", "F")]
    with pytest.raises(AlignerError, match=r"TH -> F: the observed frequency 2 is not above 0"):
        phonetic_costs(INVENTORY, slips, observed={("TH", "F"): 2})


def test_frequencies_are_counted_from_alignments() -> None:
    aligner = Aligner(phonetic_costs(INVENTORY, load_mispronunciations()))
    readings = [("TH IH N", "F IH N")] * 6 + [("TH IH N", "TH IH N")] * 14 + [("Z UW", "Z UW")] * 5
    alignments = []
    for expected, heard in readings:
        ref, hyp = INVENTORY.encode(expected.split()), INVENTORY.encode(heard.split())
        alignments.append((ref, hyp, aligner.align(ref, hyp)))
    assert slip_frequencies(INVENTORY, alignments) == {("TH", "F"): 0.3}


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text('[[accepted]]\nrule = "k-fronting"\npairs = [["K", "T"]]\ncost = 9\n')
    aligner = Aligner(phonetic_costs(INVENTORY, load_mispronunciations(file)))
    ref, hyp = INVENTORY.encode(["K"]), INVENTORY.encode(["T"])
    assert aligner.align(ref, hyp) == bytes([ACCEPTED])
    assert aligner.distance(ref, hyp) == 9


ENTRY = '[[accepted]]\nrule = "r"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[accepted", r"no valid TOML"),
        ("colour = 1", r"unknown key 'colour'"),
        ("accepted = 1", r"accepted is not an array of tables"),
        ('[aliases]\nA1 = "B1"\nB1 = "A1"', r"aliases\.A1 goes round in a circle: A1 -> B1 -> A1"),
        ('[aliases]\nA1 = "A1"', r"aliases\.A1 goes round in a circle: A1 -> A1"),
        ("[aliases]\nA1 = 3", r"aliases\.A1: 3 is no symbol"),
        ('[aliases]\nA1 = "P"\nA1 = "B"', r"no valid TOML"),
        ('[[accepted]]\npairs = [["P", "B"]]', r"accepted\[0\]: rule must name the rule"),
        (ENTRY + "frequency = 0.1", r"accepted\[0\] \(r\): pairs must be a list"),
        (ENTRY + 'frequency = 0.1\npairs = [["P"]]', r"accepted\[0\] \(r\): \['P'\] is not \[expected, heard\]"),
        (ENTRY + 'frequency = 0.1\npairs = [["P", "P"]]', r"\(r\) P -> P: both sides are the same"),
        (ENTRY + 'pairs = [["P", "B"]]', r"accepted\[0\] \(r\): give either frequency or cost"),
        (ENTRY + 'cost = 1\nfrequency = 0.1\npairs = [["P", "B"]]', r"give either frequency or cost"),
        (ENTRY + 'frequency = nan\npairs = [["P", "B"]]', r"accepted\[0\] \(r\): the frequency nan is not above 0"),
        (ENTRY + 'frequency = 0\npairs = [["P", "B"]]', r"the frequency 0 is not above 0"),
        (ENTRY + 'frequency = 1.5\npairs = [["P", "B"]]', r"the frequency 1\.5 is not above 0 and at most 1"),
        (ENTRY + 'cost = -3\npairs = [["P", "B"]]', r"the cost -3 is not a whole number"),
        (ENTRY + 'cost = 1\ncolour = 2\npairs = [["P", "B"]]', r"unknown key 'colour'"),
        (ENTRY + 'cost = 1\nunless_before = "vowel"\npairs = [["P", "B"]]', r"unless_before must be a list"),
        (ENTRY + 'cost = 1\nunless_before = ["vowel"]\npairs = [["", "B"]]', r"an added symbol cannot have"),
        (
            ENTRY + 'cost = 1\npairs = [["P", "B"]]\n' + ENTRY + 'cost = 2\npairs = [["T", "D"], ["P", "B"]]',
            r"accepted\[1\] \(r\) P -> B: accepted already, in .*accepted\[0\] \(r\) P -> B",
        ),
    ],
)
def test_bad_files_are_refused_by_entry(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(AlignerError, match=r"bad\.toml: .*" + message):
        load_mispronunciations(file)


def test_a_missing_file_and_an_unknown_symbol_are_named(tmp_path: Path) -> None:
    with pytest.raises(AlignerError, match=r"nowhere\.toml: No such file"):
        load_mispronunciations(tmp_path / "nowhere.toml")
    file = tmp_path / "ours.toml"
    file.write_text('[[accepted]]\nrule = "r"\npairs = [["K", "QQ"]]\ncost = 9\n')
    with pytest.raises(AlignerError, match=r"ours\.toml: accepted\[0\] \(r\) K -> QQ: 'QQ' is not in the inventory"):
        phonetic_costs(INVENTORY, load_mispronunciations(file))
